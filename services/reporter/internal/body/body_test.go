package body_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/reporter/internal/body"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FuzzFailure: whatever the texts of a failure hold, it is taken apart as
// event.Decode reads it.
func FuzzFailure(f *testing.F) {
	f.Add(`a text with },"row": in it`, `{"request_id":{"x":1},"row":[1, 2]}`, "model")
	f.Add("\x00\xff\"}", `null`, `},"row":`)
	f.Fuzz(func(t *testing.T, s, row, model string) {
		if !json.Valid([]byte(row)) {
			return
		}
		in := &event.Failure{
			V: event.Version, Text: s, Model: model, Template: s, Log: event.LogEntry{ErrorMessage: new(s)}, Row: json.RawMessage(row),
			Position: event.Position{System: model, Row: 7}, Committed: time.Unix(1, 0).UTC(),
		}
		data, err := event.Encode(in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := event.Decode[event.Failure](data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := body.Failure(data)
		if err != nil {
			t.Fatal(err)
		}
		want.Row = json.RawMessage(row) // encoding/json drops blanks around it
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
	})
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "{", `{"v":1,"log":{},"row":`, `[]`} {
		if f, err := body.Failure([]byte(data)); err == nil {
			t.Errorf("%q: %+v", data, f)
		}
	}
}
