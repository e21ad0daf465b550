// Package totals counts the requests of every minute in LiteLLM's table, all of them
// and the failed ones, by model: what a stream of failures can't tell.
//
// A minute is counted when it is over and again at growing ages, because rows come
// late; each time all of it, by one query over the index on startTime. The database
// is never at work for us for more than a sixtieth of the time.
package totals

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	leaseName = "totals"
	leaseTTL  = 60 * time.Second

	every = time.Minute
	// after is how far into a minute the one before is counted.
	after = 5 * time.Second
	// share of the time that the database may work for us: one in so many.
	share = 60
	// longest is the longest time between two rounds, also when the database can't
	// answer or the role may not ask.
	longest = 15 * time.Minute

	mostSpan         = 15 * time.Minute // of one query
	statementTimeout = 10 * time.Second
	roundTimeout     = 15 * time.Second // of all queries of a round: what is left waits for the next

	logEvery = time.Hour
)

// Config is what a counter works with.
type Config struct {
	Dialer  *postgres.Dialer
	Schema  string
	Store   topology.Store
	Metrics *Metrics
	Log     *slog.Logger
	// Name makes a model's name fit to leave ingest, as that of a failure.
	Name func(string) string
}

// Counter counts requests.
type Counter struct {
	Config
	conn  *pgx.Conn
	known *known
	most  time.Duration // of one query; less than mostSpan where that took too long
	said  time.Time

	timeout time.Duration // of one query
	// now reads the database's clock.
	now func(context.Context, *pgx.Conn) (time.Time, error)
}

// New returns a counter.
func New(c Config) *Counter {
	return &Counter{Config: c, most: mostSpan, timeout: statementTimeout, now: postgres.ReadTime}
}

// Run counts until ctx ends (nil), while no other process does. Nothing that happens
// to the database ends it. A nil counter counts nothing.
func (c *Counter) Run(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return bus.Hold(ctx, c.Store.State, leaseName, bus.Holder(), leaseTTL, c.Log, func(ctx context.Context) error {
		defer c.close(ctx)
		defer c.Metrics.idle()
		c.known = nil // another process may have counted
		for {
			r := c.round(ctx)
			if !lifecycle.Pause(ctx, c.settle(r)) {
				return nil
			}
		}
	})
}

// result is what became of a round.
type result struct {
	now  time.Time     // the database's clock at its start
	took time.Duration // of its queries
	err  error
}

// settle says how long to wait after a round, and tells what went wrong.
func (c *Counter) settle(r result) time.Duration {
	interval := min(max(every, share*r.took), longest)
	switch state := postgres.State(r.err); {
	case r.err == nil:
		c.said = time.Time{}
		c.Metrics.counted(r.took, interval)
		if interval == every {
			c.most = min(2*c.most, mostSpan)
		}
	case state == postgres.StateNoPrivilege, state == postgres.StateQueryCanceled:
		interval = longest
		fallthrough
	default:
		c.Metrics.idle()
		c.tell(r.err)
	}
	if r.now.IsZero() || interval > every {
		return interval
	}
	return max(time.Second, r.now.Truncate(every).Add(every+after).Sub(r.now)-r.took)
}

// tell logs why requests can't be counted: at once, and then every hour.
func (c *Counter) tell(err error) {
	if time.Since(c.said) < logEvery {
		return
	}
	c.said = time.Now()
	if postgres.State(err) == postgres.StateNoPrivilege {
		c.Log.Warn("requests can't be counted: reports and metrics have no failure rates and no coverage",
			"remedy", postgres.Table{Schema: c.Schema}.GrantSQL(c.Dialer.User()), "error", err)
		return
	}
	c.Log.Warn("requests can't be counted for now, trying on", "error", err)
}

// round counts what is due. After an error the next one begins with a new connection.
func (c *Counter) round(ctx context.Context) (r result) {
	r.err = c.countDue(ctx, &r)
	if r.err != nil {
		c.close(ctx)
	}
	if errors.Is(r.err, errOvertaken) {
		c.known, r.err = nil, nil
	}
	return r
}

func (c *Counter) countDue(ctx context.Context, r *result) (err error) {
	if c.known == nil {
		if c.known, err = recall(ctx, c.Store.JetStream); err != nil {
			c.known = nil
			return err
		}
	}
	if c.conn == nil {
		if c.conn, err = c.Dialer.SQL(ctx); err != nil {
			c.conn = nil
			return err
		}
	}
	// Each time: an upgrade of LiteLLM adds columns, its partition script makes a new table.
	table, err := postgres.FindTable(ctx, c.conn, c.Schema, false)
	if err != nil {
		return err
	}
	if r.now, err = c.now(ctx, c.conn); err != nil {
		return err
	}
	for _, s := range plan(r.now, c.known.counted(), c.most) {
		if r.took > roundTimeout {
			break
		}
		if err := c.countSpan(ctx, table, s, r); err != nil {
			return err
		}
	}
	c.known.forget()
	return nil
}

// countSpan counts a span and publishes its minutes. Where that takes too long, the
// next rounds ask for less at once.
func (c *Counter) countSpan(ctx context.Context, table postgres.Table, s span, r *result) error {
	tallies := map[time.Time]*tally{}
	for minute := s.from; minute.Before(s.to); minute = minute.Add(time.Minute) {
		tallies[minute] = newTally(c.known.before(minute))
	}
	began := time.Now()
	err := count(ctx, c.conn.PgConn(), table, s, c.timeout, func(row row) {
		if t := tallies[row.minute]; t != nil {
			t.add(c.Name(row.model), row.Rate)
		}
	})
	r.took += time.Since(began)
	if err != nil {
		if first, _, ok := s.halves(); ok && postgres.State(err) == postgres.StateQueryCanceled {
			c.most = first.to.Sub(first.from)
		}
		return err
	}
	for minute := s.from; minute.Before(s.to); minute = minute.Add(time.Minute) {
		if err := c.known.keep(ctx, tallies[minute].traffic(minute, r.now)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Counter) close(ctx context.Context) {
	if c.conn == nil {
		return
	}
	postgres.Close(ctx, c.conn)
	c.conn = nil
}
