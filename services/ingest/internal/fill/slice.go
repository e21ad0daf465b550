package fill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/rows"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

const (
	pageIDs  = 20_000 // about 2 MB
	pageRows = 100

	statementTimeout = 30 * time.Second

	// A slice is made as large as takes the database a second or so: failures have no
	// index of their own, and the rows between them are looked at too.
	firstStep = 15 * time.Minute
	leastStep = 15 * time.Second
	mostStep  = 6 * time.Hour
	quick     = time.Second
	slow      = 5 * time.Second
)

// span is a range of startTime; before zero = open.
type span struct{ from, before time.Time }

// slicer cuts a range into slices, newest first.
type slicer struct {
	step         time.Duration
	from, before time.Time // what is left of the range; before zero = open
}

// next returns the next slice; more = there is one.
func (s *slicer) next(ctx context.Context, conn *pgx.Conn) (slice span, more bool, err error) {
	if s.before.IsZero() { // open: from now back, and whatever is later
		now, err := postgres.ReadTime(ctx, conn)
		if err != nil {
			return span{}, false, err
		}
		return span{from: later(s.from, now.Add(-s.step))}, true, nil
	}
	if !s.before.After(s.from) {
		return span{}, false, nil
	}
	return span{from: later(s.from, s.before.Add(-s.step)), before: s.before}, true, nil
}

// done goes on behind a slice that was read whole.
func (s *slicer) done(slice span) { s.before = slice.from }

// took adapts the step; false = the statement was given up and can be shorter.
func (s *slicer) took(d time.Duration, gaveUp bool) (again bool) {
	switch {
	case gaveUp && s.step > leastStep:
		s.step = max(leastStep, s.step/4)
		return true
	case d > slow:
		s.step = max(leastStep, s.step/2)
	case d < quick:
		s.step = min(mostStep, s.step*2)
	}
	return false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// started is the hour under which the id is kept, as the decoder has it.
func started(p rows.Place) time.Time {
	t, err := spendlog.ParseTime([]byte(p.StartTime))
	if err != nil {
		return time.Time{}
	}
	return t
}

// ids reads the places of the failures of a slice that come after one. nil, nil =
// it took too long, and the slicer has made its step smaller.
func (f *Filler) ids(ctx context.Context, s *slicer, slice span, after rows.Place) ([]rows.Place, error) {
	args := []string{rows.Time(slice.from)}
	where := f.Table.Failed() + ` AND "startTime" >= $1::timestamp`
	if !slice.before.IsZero() {
		args = append(args, rows.Time(slice.before))
		where += ` AND "startTime" < $2::timestamp`
	}
	if after != (rows.Place{}) {
		where += " AND " + rows.Behind(len(args)+1)
		args = append(args, after.StartTime, after.RequestID)
	}
	sql := fmt.Sprintf(`SELECT request_id, "startTime" FROM %s WHERE %s ORDER BY %s LIMIT %d`, f.Table.Name(), where, rows.Order, pageIDs)
	page := []rows.Place{}
	began := time.Now()
	err := rows.ReadOnly(ctx, f.conn.PgConn(), statementTimeout, func() error {
		result := f.conn.PgConn().ExecParams(ctx, sql, rows.Args(args...), nil, nil, nil)
		for result.NextRow() {
			values := result.Values()
			page = append(page, rows.Place{RequestID: string(values[0]), StartTime: string(values[1])})
		}
		_, err := result.Close()
		return err
	})
	again := s.took(time.Since(began), postgres.State(err) == postgres.StateQueryCanceled)
	switch {
	case err != nil && again:
		return nil, nil
	case err != nil:
		return nil, readError(err, f.Table, f.conn)
	}
	return page, nil
}

// array is a constant of the type text[].
func array(places []rows.Place) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var b strings.Builder
	for i, p := range places {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(`"` + quoted.Replace(p.RequestID) + `"`)
	}
	return b.String() + "}"
}

// readError names what is missing when the role may not read the table.
func readError(err error, table postgres.Table, conn *pgx.Conn) error {
	if postgres.State(err) == postgres.StateNoPrivilege {
		return table.NoSelect(conn.Config().User, err)
	}
	return fmt.Errorf("read failures out of %s: %w", table.Name(), err)
}
