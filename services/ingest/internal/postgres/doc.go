// Package postgres opens the two kinds of connections to LiteLLM's database,
// for SQL and for replication, looks at the server and at LiteLLM's table, and
// tells faults of settings from those that pass by themselves.
package postgres
