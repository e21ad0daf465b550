// Package testkit gives tests their real parts: a PostgreSQL database each, an
// embedded broker, rows that LiteLLM wrote. It is never linked into a program.
//
// A test package that uses a database says so in its TestMain:
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
package testkit
