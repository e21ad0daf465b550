// Package config loads the settings of every faultwire program: one strict
// loader, one struct.
//
// A setting is known by its path, such as analyzer.window. It comes from, in
// order of precedence: a flag, its environment variable (FAULTWIRE_ANALYZER_WINDOW),
// DATABASE_URL (for postgres.url alone), the YAML file, its default. Whatever is
// unknown, of the wrong type or out of range is a [Fault]; [Load] reports all of
// them at once, each with its path, where it came from and the remedy.
//
// Secrets never appear in a fault, a log line or a dump: see [Secret] and [URL].
package config
