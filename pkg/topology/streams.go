// Package topology names everything that lives in NATS: streams, subjects,
// headers, consumers and keys of the STATE bucket, and makes them.
//
// Model and key names never become part of a subject: a scanner can mint a
// million of them. What does is guarded by [Token].
package topology

import "time"

// Streams.
const (
	Failures     = "FAILURES"     // the log: failures and heartbeats, one writer
	IDs          = "IDS"          // ids of what the log holds
	Windows      = "WINDOWS"      // closed windows, one chain per run
	Periods      = "PERIODS"      // periods of reports, one chain per run
	Analyses     = "ANALYSES"     // one per window
	Kinds        = "KINDS"        // requests for explanations, one per kind and prompt
	Explanations = "EXPLANATIONS" // answers, one per kind and prompt
	Requests     = "REQUESTS"     // replays asked for
	Replays      = "REPLAYS"      // their rows and end markers
	DeadLetters  = "DEAD_LETTERS" // messages no service could handle, with the reason in their headers
)

// State is the key-value bucket for what is overwritten.
const State = "STATE"

// DuplicateWindow is how long FAILURES knows the Nats-Msg-Id of an entry: a net behind
// IDS and the expected sequence of every publish. An id takes the server 130 bytes of
// memory: in a storm of 5,000 a second 1.3 MB, in its default of two minutes 78.
const DuplicateWindow = 2 * time.Second

// Ages. WINDOWS, PERIODS and ANALYSES outlive the log twice over: a guard by
// expected sequence lasts only as long as the message it looks at.
const (
	FailuresAge = 14 * 24 * time.Hour
	idsAge      = FailuresAge // of what the log may hold, IDS knows
	chainAge    = 2*FailuresAge + 2*24*time.Hour
	opinionAge  = 30 * 24 * time.Hour // after that a kind is explained anew
	replayAge   = 24 * time.Hour
	deadAge     = 30 * 24 * time.Hour
)

// Consumers: durable, pull, explicit ack. Services bind them, they never make or
// delete one.
const (
	Analyst       = "analyst"        // on WINDOWS
	ReportWriter  = "report-writer"  // on PERIODS
	Replayer      = "replayer"       // on REQUESTS
	ReplayPlanner = "replay-planner" // on the end markers of REPLAYS
)

// AckWait is how long a message may stay unacknowledged before it is given to
// another worker; whoever works longer says so every third of it.
const AckWait = 60 * time.Second
