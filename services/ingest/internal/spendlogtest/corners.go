package spendlogtest

import "strings"

// CornerTable makes the table "corners": it has, besides what a Layout needs, a column of every type whose JSON is
// not obvious.
const CornerTable = `CREATE TABLE corners (
	request_id text PRIMARY KEY, "startTime" timestamp, metadata jsonb,
	"odd ""name"" \ ü	" text, b boolean, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, ts3 timestamp(3), tz timestamptz,
	js json, d date, tm time, tmz timetz, iv interval, u uuid, by bytea, ch char(5), vc varchar(9), nm name, o oid, ip inet)`

// Corners are statements that fill it, a row each.
func Corners() []string {
	quoted := func(s string) string { return `E'` + s + `'` }
	var controls strings.Builder
	for c := 1; c < 0x20; c++ {
		controls.WriteString(`\x` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
	}
	values := map[string][]string{
		"b": {"true", "false", "NULL"}, "i2": {"-32768"}, "i4": {"2147483647", "0"}, "i8": {"-9223372036854775808"},
		"f4":          {"1e-07", "3.4e38", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0.1"},
		"f8":          {"1e-07", "1e15", "1e16", "1e300", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0.1", "0.30000000000000004", "5e-324"},
		"n":           {"'NaN'", "'Infinity'", "'-Infinity'", "0.00000000000000000001", "1.50", "-0.0", "10::numeric ^ 130"},
		`"startTime"`: {"'2025-12-25 10:15:30'", "'2025-12-25 10:15:30.123456'", "'2025-12-25 10:15:30.120'", "'infinity'", "'-infinity'", "'0044-03-15 12:00:00 BC'", "'10000-01-01 00:00:00'", "'294276-12-31 23:59:59.999999'", "NULL"},
		"ts3":         {"'2025-12-25 10:15:30.1239'", "'0001-01-01 00:00:00'"},
		"tz":          {"'2025-12-25 10:15:30.5+08'", "'infinity'", "'0044-03-15 12:00:00+00 BC'", "'10000-01-01 00:00:00+05:30'"},
		"metadata":    {`'{"aa": 3, "a":1 ,"aa":2}'`, `'{"n": 1e400}'`, `'{"n": -0.0, "m": 1E-7, "k": 1.50}'`, `'"a string"'`, `'null'`, `'[]'`, `'1'`, `'{"a": "\u0001\u001f\u007f\u2028\ud83d\ude00<>&/"}'`, `'{"\u00e9\"\\": {"": []}}'`, "NULL"},
		"js":          {`'{"aa": 3, "a":1 ,"aa":2}'`, `' [1,  2]'`, `'"\u0041\/"'`},
		"vc":          {"''", `'"\"'`},
		"d":           {"'2025-02-28'", "'infinity'", "'0044-03-15 BC'"}, "tm": {"'23:59:59.5'"}, "tmz": {"'23:59:59+08'"}, "iv": {"'1 year 2 mons -3 days 04:05:06.7'"},
		"u": {"'2b583d35-979e-4ccd-9749-1fc811cf4a07'"}, "by": {`'\xdeadbeef'`}, "ch": {"'a'"}, "nm": {"'n'"}, "o": {"4294967295"}, "ip": {"'10.0.0.1/8'"},
		`"odd ""name"" \ ü	"`: {
			quoted(controls.String()), quoted(`\x7f\u0080\u2028\u2029\U0001F600<>&/\'"\\\\`), quoted(`模型-客服 \uFFFD\uFEFF`), "repeat('x\"é' || E'\\n', 2400000)", // 12 MB
		},
	}
	var inserts []string
	for column, all := range values {
		for _, v := range all {
			inserts = append(inserts, `INSERT INTO corners (request_id, `+column+`) VALUES (gen_random_uuid()::text, `+v+`)`)
		}
	}
	return append(inserts, `INSERT INTO corners (request_id) VALUES ('')`)
}
