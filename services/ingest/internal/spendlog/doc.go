// Package spendlog reads rows of LiteLLM's table "LiteLLM_SpendLogs", whatever
// release wrote them: from text as Postgres sends it, through the WAL or a SELECT,
// to JSON and to an [event.Failure].
//
// It is the only package that knows the columns. A [Layout] is made once for the
// columns of a Relation message or a query and finds them by name, because every
// release adds some.
//
// [Layout.JSON] prints a row byte for byte as Postgres' row_to_json does (the same
// on 14 to 18), so that a row of a replay and a row of the stream are one. For that
// the connection must have these settings, which win over ALTER ROLE … SET when
// given at its start:
//
//	datestyle=ISO intervalstyle=postgres extra_float_digits=1 timezone=UTC
//	bytea_output=hex client_encoding=UTF8 (SQL_ASCII in such a database)
//
// Row_to_json makes JSON arrays of arrays, objects of composites, and looks through
// domains; LiteLLM's table has none of them. Here such a column becomes a string of
// its text form; [Layout.Strange] names it. Text that isn't valid UTF-8 (possible in
// a SQL_ASCII database) is repaired with U+FFFD.
//
// Nothing that is returned holds on to the bytes of a row.
package spendlog
