// Package publication makes and checks the publication that decides which rows
// PostgreSQL sends us.
package publication

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// filterMajor is the first release of PostgreSQL with row filters. Before it
// every insert is sent and ingest drops the successes.
const filterMajor = 15

// Publication is the one we want. Without publish = 'insert' a row filter would
// make the application's own UPDATE and DELETE fail (42P10).
type Publication struct {
	Name  string
	Table postgres.Table
	Major int // of the server
}

// CreateSQL makes it. The owner of the table may, who also needs CREATE on the
// database, or a superuser.
func (p Publication) CreateSQL() string {
	return fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s WITH (publish = 'insert', publish_via_partition_root = true);",
		postgres.Quote(p.Name), p.member())
}

// member is the table with its filter. There is no column list: LiteLLM's
// migrations could not drop or alter a listed column.
func (p Publication) member() string {
	if p.Major < filterMajor {
		return p.Table.Name()
	}
	return p.Table.Name() + " WHERE " + p.Table.Failed()
}

// Repair is the statement that puts right which table is published and
// which rows of it.
func (p Publication) Repair() string {
	return fmt.Sprintf("ALTER PUBLICATION %s SET TABLE %s;", postgres.Quote(p.Name), p.member())
}

// repairOptions is the statement that puts right what of the table is published.
func (p Publication) repairOptions() string {
	return fmt.Sprintf("ALTER PUBLICATION %s SET (publish = 'insert', publish_via_partition_root = true);", postgres.Quote(p.Name))
}

// Create makes it. A role that may not gets a [postgres.SettingsError] with the
// statement for who may.
func (p Publication) Create(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, p.CreateSQL())
	switch postgres.State(err) {
	case postgres.StateNoPrivilege:
		return &postgres.SettingsError{
			Setting: "ingest.publication",
			Problem: fmt.Sprintf("there is no publication %q and role %q may not make it", p.Name, conn.Config().User),
			Remedy:  "Run as a superuser, or as the owner of the table with CREATE on the database: " + p.CreateSQL(),
			Cause:   err,
		}
	case postgres.StateDuplicate: // somebody was faster
		_, err := p.Check(ctx, conn)
		return err
	}
	if err != nil {
		return fmt.Errorf("make publication %q: %w", p.Name, err)
	}
	return nil
}

// Follow makes a publication whose table has moved follow LiteLLM's again, by
// [Publication.Repair]. What was written to the table before stays unread.
func (p Publication) Follow(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, p.Repair())
	if postgres.State(err) == postgres.StateNoPrivilege {
		return &postgres.SettingsError{
			Setting: "ingest.publication",
			Problem: fmt.Sprintf("publication %q follows a table that is not %s any more, and role %q may not change it", p.Name, p.Table.Name(), conn.Config().User),
			Remedy:  "Run as its owner: " + p.Repair(),
			Cause:   err,
		}
	}
	if err != nil {
		return fmt.Errorf("make publication %q follow %s: %w", p.Name, p.Table.Name(), err)
	}
	return nil
}

// ErrChanged: somebody changed the publication or its table while it was followed.
var ErrChanged = errors.New("the publication was changed")

// ErrMoved: see [Found].Moved.
var ErrMoved = errors.New("LiteLLM's table was renamed, made anew or got its column status")

// Missing says that the publication is gone although a slot was made with it.
// Making it again does not help: the slot looks at the past, where it is missing
// (42704 for ever; PostgreSQL 18 skips the rows).
func (p Publication) Missing(slot string) error {
	return &postgres.SettingsError{
		Setting: "ingest.publication",
		Problem: fmt.Sprintf("there is a slot %q but no publication %q, which has to be older", slot, p.Name),
		Remedy:  fmt.Sprintf("ingest makes both anew, if its role may, and reads what is missing out of LiteLLM's table; to begin that by hand: SELECT pg_drop_replication_slot(%s);", postgres.Literal(slot)),
	}
}
