// Package bench measures ingest against the limit that PostgreSQL sets: both it and
// pg_recvlogical drain the same WAL through the same row filter, in turns, on one
// machine. docs/benchmarks.md says what came of it. Linux only: it reads /proc.
package bench
