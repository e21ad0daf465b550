package spendlog_test

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// What LiteLLM keeps of a failure that the client didn't see.
func TestRescued(t *testing.T) {
	t.Parallel()
	type seen struct {
		Rescued                bool
		Model, Provider, Title string
		Class                  event.Class
	}
	for name, c := range map[string]struct {
		values map[string]string
		want   seen
	}{
		"by a fallback": {
			map[string]string{"metadata": `{"attempted_fallbacks": 1, "attempted_retries": 2, "original_model_group": "chat-primary"}`},
			seen{true, "chat-primary", "unknown", "Rescued by a fallback", event.ClassUnknown},
		},
		"by a retry": {
			map[string]string{"metadata": `{"attempted_fallbacks": 0, "attempted_retries": 2, "original_model_group": "other"}`},
			seen{true, "chat-spare", "unknown", "Rescued by a retry", event.ClassUnknown},
		},
		"the client left": {
			map[string]string{"metadata": `{"error_information": {"error_code": "499", "error_class": "ClientDisconnected", "error_message": "Client disconnected the request"}, "attempted_retries": 0}`},
			seen{true, "chat-spare", "anthropic", "Client disconnected the request", event.ClassClient},
		},
		"a failure with retries is none": {
			map[string]string{"status": "failure", "metadata": `{"attempted_retries": 2, "error_information": {"error_class": "Timeout", "error_message": "Timeout on reading data from socket"}}`},
			seen{false, "chat-spare", "anthropic", "Request timed out", event.ClassTimeout},
		},
	} {
		values := map[string]string{"status": "success", "model_group": "chat-spare", "custom_llm_provider": "anthropic"}
		maps.Copy(values, c.values)
		f := failure(t, spendlog.Options{Rescued: true}, values)
		got := seen{f.Rescued, f.Model, f.Provider, f.Title, f.Class}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
		if status := *f.Log.Status; status != values["status"] {
			t.Errorf("%s: status %q is not as stored", name, status)
		}
		if f.Check == "" || f.Fingerprint == "" || f.Template == "" {
			t.Errorf("%s: %+v", name, f)
		}
		for setting, want := range map[bool]bool{true: true, false: !c.want.Rescued} {
			if got := layout(t).Wanted(row(values), spendlog.Options{Rescued: setting}); got != want {
				t.Errorf("%s: with include_rescued %t it is wanted: %t", name, setting, got)
			}
		}
	}
	if layout(t).Wanted(row(map[string]string{"status": "success"}), spendlog.Options{Rescued: true}) {
		t.Error("a success is wanted")
	}
}

// testRescued: 1.106 alone leaves traces in the rows that we have.
func (s stored) testRescued(t *testing.T) {
	titles := map[string]int{}
	for _, row := range s.rows {
		if s.layout.Rescued(row) {
			f, err := s.layout.Failure(row, spendlog.Options{})
			if err != nil || !f.Rescued || f.Model == "chat-spare" {
				t.Errorf("%+v, %v", f, err)
			}
			titles[f.Title]++
		}
	}
	want := map[string]int{}
	if s.version == "1.106.0" && len(s.rows) > 500 {
		want = map[string]int{"Rescued by a fallback": 3, "Client disconnected the request": 3}
	}
	if diff := cmp.Diff(want, titles); diff != "" && (len(want) > 0 || s.version != "1.106.0") {
		t.Errorf("rescued requests (-want +got): %s", diff)
	}
}

// An alias that is not in the row is looked up by the hash of the key.
func TestAlias(t *testing.T) {
	t.Parallel()
	known := func(hash string) (string, bool) {
		switch hash {
		case hash64:
			return "客服 bot", true
		case strings.Repeat("0", 64):
			return "", true
		}
		return "", false
	}
	for name, c := range map[string]struct {
		values     map[string]string
		key        string
		attributed bool
	}{
		"column":           {map[string]string{"api_key": hash64}, "客服 bot", true},
		"1.67":             {map[string]string{"api_key": "", "metadata": `{"user_api_key": "` + hash64 + `"}`}, "客服 bot", true},
		"the column first": {map[string]string{"api_key": strings.Repeat("1", 64), "metadata": `{"user_api_key": "` + hash64 + `"}`}, strings.Repeat("1", 64), false},
		"in the row":       {map[string]string{"api_key": hash64, "metadata": `{"user_api_key_alias": "agent"}`}, "agent", false},
		"literal None":     {map[string]string{"api_key": hash64, "metadata": `{"user_api_key_alias": "None"}`}, "客服 bot", true},
		"unknown":          {map[string]string{"api_key": strings.Repeat("1", 64)}, strings.Repeat("1", 64), false},
		"an empty one":     {map[string]string{"api_key": strings.Repeat("0", 64)}, strings.Repeat("0", 64), false},
		"no key":           {nil, "unauthenticated", false},
	} {
		f := failure(t, spendlog.Options{Alias: known}, c.values)
		if f.Key != c.key || f.Attributed != c.attributed {
			t.Errorf("%s: %q, attributed %t, want %q, %t", name, f.Key, f.Attributed, c.key, c.attributed)
		}
		if f.Log.KeyName != nil && *f.Log.KeyName == "客服 bot" || strings.Contains(string(f.Row), "客服 bot") {
			t.Errorf("%s: what is stored changed", name)
		}
	}
}

// TestOwnRejected: of a call that LiteLLM rejects before routing only metadata is left.
func TestOwnRejected(t *testing.T) {
	t.Parallel()
	const tag = "faultwire-QRWNKDJ2"
	for metadata, own := range map[string]bool{
		`{"spend_logs_metadata": {"faultwire": "` + tag + `"}, "error_information": {"error_class": "ProxyException", "error_message": ""}}`: true,
		`{"spend_logs_metadata": {"a": 1, "faultwire": "` + tag + `"}}`:                                                                      true,
		`{"spend_logs_metadata": {"faultwire": "faultwire-GUESSED"}}`:                                                                        false,
		`{"spend_logs_metadata": {"other": "` + tag + `"}}`:                                                                                  false,
		`{"spend_logs_metadata": "` + tag + `"}`:                                                                                             false,
		`{"spend_logs_metadata": null}`:                                                                                                      false,
		`{"faultwire": "` + tag + `"}`:                                                                                                       false,
	} {
		if f := failure(t, spendlog.Options{OwnUser: tag}, map[string]string{"metadata": metadata}); f.Own != own {
			t.Errorf("%s: own = %t", metadata, f.Own)
		}
		if f := failure(t, spendlog.Options{}, map[string]string{"metadata": metadata}); f.Own {
			t.Errorf("%s: own without a tag", metadata)
		}
	}
}

var lastFrame = regexp.MustCompile(`, in (\w+)`)

// TestWithoutMessage: an unknown key, an expired one and a model that the key may not
// call have no message up to 1.83, and are three kinds, the same in all releases.
func TestWithoutMessage(t *testing.T) {
	t.Parallel()
	kinds := map[string][]string{} // fingerprints by the function that raised it
	for _, version := range []string{"1.67.2", "1.80.10", "1.83.14"} {
		l, rows, _ := fromJSON(t, version)
		for _, row := range rows {
			if !slices.ContainsFunc(row, func(v spendlog.Value) bool { return bytes.Contains(v.Text, []byte(`"ProxyException"`)) }) {
				continue
			}
			f, err := l.Failure(row, spendlog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if *f.Log.ErrorType != "ProxyException" || *f.Log.ErrorMessage != "" {
				continue
			}
			frames := lastFrame.FindAllStringSubmatch(string(f.Row), -1)
			function := frames[len(frames)-1][1]
			if f.Class != event.ClassAuth {
				t.Errorf("%s, %s: class %s", version, function, f.Class)
			}
			if !slices.Contains(kinds[function], f.Fingerprint) {
				kinds[function] = append(kinds[function], f.Fingerprint)
			}
		}
	}
	all := map[string]bool{}
	for function, ids := range kinds {
		if len(ids) != 1 {
			t.Errorf("%s is of %d kinds", function, len(ids))
		}
		all[ids[0]] = true
	}
	if len(kinds) != 3 || len(all) != 3 {
		t.Errorf("kinds: %v", kinds)
	}
}

// TestPromptInMetadata: LiteLLM 1.67 keeps the prompt there; a large one is cut as a
// prompt, and the rest stays.
func TestPromptInMetadata(t *testing.T) {
	t.Parallel()
	f := failure(t, spendlog.Options{}, map[string]string{
		"metadata": `{"a": 1, "proxy_server_request": {"body": "` + strings.Repeat("x", 3<<20) + `"}, "b": 2}`,
	})
	if !strings.Contains(string(f.Row), `"metadata":{"a": 1, "proxy_server_request": {"cut":"prompt","bytes":3145740}, "b": 2}`) {
		t.Errorf("%.500s", f.Row)
	}
}

// TestLargeTexts: of a text past what is read the beginning is left, marked with the
// size of the whole, without half a secret.
func TestLargeTexts(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("word ", 300_000)
	f := failure(t, spendlog.Options{Redactor: redact.New(redact.Options{})}, map[string]string{
		"model": large, "model_group": large, "team_id": large, "custom_llm_provider": large,
		"metadata": `{"error_information": {"error_message": "` + large + `", "traceback": "` + large + `"}}`,
	})
	for _, text := range []*string{f.Log.Model, f.Log.ErrorMessage} {
		if len(*text) < 50_000 || len(*text) > 60_000 || !regexp.MustCompile(`word… \[cut: 150000[02] bytes\]$|word … \[cut: 150000[02] bytes\]$`).MatchString(*text) {
			t.Errorf("%d bytes, …%q", len(*text), (*text)[len(*text)-40:])
		}
	}
	if len(f.Model) > 256 || len(f.Team) > 256 || len(f.Provider) > 256 {
		t.Errorf("names of %d, %d, %d bytes", len(f.Model), len(f.Team), len(f.Provider))
	}
	for pad := 0; pad < 60; pad += 7 { // a key across the place where reading ends
		text := strings.Repeat("x", 512<<10-30-pad) + " sk-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ tail"
		f := failure(t, spendlog.Options{Redactor: redact.New(redact.Options{}), MaxBytes: 64 << 20}, map[string]string{"model": text, "metadata": `{"error_information": {"error_message": "` + text + `"}}`})
		if strings.Contains(*f.Log.Model, "sk-") || strings.Contains(*f.Log.ErrorMessage, "sk-") {
			t.Fatalf("half a key is left: …%s", (*f.Log.Model)[len(*f.Log.Model)-60:])
		}
	}
}

// TestNoRequestID: the text None is the id of many requests (up to 1.83); their times
// tell them apart.
func TestNoRequestID(t *testing.T) {
	t.Parallel()
	ids := map[event.ID]bool{}
	for _, at := range []string{"2025-12-25 10:15:30.123", "2025-12-25 10:15:30.124", "2025-12-25 10:15:30.124"} {
		f := failure(t, spendlog.Options{}, map[string]string{"request_id": "None", "startTime": at})
		if *f.Log.RequestID != "None" {
			t.Errorf("request_id %q", *f.Log.RequestID)
		}
		ids[f.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("%d ids", len(ids))
	}
}
