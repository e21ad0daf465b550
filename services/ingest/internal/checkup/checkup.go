// Package checkup looks at everything in LiteLLM's database that decides whether
// and how failures can be read, and names for each fault what mends it on this
// kind of server. It changes nothing there.
package checkup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
)

// stepTimeout bounds each look.
const stepTimeout = 15 * time.Second

// Names of the findings.
const (
	namePostgres    = "postgres"
	nameStreaming   = "streaming"
	nameSlot        = "slot"
	namePublication = "publication"
	nameWAL         = "wal"
	nameRole        = "role"
	nameFailures    = "failures"
	nameClock       = "clock"
	nameTLS         = "tls"
)

// Mode is how failures will be read.
type Mode string

// Modes. None: they can't be.
const (
	None      Mode = ""
	Streaming Mode = "streaming"
	Polling   Mode = "polling"
)

// Config says which database, and what is wanted of it.
type Config struct {
	Dialer      *postgres.Dialer
	Schema      string
	Rescued     bool // ingest.include_rescued
	Publication string
	Slot        string
	Mode        string // ingest.mode
	Container   string // postgres.container; empty = none
	// InContainer: this process runs in one, so that a short host name is probably
	// that of a container beside it.
	InContainer bool
}

// checkup is one look.
type checkup struct {
	Config
	conn     *pgx.Conn
	platform platform
	server   postgres.Server
	table    postgres.Table
	hasTable bool
	rights   rights
	hasSlot  bool
	dead     bool // the database can't be used at all
	noStream bool // something keeps us from streaming
	noPoll   bool // and from polling
	findings []doctor.Finding
}

// Run looks at one thing after the other; what can't be looked at is a finding
// too.
func Run(ctx context.Context, c Config) ([]doctor.Finding, Mode) {
	x := &checkup{Config: c}
	defer x.close(ctx)
	for _, step := range []struct {
		name string
		look func(context.Context) error
	}{
		{namePostgres, x.lookAtServer},
		{nameStreaming, x.lookAtStreaming},
		{nameSlot, x.lookAtSlot},
		{namePublication, x.lookAtPublication},
		{nameWAL, x.lookAtWAL},
		{nameRole, x.lookAtRole},
		{nameFailures, x.lookAtFailures},
		{nameClock, x.lookAtClock},
		{nameTLS, x.lookAtTLS},
	} {
		if err := x.step(ctx, step.look); err != nil {
			text, fix := parts(err)
			x.add(doctor.Fail(step.name, fix, "%s", text))
		}
		if x.dead || ctx.Err() != nil {
			return x.findings, None
		}
	}
	return x.findings, x.mode()
}

// step makes one look within its time; one that took too long costs the
// connection, which the next opens again.
func (x *checkup) step(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stepTimeout, fmt.Errorf("no answer within %s", stepTimeout))
	defer cancel()
	if x.conn == nil || x.conn.IsClosed() {
		conn, err := x.Dialer.SQL(ctx)
		if err != nil {
			x.dead = true
			return err
		}
		x.conn = conn
	}
	err := look(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (x *checkup) close(ctx context.Context) {
	if x.conn != nil {
		postgres.Close(ctx, x.conn)
	}
}

func (x *checkup) add(f doctor.Finding) { x.findings = append(x.findings, f) }

// mode is what all findings together leave.
func (x *checkup) mode() Mode {
	stream := !x.noStream && x.Mode != config.ModePoll
	poll := !x.noPoll && x.Mode != config.ModeStream
	switch {
	case stream:
		return Streaming
	case poll:
		return Polling
	}
	return None
}

// blocked adds what keeps us from streaming: no more than a warning where polling
// will do, nothing where nobody wants to stream.
func (x *checkup) blocked(name, fix, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !x.noStream && x.Mode != config.ModeStream { // said once
		text += ": polling will be used"
	}
	x.noStream = true
	switch x.Mode {
	case config.ModePoll:
	case config.ModeStream:
		x.add(doctor.Fail(name, fix, "%s", text))
	default:
		x.add(doctor.Warn(name, fix, "%s", text))
	}
}

func (x *checkup) publicationWanted() publication.Publication {
	return publication.Publication{Name: x.Publication, Table: x.table, Major: x.server.Major()}
}

// parts takes an error apart: what is wrong, and what mends it.
func parts(err error) (text, fix string) {
	if fault, ok := errors.AsType[*postgres.SettingsError](err); ok {
		text = fault.Problem
		if fault.Cause != nil {
			text += ": " + fault.Cause.Error()
		}
		return text, lower(fault.Remedy)
	}
	if away, ok := errors.AsType[*postgres.UnreachableError](err); ok {
		return fmt.Sprintf("no connection to %s: %v", away.Address, away.Cause), "start PostgreSQL, or correct postgres.url (FAULTWIRE_POSTGRES_URL)"
	}
	return err.Error(), ""
}

// lower makes the beginning of a sentence fit for the middle of a line: Run, but not
// GRANT.
func lower(text string) string {
	if len(text) < 2 || unicode.IsUpper(rune(text[1])) {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// tableName is LiteLLM's table as people call it.
func (x *checkup) tableName() string { return strings.TrimPrefix(x.table.Name(), `"public".`) }
