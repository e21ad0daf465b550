// Package redact takes secrets out of text and JSON before anything leaves
// ingest: provider keys, LiteLLM's keys in clear text, bearer tokens, JWTs,
// passwords in URLs, and whatever stands under a name like authorization or
// password.
//
// Secrets do occur in LiteLLM's rows: 1.83 with prompts stored writes the caller's
// key into proxy_server_request.secret_fields.raw_headers.authorization, 1.80 a
// malformed key into api_key and the message, and tracebacks quote URLs with keys
// (LiteLLM #8075).
//
// What is found becomes a marker like [redacted:key]; every other byte stays. The
// result is the same when redacted again. Hashes, ids, model names and keys that
// are masked already (sk-...8ac7) are left alone: people need them.
//
//	redact.go   Redactor, Text, JSON
//	find.go     one pass over a text; which byte may belong to which secret
//	prefix.go   secrets known by a beginning with '-' or '_': sk-, hf_, xoxb-
//	shape.go    secrets known by another beginning: AIza, AKIA, dapi, eyJ
//	scheme.go   Bearer …, Basic …
//	pem.go      private keys of PEM
//	url.go      ://user:…@host, ?key=…, webhooks
//	pair.go     secrets known by their name: api_key='…', "password": "…"
//	tuple.go    ('x-api-key', '…')
//	dsn.go      passwords in lists of settings: host=db password=…
//	pattern.go  what the operator's patterns find
//	name.go     the names
//	harmless.go values that are no secret whatever their name
//	quote.go    the strings of JSON
package redact
