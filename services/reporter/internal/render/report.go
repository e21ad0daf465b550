// Package render writes the report for people, llm_analysis_HHMMSS.txt.
//
// It computes nothing but sums, shares and columns: every number comes from
// package stats. What strangers wrote, model and key names, messages, the LLM's
// text, goes through package plain.
package render

import (
	"io"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
)

// Report is all that the text says.
type Report struct {
	Start, End time.Time      // of a live report: commit times, End exclusive
	Zone       *time.Location // report.timezone, for all times but those of a query
	// Window is analyzer.window: a kind that still failed in the last window of a
	// live report is "still firing".
	Window time.Duration
	Replay *Replay // nil: a live report

	Summary stats.Summary
	// BeganBefore counts the requests that began before Start.
	BeganBefore int
	Rate        *Rate         // nil: the requests were not counted
	Kinds       []event.Kind  // all, largest first
	Batches     []event.Batch // all, largest first
	// Opinions are the explanations by fingerprint, or why there is none. A kind of
	// our own calls and health checks alone has no entry.
	Opinions map[string]Opinion
	// LLMOff says why nobody is asked at all; empty: it is asked.
	LLMOff string

	// Expected is the number of failures the log was cut by; more than
	// Summary.Failures means that entries are gone.
	Expected int
	Remarks  []string // what doesn't agree: lines of ours
	Full     *File    // nil: not written
	Analysis *File
}

// Replay is what a replay was asked for.
type Replay struct {
	Asked  time.Time
	Query  event.Query
	Start  time.Time // the range read; zero without a time filter
	End    time.Time
	Funnel []event.FunnelStep
}

// Opinion is an explanation, or why there is none.
type Opinion struct {
	Explanation *event.Explanation
	Pending     string    // in words, when Explanation is nil
	Next        time.Time // when the LLM is asked again; zero: not known
}

// File says how much a file holds.
type File struct {
	Rows int
	Of   int    // rows of the report
	Rule string // how rows were chosen; empty: all are there
}

const (
	maxDetailed = 30  // kinds with all lines
	maxListed   = 200 // kinds with one line
	maxBatches  = 20
	maxNames    = 5   // names and counts in one line
	columns     = 110 // of wrapped text
	indent      = "   "
)

// Detailed is the number of kinds that are shown with their explanation.
func Detailed(kinds int) int { return min(kinds, maxDetailed) }

// Write writes the text.
func Write(to io.Writer, r *Report) error {
	p := &page{report: r}
	p.head()
	p.kinds()
	p.batches()
	p.foot()
	_, err := io.WriteString(to, p.text.String())
	return err
}
