package spendlog

import (
	"github.com/faultwire/faultwire/services/ingest/internal/jsonscan"
)

// metadata is what Faultwire reads of a row's metadata. A nil field is missing or
// null there.
type metadata struct {
	status       *string
	keyAlias     *string
	key          *string // user_api_key: the hash, in 1.67 the only place of it
	teamAlias    *string
	teamID       *string
	errorClass   *string
	errorCode    *string
	errorMessage *string
	traceback    *string
	llmProvider  *string
	// prompt is where proxy_server_request stands in the column's text: LiteLLM
	// 1.67 stores the prompt there. Empty if it holds nothing.
	prompt span
}

type span struct{ from, to int }

// metadataOf reads a row's metadata: NULL, null, an object, or a string that holds
// one. The fault is of package jsonscan; what was read before it counts.
func (l *Layout) metadataOf(row []Value) (m metadata, fault error) {
	doc, ok := text(row, l.metadata)
	if !ok {
		return metadata{}, nil
	}
	if len(doc) > 0 && doc[0] == '"' { // a string that holds JSON
		inner, _ := jsonscan.Text(doc)
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
			m.status = textOf(member)
		case "user_api_key_alias":
			m.keyAlias = textOf(member)
		case "user_api_key":
			m.key = textOf(member)
		case "user_api_key_team_alias":
			m.teamAlias = textOf(member)
		case "user_api_key_team_id":
			m.teamID = textOf(member)
		case "error_information":
			m.readError(member.Value)
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
			m.errorClass = textOf(member)
		case "error_code":
			m.errorCode = textOf(member)
		case "error_message":
			m.errorMessage = textOf(member)
		case "traceback":
			m.traceback = textOf(member)
		case "llm_provider":
			m.llmProvider = textOf(member)
		}
	}
}

// textOf is metadata->>'name'.
func textOf(m jsonscan.Member) *string {
	if s, ok := jsonscan.Text(m.Value); ok {
		return &s
	}
	return nil
}

// or returns the text, "" if there is none.
func or(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
