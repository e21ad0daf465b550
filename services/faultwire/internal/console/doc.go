// Package console writes what a person at the terminal sees: the head of `run`, a
// line for each report, tables of kinds, the funnel of a replay, an excerpt of a
// report. It is text in, text out; names that strangers chose go through package
// plain.
package console
