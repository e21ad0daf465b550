package spendlog

import (
	"fmt"
	"strings"
	"sync"

	"github.com/faultwire/faultwire/pkg/fingerprint"
)

// Column is a column of a Relation message or of a query's result.
type Column struct {
	Name string
	OID  uint32 // of its type
}

// Value is a value of a row in Postgres' text format.
type Value struct {
	Null      bool
	Unchanged bool // left out of the message, see [ErrUnchanged]
	Text      []byte
}

// Layout knows where the columns are. It may be used by several goroutines.
type Layout struct {
	columns []Column
	names   []string // `"name":`
	forms   []form

	requestID, startTime, metadata          int // always there
	endTime, status, model, modelGroup      int // -1 = this release has no such column
	provider, apiKey, teamID, endUser, tags int
	messages, response, proxyRequest        int

	kinds fingerprint.Cache // of the rows read with it
	plans sync.Pool         // of *plan
}

// NewLayout makes the layout of a table or a query. The error wraps
// [ErrNotSpendLogs] and names what is missing.
func NewLayout(columns []Column) (*Layout, error) {
	l := &Layout{columns: columns}
	at := make(map[string]int, len(columns))
	for i, c := range columns {
		at[c.Name] = i
		l.names = append(l.names, string(appendString(nil, []byte(c.Name)))+":")
		l.forms = append(l.forms, formOf(c.OID))
	}
	find := func(name string) int {
		if i, ok := at[name]; ok {
			return i
		}
		return -1
	}
	var missing []string
	need := func(name string) int {
		i := find(name)
		if i < 0 {
			missing = append(missing, name)
		}
		return i
	}
	l.requestID, l.startTime, l.metadata = need("request_id"), need("startTime"), need("metadata")
	l.endTime, l.status, l.model, l.modelGroup = find("endTime"), find("status"), find("model"), find("model_group")
	l.provider, l.apiKey, l.teamID, l.endUser = find("custom_llm_provider"), find("api_key"), find("team_id"), find("end_user")
	l.tags = find("request_tags")
	l.messages, l.response, l.proxyRequest = find("messages"), find("response"), find("proxy_server_request")
	if missing != nil {
		return nil, fmt.Errorf("%w: no column %s", ErrNotSpendLogs, strings.Join(missing, ", "))
	}
	return l, nil
}

// Strange returns the columns whose type is unknown here: they are printed as
// strings, which row_to_json may do otherwise.
func (l *Layout) Strange() []Column {
	var strange []Column
	for i, f := range l.forms {
		if f == formUnknown {
			strange = append(strange, l.columns[i])
		}
	}
	return strange
}

// text returns the text of a value, nothing if it is NULL, left out, or if there
// is no such column (i < 0).
func text(row []Value, i int) ([]byte, bool) {
	if i < 0 || row[i].Null || row[i].Unchanged {
		return nil, false
	}
	return row[i].Text, true
}
