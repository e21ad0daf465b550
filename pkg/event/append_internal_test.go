package event

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is appended is what encoding/json writes, for every field there is.
func TestAppend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f Failure
		fill(t, reflect.ValueOf(&f).Elem())
		f.Row = json.RawMessage(`{"n":1}`)
		want, err := encode(&f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.append([]byte("before "))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("before "+string(want), string(got)); diff != "" {
			t.Fatalf("-encoding/json +append:\n%s", diff)
		}
	})
}

// fill sets v to anything of its type.
func fill(t *rapid.T, v reflect.Value) {
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringMatching(`[\x00-\x1f"\\<>&\x{2028}\x{2029}\x{FFFD}]*`))
	switch v.Interface().(type) {
	case time.Time:
		zone := time.FixedZone("", 60*rapid.IntRange(-23*60, 23*60).Draw(t, "zone"))
		year := int64(365 * 24 * 3600)
		v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(-1000*year, 7000*year).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zone)))
		return
	case json.RawMessage:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.String:
		v.SetString(text.Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	default:
		t.Fatalf("a field of type %s: teach fill to set it", v.Type())
	}
}

// A time that JSON can't have is an error, as with encoding/json.
func TestAppendYear(t *testing.T) {
	t.Parallel()
	f := Failure{Started: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := Encode(&f); err == nil {
		t.Error("a year of five digits was encoded")
	}
}
