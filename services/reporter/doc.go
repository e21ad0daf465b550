// Package reporter makes what people and Prometheus see of the log: dated files
// for every period and replay, and the counters of failures.
//
// Of any number of reporters on one log one is active, by a lease; the others wait
// and export no metric of the log. Files are exactly once, whatever is killed when:
// see internal/dayfile and internal/report. Counters are a function of the log: see
// internal/counters.
package reporter
