package spendlog

import (
	"bytes"
	"unicode/utf8"

	"github.com/faultwire/faultwire/services/ingest/internal/jsonscan"
)

// metadata is what Faultwire reads of a row's metadata.
type metadata struct {
	status       value
	keyAlias     value
	key          value // user_api_key: the hash, in 1.67 the only place of it
	teamAlias    value
	teamID       value
	errorClass   value
	errorCode    value
	errorMessage value
	llmProvider  value
	traceback    []byte // its JSON: it is large and hardly ever of use, see [metadata.trace]
	// group is original_model_group: what the client called, when a fallback answered
	// (from 1.106). retried and fellBack say that LiteLLM tried again, classified that
	// errorClass is a text.
	group                         value
	retried, fellBack, classified bool
	// own is our tag in spend_logs_metadata, see [Layout.isOwn].
	own value
	// prompt is where proxy_server_request stands in the column's text: LiteLLM
	// 1.67 stores the prompt there. Empty if it holds nothing.
	prompt span
}

type span struct{ from, to int }

// value is a text of the metadata. A row may have 50 MB: of more than maxRead bytes
// only the beginning is here.
type value struct {
	text string
	size int  // of the whole, in bytes; of one that is not whole here, as JSON writes it
	ok   bool // it is there, and not null
}

// maxRead is how much of one text is looked at, in bytes of its JSON: several times
// what is left of it in the end.
const (
	maxRead  = 512 << 10
	maxInner = 4 << 20 // of metadata that is a string
)

// ownMember is the member of spend_logs_metadata that has the tag of Faultwire's
// own calls.
const ownMember = "faultwire"

// metadataOf reads a row's metadata: NULL, null, an object, or a string that holds
// one. The fault is of package jsonscan; what was read before it counts.
func (l *Layout) metadataOf(row []Value) (m metadata, fault error) {
	doc, ok := text(row, l.metadata)
	if !ok {
		return metadata{}, nil
	}
	if len(doc) > 0 && doc[0] == '"' { // a string that holds JSON
		inner, _ := jsonscan.Beginning(doc, maxInner)
		m, fault = readMetadata([]byte(inner))
		m.prompt = span{} // of the inner text, which isn't the column's
		return m, fault
	}
	if string(doc) == "null" {
		return metadata{}, nil
	}
	return readMetadata(doc)
}

func readMetadata(doc []byte) (m metadata, fault error) {
	for member, err := range jsonscan.Members(doc) {
		if err != nil {
			return m, err
		}
		switch string(member.Name) {
		case "status":
			m.status = memberOf(member)
		case "user_api_key_alias":
			m.keyAlias = memberOf(member)
		case "user_api_key":
			m.key = memberOf(member)
		case "user_api_key_team_alias":
			m.teamAlias = memberOf(member)
		case "user_api_key_team_id":
			m.teamID = memberOf(member)
		case "original_model_group":
			m.group = memberOf(member)
		case "attempted_retries":
			m.retried = positive(member.Value)
		case "attempted_fallbacks":
			m.fellBack = positive(member.Value)
		case "error_information":
			m.readError(member.Value)
		case "spend_logs_metadata":
			m.readOwn(member.Value)
		case "proxy_server_request":
			if !holdsNothing(member.Value) {
				m.prompt = span{member.At, member.At + len(member.Value)}
			}
		}
	}
	return m, nil
}

// readError reads error_information. Something else than an object there says
// nothing, and LiteLLM writes null on success.
func (m *metadata) readError(doc []byte) {
	for member, err := range jsonscan.Members(doc) {
		if err != nil {
			return
		}
		switch string(member.Name) {
		case "error_class":
			m.errorClass = memberOf(member)
			m.classified = len(member.Value) > len(`""`) && member.Value[0] == '"'
		case "error_code":
			m.errorCode = memberOf(member)
		case "error_message":
			m.errorMessage = memberOf(member)
		case "traceback":
			m.traceback = member.Value
		case "llm_provider":
			m.llmProvider = memberOf(member)
		}
	}
}

func (m *metadata) readOwn(doc []byte) {
	for member, err := range jsonscan.Members(doc) {
		if err != nil {
			return
		}
		if string(member.Name) == ownMember {
			m.own = memberOf(member)
		}
	}
}

// memberOf is metadata->>'name'.
func memberOf(m jsonscan.Member) value {
	text, ok := jsonscan.Beginning(m.Value, maxRead)
	size := len(text)
	if len(m.Value) > maxRead {
		size = len(m.Value)
	}
	return value{text, size, ok}
}

// trace is the traceback, of a very large one its end.
func (m *metadata) trace() string {
	text, _ := jsonscan.Ending(m.traceback, maxRead)
	return text
}

// valueOf is the text of a column.
func valueOf(b []byte) value {
	n := len(b)
	if n <= maxRead {
		s := string(repaired(b))
		return value{s, len(s), true}
	}
	for n = maxRead; n > 0 && !utf8.RuneStart(b[n]); n-- {
	}
	return value{string(repaired(b[:n])), len(b), true}
}

// positive reports whether a value is a number above 0. Postgres stores numbers
// without exponents.
func positive(value []byte) bool {
	return len(value) > 0 && '0' <= value[0] && value[0] <= '9' && bytes.ContainsAny(value, "123456789")
}
