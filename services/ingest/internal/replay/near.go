package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/rows"
)

const (
	maxNames = 500 // of failures, the most frequent: what is looked through
	maxNear  = 3   // are suggested
)

// suggest adds to the filter that left nothing which names like its own there are:
// most searches that find nothing are a slip or half a name.
func (q *query) suggest(ctx context.Context, conn *pgx.Conn, funnel []event.FunnelStep) error {
	for i := 1; i < len(funnel) && i < len(q.filters); i++ {
		if funnel[i].Left > 0 || funnel[i-1].Left == 0 {
			continue
		}
		names, err := q.names(ctx, conn, i)
		if err != nil {
			return err
		}
		funnel[i].Near = near(funnel[i].Value, names)
	}
	return nil
}

// names counts the names that the failures left before filter i have of what it
// looks for.
func (q *query) names(ctx context.Context, conn *pgx.Conn, i int) (names []event.Count, err error) {
	sql, args := q.namesSQL(i)
	err = rows.ReadOnly(ctx, conn.PgConn(), countTimeout, func() error {
		result := conn.PgConn().ExecParams(ctx, sql, rows.Args(args...), nil, nil, nil).Read()
		if result.Err != nil {
			return result.Err
		}
		for _, row := range result.Rows {
			n, err := strconv.Atoi(string(row[1]))
			if err != nil {
				return err
			}
			names = append(names, event.Count{Value: string(row[0]), Failures: n})
		}
		return nil
	})
	if err != nil {
		return nil, &queryError{fmt.Errorf("look for names: %w", err)}
	}
	return names, nil
}

func (q *query) namesSQL(i int) (sql string, args []string) {
	name := "metadata ->> 'user_api_key_alias'"
	if q.filters[i].name == "model" {
		name = "model"
		if q.table.Has("model_group") {
			name = "coalesce(nullif(model_group, ''), model)"
		}
	}
	before := make([]string, i)
	used := 0
	for j, f := range q.filters[:i] {
		before[j] = f.sql
		used = max(used, f.args)
	}
	return fmt.Sprintf("SELECT %[1]s, count(*) FROM %[2]s WHERE %[3]s AND %[1]s <> '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %[4]d",
		name, q.table.Name(), strings.Join(before, " AND "), maxNames), q.args[:used]
}

// near picks the names most like wanted: those it is a part of, or that are a part
// of it, and those that few slips make of it.
func near(wanted string, names []event.Count) (picked []event.Count) {
	wanted = strings.ToLower(wanted)
	slips := map[string]int{}
	for _, n := range names {
		name := strings.ToLower(n.Value)
		distance := 0
		if !strings.Contains(name, wanted) && !strings.Contains(wanted, name) {
			distance = slipsBetween(wanted, name)
		}
		if distance <= max(2, len(wanted)/4) {
			slips[n.Value] = distance
			picked = append(picked, n)
		}
	}
	slices.SortStableFunc(picked, func(a, b event.Count) int {
		return cmp.Or(cmp.Compare(slips[a.Value], slips[b.Value]), cmp.Compare(b.Failures, a.Failures))
	})
	return picked[:min(maxNear, len(picked))]
}

// longest names are compared up to here, in bytes: they may be of any length.
const longest = 128

// slipsBetween counts the insertions, deletions and replacements of bytes that make
// b of a (Levenshtein).
func slipsBetween(a, b string) int {
	a, b = a[:min(longest, len(a))], b[:min(longest, len(b))]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
