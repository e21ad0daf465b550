package fingerprint

import (
	"strings"

	"github.com/faultwire/faultwire/pkg/event"
)

// Rules is the version of the rules and the prefix of every id. Any change that
// moves an id of a known message is a new version.
const Rules = "f1"

// Limits of what is read and what is made, in bytes.
const (
	maxInput    = 32 << 10 // of Error.Message
	maxName     = 256      // of Error.Class, Code and Provider
	maxTemplate = 400
	maxText     = 2000
	maxTitle    = 80
)

// Error is what a failed row says about its error.
type Error struct {
	// Class is metadata.error_information.error_class: the name of the Python exception.
	Class string
	// Code is error_code: text, may be '' or no number ("content_filter", "Arrearage").
	Code string
	// Provider is llm_provider, else custom_llm_provider, as stored.
	Provider string
	// Message is error_message. LiteLLM up to 1.83 leaves it empty for a ProxyException.
	Message string
	// Traceback is used only when Message is blank: its last frames tell the kind.
	Traceback string
}

// Kind is the identity and the meaning of one error.
type Kind struct {
	// ID is "f1-" and 16 lower-case hex digits, derived from the content.
	ID string
	// Template is the masked text with slots like <n>, <id>, <host>, <model>,
	// <value>: valid UTF-8, no control characters, at most 400 bytes.
	Template string
	// Text is the innermost message as it was, unmasked, valid UTF-8, at most
	// 2,000 bytes: an exemplar. It is as hostile as the row it came from.
	Text string
	// Class says whose fault it is. All errors with one ID have one Class.
	Class event.Class
	// Title is a short heading from the class table, else the template's
	// beginning; at most 80 bytes.
	Title string
	// Check is one line on what an operator should look at. Never empty.
	Check string
}

// Of returns the kind of e. It never fails: bytes of any sort have a kind.
func Of(e Error) Kind {
	text, template, _ := read(&e)
	return kindOf(e, text, template)
}

// kindOf returns the kind of an error that was read.
func kindOf(e Error, text, template string) Kind {
	r := classify(e, template)
	k := Kind{
		ID:       identity(e, r, template),
		Template: template,
		Text:     clip(text, maxText),
		Class:    r.class,
		Title:    r.title,
		Check:    r.check,
	}
	if k.Title == "" {
		k.Title = titleOf(e, template)
	}
	if k.Check == "" {
		k.Check = checkOf(r.class)
	}
	return k
}

// name returns a short field without the spaces around it.
func name(s string) string { return strings.TrimSpace(clip(s, maxName)) }

// read trims the short fields and returns the innermost message with its template.
// traced: they are of the traceback.
func read(e *Error) (text, template string, traced bool) {
	e.Class, e.Code, e.Provider = name(e.Class), name(e.Code), name(e.Provider)
	text, partial := innermost(clip(e.Message, maxInput))
	if blank(text) {
		text, template = readTraceback(*e)
		return text, template, true
	}
	masked := text
	if partial {
		masked = wholeSentences(text)
	}
	if template = mask(masked); template == "" {
		// Nothing but control characters, quotes or courtesy.
		template = noMessage
	}
	return text, template, false
}

// blank reports whether a message says nothing: Python's words for nothing count.
func blank(s string) bool {
	switch strings.TrimSpace(s) {
	case "", "None", "null", "{}", "[]", "()", "''", `""`, "b''", `b""`:
		return true
	}
	return false
}

// titleOf makes a heading out of the template: its first sentence, in one line.
// A thin one has the exception before it, where that is in the id too.
func titleOf(e Error, template string) string {
	title := template
	if i := strings.Index(title, ". "); i > 20 {
		title = title[:i]
	}
	if name := tellingException(e); name != "" && words(template) <= thinWords && !strings.HasPrefix(template, noMessage) {
		title = name + ": " + title
	}
	if len(title) <= maxTitle {
		return title
	}
	title = clip(title, maxTitle-len("…"))
	if i := strings.LastIndexByte(title, ' '); i > maxTitle/2 {
		title = title[:i]
	}
	return title + "…"
}
