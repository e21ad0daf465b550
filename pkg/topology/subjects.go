package topology

import (
	"strconv"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// AllFailures selects the failures and heartbeats of the log.
const AllFailures = "failures.>"

// HeartbeatSubject is the subject of heartbeats.
const HeartbeatSubject = "failures.heartbeat"

// AllWindows and the like select a stream's messages of every run and epoch.
const (
	AllIDs          = "ids.>"
	AllWindows      = "windows.>"
	AllPeriods      = "periods.>"
	AllAnalyses     = "analyses.>"
	AllKinds        = "kinds.>"
	AllExplanations = "explanations.>"
	AllRequests     = "requests.>"
	AllReplays      = "replays.>"
	AllReplayEnds   = "replays.*.end"
	AllDeadLetters  = "dead.>"
)

// FailureSubject is where a failure of class c is published.
func FailureSubject(c event.Class) string {
	if !c.Valid() {
		c = event.ClassUnknown
	}
	return "failures." + string(c)
}

// IDsOf are the ids of one life of the log.
func IDsOf(epoch string) string { return "ids." + epoch + ".>" }

// IDsSubject holds the ids of rows whose startTime lies in start's hour (UTC), of
// one life of the log: what another one held says nothing.
func IDsSubject(epoch string, start time.Time) string {
	return "ids." + epoch + "." + start.UTC().Format("2006010215")
}

// WindowsSubject is the chain of windows of one run and epoch.
func WindowsSubject(run, epoch string) string { return "windows." + Token(run) + "." + Token(epoch) }

// PeriodsSubject is the chain of periods of one run and epoch.
func PeriodsSubject(run, epoch string) string { return "periods." + Token(run) + "." + Token(epoch) }

// AnalysisSubject holds the analysis of the window that starts at start.
func AnalysisSubject(run, epoch string, start time.Time) string {
	return "analyses." + Token(run) + "." + Token(epoch) + "." + strconv.FormatInt(start.Unix(), 10)
}

// KindSubject holds the request to explain a kind with a prompt ("p1-en").
func KindSubject(fingerprint, prompt string) string {
	return "kinds." + Token(fingerprint) + "." + Token(prompt)
}

// ExplanationSubject holds the answer to [KindSubject].
func ExplanationSubject(fingerprint, prompt string) string {
	return "explanations." + Token(fingerprint) + "." + Token(prompt)
}

// RequestSubject holds the request for replay id.
func RequestSubject(id string) string { return "requests." + Token(id) }

// ReplaySubject holds the rows of replay id, [ReplayEndSubject] its end marker.
func ReplaySubject(id string) string { return "replays." + Token(id) }

// ReplayEndSubject holds the end marker of replay id.
func ReplayEndSubject(id string) string { return ReplaySubject(id) + ".end" }

// DeadLetterSubject takes what consumer could not handle.
func DeadLetterSubject(consumer string) string { return "dead." + Token(consumer) }

// Log returns the stream and the subject filter that hold the failures of run.
func Log(run string) (stream, filter string) {
	if run == event.RunLive {
		return Failures, AllFailures
	}
	return Replays, ReplaySubject(run)
}

// InstallKey holds the random tag of this installation, which marks our own calls
// to the LLM.
const InstallKey = "install"

// allLeases selects the keys of all leases.
const allLeases = "lease.*"

// LeaseKey is the key of the lease that name's holder keeps.
func LeaseKey(name string) string { return "lease." + Token(name) }

// CountersKey holds one chunk of the counters.
func CountersKey(epoch string, chunk int) string {
	return "counters." + Token(epoch) + "." + strconv.Itoa(chunk)
}

// PendingKey says why a kind has no explanation yet.
func PendingKey(fingerprint, prompt string) string {
	return "pending." + Token(fingerprint) + "." + Token(prompt)
}

// BudgetKey counts the calls to the LLM.
const BudgetKey = "llm.budget"

// OutcomeKey holds what became of the last period of run.
func OutcomeKey(run string) string { return "outcome." + Token(run) }
