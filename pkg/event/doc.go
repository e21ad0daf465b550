// Package event holds the wire types: what travels over the log and the other
// streams between ingest, analyzer and reporter.
//
// Every type is a version, plain fields and JSON, so that a stored entry can be
// read by a later release and by hand (`nats stream get`). The golden files in
// testdata are the contract: a change of theirs is a change of [Version].
//
// The package depends on the standard library alone. Names of streams, subjects
// and headers are in package topology.
package event

// Version is the version of all wire types of this package. Readers refuse an
// entry with a higher one (see [Decode]).
const Version = 1
