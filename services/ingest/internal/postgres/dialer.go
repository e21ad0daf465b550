package postgres

import (
	"context"
	"fmt"
	"maps"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

	encodingUTF8 = "UTF8"
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
		"application_name":   "faultwire",
	}
}

// Dialer opens connections to one database.
type Dialer struct {
	config *pgx.ConnConfig
}

// NewDialer reads a connection string in one of the forms that libpq takes.
func NewDialer(connString string) (*Dialer, error) {
	config, err := pgx.ParseConfig(connString)
	if err != nil {
		return nil, &SettingsError{Setting: "postgres.url", Problem: "can't be read", Remedy: "use the form postgres://user:password@host:5432/database", Cause: err}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	maps.Copy(config.RuntimeParams, formats())
	// No named prepared statements: a pooler may stand in between.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return &Dialer{config: config}, nil
}

// Address is host:port of the server.
func (d *Dialer) Address() string {
	return net.JoinHostPort(d.config.Host, strconv.Itoa(int(d.config.Port)))
}

// User is the role we connect as.
func (d *Dialer) User() string { return d.config.User }

// Database is the name of the database.
func (d *Dialer) Database() string { return d.config.Database }

// SQL opens a connection for queries, each at most 30 s long unless its session
// says otherwise. Errors are those of [Dialer.refused].
func (d *Dialer) SQL(ctx context.Context) (*pgx.Conn, error) {
	config := d.config.Copy()
	config.RuntimeParams["statement_timeout"] = milliseconds(statementTimeout)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, d.refused(err)
	}
	if Encoding(conn.PgConn()) == encodingUTF8 {
		return conn, nil
	}
	if _, err := conn.Exec(ctx, "SET client_encoding TO "+EncodingNone); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
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
	config := d.config.Config.Copy()
	config.RuntimeParams["replication"] = "database"
	config.RuntimeParams["client_encoding"] = encoding
	config.RuntimeParams["wal_sender_timeout"] = milliseconds(SenderTimeout)
	config.RuntimeParams["lock_timeout"] = milliseconds(lockTimeout)
	if onNotice != nil {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { onNotice(n) }
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, d.refusedReplication(err)
	}
	return conn, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
