// Package fingerprint says which kind an error is: it turns the text of a failed
// row into a template, an id, a class, a title and one line of advice.
//
// [Of] is a pure function: no state, no training, no order. The same error has the
// same [Kind] on every node. The way of a text through the package, one file a step:
//
//	envelope.go   cut what LiteLLM put around the provider's message
//	inner.go      walk JSON, Python reprs, HTML, tracebacks to the innermost message
//	frames.go     a row without a message: the last frames of its traceback
//	mask.go       one pass over the bytes: what varies becomes a slot (<n>, <id>, …)
//	shape.go      what a single word is by its shape
//	words.go      the words the mask knows: what precedes a model, courtesy sentences
//	rules.go      the class table: words, exception, code → class, title, check
//	identity.go   what goes into the id
//
// The costly mistake is a wrong merge: two causes under one id hand someone the
// advice for another fault. A split costs one more explanation. In doubt, split.
//
// Work is bounded whatever comes in: the first 32 KB are looked at, every search
// has a limit, and nothing panics.
package fingerprint
