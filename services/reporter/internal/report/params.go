package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
)

// Params is query_params_HHMMSS.json: what was asked, by which settings, and what
// came of it. It holds no secret. Times are RFC 3339 in report.timezone, those of
// a query naive UTC as LiteLLM stores them.
type Params struct {
	Report   string  `json:"report"` // id: run, epoch and start
	Run      string  `json:"run"`    // "live", or the id of a replay
	Asked    *string `json:"asked"`  // of a replay: when it was asked for
	Start    *string `json:"start"`  // live: commit times, end exclusive; replay: startTime, both inclusive
	End      *string `json:"end"`
	Timezone string  `json:"timezone"`
	Settings struct {
		Query  *QueryParams `json:"query"` // null for a live report
		LLM    LLMParams    `json:"llm"`
		Output OutputParams `json:"output"`
	} `json:"settings"`
	Funnel  []event.FunnelStep `json:"funnel"` // failures left after each filter
	Failed  string             `json:"failed,omitempty"`
	Result  ResultParams       `json:"result"`
	Files   []string           `json:"files"` // of this set, in this folder
	Version string             `json:"version"`
}

// QueryParams has the names of the old tool's QUERY_CONFIG.
type QueryParams struct {
	StartTime     *string `json:"start_time"`
	EndTime       *string `json:"end_time"`
	KeyName       *string `json:"key_name"`
	Model         *string `json:"model"`
	Limit         int     `json:"limit"`
	UseTimeFilter bool    `json:"use_time_filter"`
	DaysBack      int     `json:"days_back"`
}

// LLMParams has the names of the old tool's LLM_CONFIG, without the key.
type LLMParams struct {
	Enabled bool    `json:"enabled"`
	APIURL  string  `json:"api_url"`
	Model   string  `json:"model"`
	Timeout float64 `json:"timeout"` // seconds
}

// OutputParams has the names of the old tool's OUTPUT_CONFIG.
type OutputParams struct {
	OutputDir        string `json:"output_dir"`
	SaveFullLogs     bool   `json:"save_full_logs"`
	SaveAnalysisLogs bool   `json:"save_analysis_logs"`
	SaveLLMResult    bool   `json:"save_llm_result"`
	MaxRows          int    `json:"max_rows"`
}

// ResultParams is what came of it.
type ResultParams struct {
	Failures int `json:"failures"`
	Missing  int `json:"missing"` // discarded from the log before the report was made
	// Incomplete: failures of this time may be missing; Late were read later than they
	// were committed, out of LiteLLM's table.
	Incomplete bool `json:"incomplete"`
	Late       int  `json:"late"`
	// Requests and RequestsFailed are counted in LiteLLM's table by startTime; null:
	// they are not.
	Requests       *int `json:"requests"`
	RequestsFailed *int `json:"requests_failed"`
	Kinds          int  `json:"kinds"`
	Batches        int  `json:"batches"` // window × model × key
	Windows        int  `json:"windows"`
	RowsFull       int  `json:"rows_full"`     // in error_logs_full
	RowsAnalysis   int  `json:"rows_analysis"` // in error_logs_analysis
	Explained      int  `json:"explained"`     // kinds with an explanation
	Pending        int  `json:"pending"`       // kinds that wait for one
}

// writeParams writes the last file of a set: where it lies the set is complete.
func (w *Writer) writeParams(j *job, set *dayfile.Set) error {
	p := w.params(j)
	p.Files = append(set.Files(), set.Name(dayfile.Params))
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(p); err != nil {
		return fmt.Errorf("encode query_params: %w", err)
	}
	file, err := set.Create(dayfile.Params)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(text.Bytes()); err != nil {
		return err
	}
	return file.Commit()
}

func (w *Writer) params(j *job) *Params {
	p := &Params{Report: j.id, Run: j.period.Run, Timezone: j.zone.String(), Funnel: []event.FunnelStep{}, Version: w.config.Version}
	if r := j.replay; r == nil {
		p.Start, p.End = moment(j.period.Start, j.zone), moment(j.period.End, j.zone)
	} else {
		p.Asked, p.Start, p.End = moment(r.Request.Asked, j.zone), naive(&r.Start), naive(&r.End)
		p.Funnel, p.Failed = append(p.Funnel, r.Funnel...), r.Failed
		p.Settings.Query = queryParams(&r.Request.Query)
	}
	llm, output := w.config.LLM, w.config.Output
	p.Settings.LLM = LLMParams{
		Enabled: llm.Enabled && (j.replay == nil || !j.replay.Request.NoLLM), APIURL: withoutSecrets(llm.URL), Model: llm.Model, Timeout: llm.Timeout.Seconds(),
	}
	p.Settings.Output = OutputParams{
		OutputDir: w.folder.Dir(), SaveFullLogs: output.SaveFullLogs, SaveAnalysisLogs: output.SaveAnalysisLogs, SaveLLMResult: output.SaveLLMResult, MaxRows: output.MaxRows,
	}
	if j.stats != nil {
		s := j.stats.Summary()
		p.Result = ResultParams{
			Failures: s.Failures, Missing: max(0, j.period.N-s.Failures), Incomplete: j.period.Gap, Late: s.Gap, Kinds: s.Kinds, Batches: s.Batches, Windows: len(j.windows),
			RowsFull: j.rowsFull, RowsAnalysis: j.rowsAnalysis, Explained: len(j.opinions) - j.unexplained(), Pending: j.unexplained(),
		}
	}
	if rate := j.counted(); rate != nil {
		p.Result.Requests, p.Result.RequestsFailed = &rate.Requests, &rate.Failed
	}
	return p
}

func queryParams(q *event.Query) *QueryParams {
	return &QueryParams{
		StartTime: naive(q.Start), EndTime: naive(q.End), KeyName: orNull(q.Key), Model: orNull(q.Model),
		Limit: q.Limit, UseTimeFilter: q.TimeFilter, DaysBack: q.Days,
	}
}

func moment(t time.Time, zone *time.Location) *string {
	s := t.In(zone).Format(time.RFC3339)
	return &s
}

// naive writes a time as LiteLLM stores it; null for none.
func naive(t *time.Time) *string {
	if t == nil || t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02 15:04:05.999")
	return &s
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// withoutSecrets drops user, password and query of a URL; some take the key there.
func withoutSecrets(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
