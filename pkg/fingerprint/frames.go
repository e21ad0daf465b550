package fingerprint

import "strings"

// noMessage is the template of an error that says nothing at all.
const noMessage = "(no message)"

// A frame says what an exception without a message means by the function that
// raised it. LiteLLM up to 1.83.14 writes an empty error_message for a
// ProxyException; the texts are those which later releases write there, so that an
// upgrade doesn't make a new kind.
type frame struct {
	exception, function string
	template            string
}

// frames is read-only.
var frames = []frame{
	{"ProxyException", "get_key_object", "Authentication Error, Invalid proxy server token passed. Received API Key = <key>, " +
		"Key Hash (Token) =<id>. Unable to find token in cache or 'LiteLLM_VerificationTokenTable'"},
	{"ProxyException", "_user_api_key_auth_builder", "Authentication Error - Expired Key. Key Expiry time <time> and current time <time>"},
	{"ProxyException", "can_key_call_model", "key not allowed to access model. This key can only access models=<list>. Tried to access <model>"},
	{"ProxyException", "can_team_access_model", "team not allowed to access model. This team can only access models=<list>. Tried to access <model>"},
	{"ProxyException", "can_user_call_model", "user not allowed to access model. This user can only access models=<list>. Tried to access <model>"},
	{"ProxyException", "can_org_access_model", "org not allowed to access model. This org can only access models=<list>. Tried to access <model>"},
}

// passing are functions that raise or re-raise for their caller: the caller tells.
var passing = set("wrapper", "async_wrapper", "_can_object_call_model")

// readTraceback returns text and template of an error without a message.
func readTraceback(e Error) (text, template string) {
	names, last := lastFrames(e.Traceback)
	if last != "" {
		// Python's own last line, "KeyError: 'choices'".
		if text, _ := innermost(last); !blank(text) {
			if template := mask(text); template != "" {
				return text, template
			}
		}
	}
	name := exceptionName(e.Class)
	if len(names) == 0 {
		if name == "" {
			return "", noMessage
		}
		return "", noMessage + " " + name
	}
	text = noMessage + " " + name + " raised in " + strings.Join(names, ", called by ")
	for _, f := range frames {
		if f.exception == name && f.function == names[0] {
			return text, f.template
		}
	}
	return text, clip(mask(text), maxTemplate)
}

// lastFrames returns the functions of the last frames of a traceback, innermost
// first, at most three, and the traceback's last line if that names an exception.
func lastFrames(traceback string) (names []string, last string) {
	const look = 8 << 10
	if len(traceback) > look {
		traceback = traceback[len(traceback)-look:]
	}
	traceback = clip(traceback, look)
	if line, ok := lastLine(traceback); ok && strings.Contains(line, ": ") {
		last = line
	}
	for rest := traceback; len(names) < 3; {
		i := strings.LastIndex(rest, ", in ")
		if i < 0 {
			break
		}
		name, _, _ := strings.Cut(rest[i+len(", in "):], "\n")
		rest = rest[:i]
		if name = identifier(strings.TrimSpace(name)); name == "" {
			continue
		}
		if _, ok := passing[name]; ok && len(names) == 0 {
			continue
		}
		names = append(names, name)
	}
	return names, last
}

// exceptionName returns the exception's name without its module.
func exceptionName(class string) string {
	class = identifier(class)
	return class[strings.LastIndexByte(class, '.')+1:]
}
