package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// TestHostileText: whatever strangers put into any field, the JSON files hold it as
// it is, and the text for people is harmless.
func TestHostileText(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for i, hostile := range []string{
		"\x1b[2J\x1b]0;title\x07", "a\nb\r\n\tc", "\u202e\u2066evil\u2069", "*.>", "'; DROP TABLE \"LiteLLM_SpendLogs\"; --", "../../etc/passwd",
		"<script>alert(1)</script>&amp;", "模型-客服 🚨", "", "\x00", strings.Repeat("长", 20_000), "{{.}} %s %!d(MISSING)", "],\n[", `\u0000`,
	} {
		at := start
		f := failure(i, at, kind{
			fingerprint: "f1-" + string(rune('a'+i)), title: hostile, template: hostile, model: hostile, key: hostile, provider: hostile, code: hostile, class: event.ClassUnknown,
		})
		f.Team, f.Check, f.Text = hostile, hostile, hostile
		f.Log = event.LogEntry{RequestID: &hostile, Time: &hostile, Model: &hostile, KeyName: &hostile, Status: &hostile, ErrorType: &hostile, ErrorMessage: &hostile}
		row, err := event.Encode(map[string]string{"request_id": hostile})
		if err != nil {
			t.Fatal(err)
		}
		f.Row = row
		p := s.live(start).window(at, f)
		p.Start, p.End = start.AddDate(0, 0, -i), start.AddDate(0, 0, -i).Add(12*window)
		p.windows[0].Start = at.AddDate(0, 0, -i)
		p.analyses[0].Window = p.windows[0]
		p.First, p.Last = p.windows[0].Start, p.windows[0].Start
		p.analyse().publish("periods.live."+s.store.Epoch, &p.Period)
		p.publish("windows.live."+s.store.Epoch, &p.windows[0])

		stop := s.run()
		s.outcomeOf(p)
		stop()
		day := p.Start.Format("2006-01-02")
		if got := s.rows(day + "/error_logs_full_100000.json")[0]["request_id"]; got != hostile {
			t.Errorf("full: %q became %q", hostile, got)
		}
		for field, got := range s.rows(day + "/error_logs_analysis_100000.json")[0] {
			if got != hostile {
				t.Errorf("%s: %q became %q", field, hostile, got)
			}
		}
		text := s.read(day + "/llm_analysis_100000.txt")
		if !utf8.ValidString(text) {
			t.Errorf("%q: the text is no UTF-8", hostile)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || len(line) > 2000 {
				t.Errorf("%q: line %q", hostile, line)
			}
		}
		if !json.Valid([]byte(s.read(day + "/query_params_100000.json"))) {
			t.Errorf("%q: query_params is no JSON", hostile)
		}
	}
}

// outcomeOf waits for a report that is older than the last one, whose outcome is
// therefore not kept: for its last file.
func (s *scene) outcomeOf(p *period) {
	s.t.Helper()
	e := s.logs.Wait(s.t, wait, "report written: "+p.report(), func(e testkit.LogEntry) bool {
		return e.Message == "report written" && e.Attrs["report"] == p.report()
	})
	if e.Attrs["failures"] != int64(1) {
		s.t.Errorf("logged %v", e.Attrs)
	}
}
