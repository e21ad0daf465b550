package replay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/rows"
)

// query is what a replay selects, as SQL. Its conditions are added one by one, so
// that a count after each tells which of them emptied the result.
type query struct {
	table      postgres.Table
	start, end time.Time // zero = open
	when       string    // the time alone
	filters    []filter
	args       []string
	limit      int // 0 = all
}

// filter is one condition; the first is the failure rule with the time.
type filter struct {
	name, value string
	sql         string
	args        int // how many of the query's parameters it and those before it use
}

// newQuery reads a request. Its conditions are those of the old tool, except that
// a model is also found by its group, the name that clients call: since LiteLLM
// 1.83 the column model holds "provider/name".
func newQuery(table postgres.Table, r event.ReplayRequest) *query {
	q := &query{table: table, limit: r.Query.Limit}
	when := "TRUE"
	value := "any"
	if r.Query.TimeFilter {
		q.start, q.end = rangeOf(r)
		value = shown(q.start) + " – " + shown(q.end)
		if !q.start.IsZero() {
			when += ` AND "startTime" >= ` + q.arg(rows.Time(q.start), "timestamp")
		}
		if !q.end.IsZero() {
			when += ` AND "startTime" <= ` + q.arg(rows.Time(q.end), "timestamp")
		}
	}
	q.when = when
	q.filter("time", value, table.Failed()+" AND "+when)
	if r.Query.Model != "" {
		q.filter("model", r.Query.Model, q.modelIs(r.Query.Model))
	}
	if r.Query.Key != "" {
		q.filter("key", r.Query.Key, "metadata ->> 'user_api_key_alias' = "+q.arg(r.Query.Key, "text"))
	}
	return q
}

// filter adds a condition, whose parameters have been added.
func (q *query) filter(name, value, sql string) {
	q.filters = append(q.filters, filter{name: name, value: value, sql: sql, args: len(q.args)})
}

func (q *query) modelIs(name string) string {
	arg := q.arg(name, "text")
	if !q.table.Has("model_group") {
		return "model = " + arg
	}
	return "(model = " + arg + " OR model_group = " + arg + ")"
}

// arg adds a parameter and returns its place.
func (q *query) arg(value, sqlType string) string {
	q.args = append(q.args, value)
	return "$" + strconv.Itoa(len(q.args)) + "::" + sqlType
}

// rangeOf is the range of a request with a time filter: as asked for, or the last
// days (at least one) before it was asked.
func rangeOf(r event.ReplayRequest) (start, end time.Time) {
	if r.Query.Start == nil && r.Query.End == nil {
		end = r.Asked.UTC()
		return end.Add(-24 * time.Hour * time.Duration(max(r.Query.Days, 1))), end
	}
	if r.Query.Start != nil {
		start = r.Query.Start.UTC()
	}
	if r.Query.End != nil {
		end = r.Query.End.UTC()
	}
	return start, end
}

func shown(t time.Time) string {
	if t.IsZero() {
		return "…"
	}
	return t.Format(time.DateTime)
}

// where joins all conditions.
func (q *query) where() string {
	all := make([]string, len(q.filters))
	for i, f := range q.filters {
		all[i] = f.sql
	}
	return strings.Join(all, " AND ")
}

// countSQL counts what is left after each filter, in one pass.
func (q *query) countSQL() string {
	counts := make([]string, len(q.filters))
	for i := range q.filters {
		counts[i] = "count(*)"
		if i > 0 {
			var so []string
			for _, f := range q.filters[1 : i+1] {
				so = append(so, f.sql)
			}
			counts[i] += " FILTER (WHERE " + strings.Join(so, " AND ") + ")"
		}
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s", strings.Join(counts, ", "), q.table.Name(), q.filters[0].sql)
}

// pageSQL reads the next n rows after a place, newest first.
func (q *query) pageSQL(after rows.Place, n int) (sql string, args []string) {
	where, args := q.where(), q.args
	if after != (rows.Place{}) {
		where += " AND " + rows.Behind(len(args)+1)
		args = append(slices.Clip(args), after.StartTime, after.RequestID)
	}
	return fmt.Sprintf(`SELECT * FROM %s WHERE %s ORDER BY %s LIMIT %d`, q.table.Name(), where, rows.Order, n), args
}

// funnel says how many were left after each filter; n rows were read in the end.
func (q *query) funnel(counts []int, n int) []event.FunnelStep {
	steps := make([]event.FunnelStep, 0, len(q.filters)+1)
	limited := q.limit > 0 && n == q.limit
	for i, f := range q.filters {
		// LiteLLM goes on writing while we read: what was read was there.
		left := max(counts[i], n)
		if i == len(q.filters)-1 && !limited {
			left = n
		}
		steps = append(steps, event.FunnelStep{Filter: f.name, Value: f.value, Left: left})
	}
	if q.limit > 0 {
		steps = append(steps, event.FunnelStep{Filter: "limit", Value: strconv.Itoa(q.limit), Left: n})
	}
	return steps
}
