package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/ingest/internal/container"
)

const (
	connectTimeout   = 10 * time.Second
	statementTimeout = 30 * time.Second

	// SenderTimeout is the wal_sender_timeout of our replication connections,
	// the server's own default (Postgres manual, "Sending Servers"). It is set
	// so that we know it.
	SenderTimeout = 60 * time.Second

	// lockTimeout bounds the wait of CREATE_REPLICATION_SLOT for other
	// transactions: statement_timeout does not reach it on a replication
	// connection.
	lockTimeout = 10 * time.Second

	encodingUTF8    = "UTF8"
	applicationName = "faultwire"
	// EncodingNone is the encoding of a database whose text may be anything. Asked
	// to give it as UTF8 the server would refuse a row for good (22021).
	EncodingNone = "SQL_ASCII"
)

// formats returns the startup parameters that fix how values are printed, the
// same from the WAL and from SQL. Startup parameters win over ALTER ROLE and
// ALTER DATABASE … SET.
func formats() map[string]string {
	return map[string]string{
		"datestyle":          "ISO",
		"intervalstyle":      "postgres",
		"extra_float_digits": "1",
		"timezone":           "UTC",
		"bytea_output":       "hex",
		"client_encoding":    encodingUTF8,
		"application_name":   applicationName,
	}
}

// Dialer opens connections to one database.
type Dialer struct {
	settings  config.Postgres
	text      string               // instead of settings: a connection string
	container *container.Container // nil = none

	mu    sync.Mutex
	last  *pgx.ConnConfig // what was connected with last, for messages
	route string
}

// New makes a dialer of the settings. getenv gives what the docker command goes by
// (os.Getenv), and is used with postgres.container only. Nothing is connected to,
// but the files of TLS are read.
func New(settings config.Postgres, getenv func(string) string) (*Dialer, error) {
	d := &Dialer{settings: settings}
	if settings.Container != "" {
		d.container = container.New(settings.Container, getenv)
	}
	_, err := d.parse(settings)
	return d, err
}

// NewDialer reads a connection string in one of the forms that libpq takes.
func NewDialer(connString string) (*Dialer, error) {
	d := &Dialer{text: connString}
	_, err := d.parse(d.settings)
	return d, err
}

// parse reads settings and the files they name: certificates are replaced while we
// run.
func (d *Dialer) parse(settings config.Postgres) (*pgx.ConnConfig, error) {
	text := d.text
	if text == "" {
		var err error
		if text, err = settings.ConnString(); err != nil {
			return nil, err
		}
	}
	parsed, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, unreadable(err)
	}
	if parsed.ConnectTimeout == 0 {
		parsed.ConnectTimeout = connectTimeout
	}
	maps.Copy(parsed.RuntimeParams, formats())
	// No named prepared statements: a pooler may stand in between.
	parsed.DefaultQueryExecMode = pgx.QueryExecModeExec
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = parsed
	return parsed.Copy(), nil
}

func (d *Dialer) used() *pgx.ConnConfig {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// Address is host:port of the server. Before a container was asked, its name stands
// for its host.
func (d *Dialer) Address() string {
	c := d.used()
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// User is the role we connect as; with a container, known after a connection was
// tried.
func (d *Dialer) User() string { return d.used().User }

// Database is the name of the database, known when [Dialer.User] is.
func (d *Dialer) Database() string { return d.used().Database }

// Target is user@host:port/database for people, without the password. What a
// container has told is in it.
func (d *Dialer) Target() string {
	if d.text != "" {
		return d.User() + "@" + d.Address() + "/" + d.Database()
	}
	settings := d.settings
	if d.Route() != "" {
		settings.User, settings.Database = d.User(), d.Database()
	}
	return settings.Target()
}

// Route says how the last connection reached the container, to follow "reached":
// "through docker exec", "at its address 172.17.0.2:5432". "" without a container.
func (d *Dialer) Route() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.route
}

// connect finds the server anew and calls open with what to connect with.
func (d *Dialer) connect(ctx context.Context, open func(*pgx.ConnConfig) error) error {
	if d.container == nil {
		parsed, err := d.parse(d.settings)
		if err != nil {
			return err
		}
		return open(parsed)
	}
	found, err := d.container.Find(ctx)
	if err != nil {
		return err
	}
	parsed, err := d.parse(d.settings.Inside(found.Environ))
	if err != nil {
		return err
	}
	err = open(d.lead(parsed, found, false))
	if state := State(err); (state == StateInvalidPassword || state == StateInvalidAuth) && d.Route() != container.RelayRoute {
		// PostgreSQL's image trusts who comes from inside, as `docker exec psql` does,
		// and the password it was made with may have been changed.
		if open(d.lead(parsed, found, true)) == nil {
			return nil
		}
	}
	return err
}

// lead makes connections go into the container.
func (d *Dialer) lead(parsed *pgx.ConnConfig, found *container.Found, relayOnly bool) *pgx.ConnConfig {
	parsed = parsed.Copy()
	parsed.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	parsed.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		conn, route, err := found.Dial(ctx, address, relayOnly)
		if err == nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.route = route
		}
		return conn, err
	}
	return parsed
}

// pooled are the startup parameters that a pooler takes (pgbouncer's manual,
// "track_extra_parameters").
func pooled(name string) bool {
	return slices.Contains([]string{"client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"}, name)
}

// SQL opens a connection for queries, each at most 30 s long unless its session
// says otherwise, or a pooler stands in between. Errors are those of
// [Dialer.refused].
func (d *Dialer) SQL(ctx context.Context) (*pgx.Conn, error) {
	var conn *pgx.Conn
	err := d.connect(ctx, func(c *pgx.ConnConfig) (err error) {
		c.RuntimeParams["statement_timeout"] = milliseconds(statementTimeout)
		conn, err = pgx.ConnectConfig(ctx, c)
		if State(err) == StateProtocol {
			maps.DeleteFunc(c.RuntimeParams, func(name, _ string) bool { return !pooled(name) })
			conn, err = pgx.ConnectConfig(ctx, c)
		}
		return err
	})
	if err != nil {
		return nil, d.refused(err)
	}
	if Encoding(conn.PgConn()) == encodingUTF8 {
		return conn, nil
	}
	if _, err := conn.Exec(ctx, "SET client_encoding TO "+EncodingNone); err != nil {
		Close(ctx, conn)
		return nil, fmt.Errorf("set client_encoding: %w", err)
	}
	return conn, nil
}

// Encoding is the client_encoding that suits the database of a connection.
func Encoding(conn *pgconn.PgConn) string {
	if conn.ParameterStatus("server_encoding") == EncodingNone {
		return EncodingNone
	}
	return encodingUTF8
}

// Replication opens a connection for the replication protocol, with the
// encoding that [Encoding] gave. onNotice gets the server's notices and
// warnings; it may be nil.
func (d *Dialer) Replication(ctx context.Context, encoding string, onNotice func(*pgconn.Notice)) (*pgconn.PgConn, error) {
	var conn *pgconn.PgConn
	err := d.connect(ctx, func(full *pgx.ConnConfig) (err error) {
		c := &full.Config
		c.RuntimeParams["replication"] = "database"
		c.RuntimeParams["client_encoding"] = encoding
		c.RuntimeParams["wal_sender_timeout"] = milliseconds(SenderTimeout)
		c.RuntimeParams["lock_timeout"] = milliseconds(lockTimeout)
		if onNotice != nil {
			c.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { onNotice(n) }
		}
		c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
		}
		conn, err = pgconn.ConnectConfig(ctx, c)
		return err
	})
	if err != nil {
		return nil, d.refusedReplication(err)
	}
	return conn, nil
}

// readBuffer is how much of a backlog is read at once, in bytes: rows of 6 KB would
// take a system call each.
const readBuffer = 64 << 10

// closeTimeout is how long the end of a connection may take: the server ends it by
// itself when we are gone.
const closeTimeout = time.Second

// Close closes a connection, also when ctx has ended.
func Close(ctx context.Context, conn interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // nothing is lost with it
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
