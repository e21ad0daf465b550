package publication

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// Found is what Check found.
type Found struct {
	Exists bool
	// Unfiltered: successes are sent too, and dropped by ingest. It works, at a
	// quarter of the rate (PostgreSQL 15; 14 has no filters).
	Unfiltered bool
	// Rescued: rescued requests are sent too, and dropped by ingest, because
	// ingest.include_rescued is false. It works; [Publication.Repair] ends it.
	Rescued bool
	// Moved: it has no table, or LiteLLM's under another name: somebody dropped it, or
	// renamed it and made a new one (LiteLLM #29466); or it was made before the table
	// got its column status (LiteLLM 1.68). Rows don't come until [Publication.Repair]
	// has been run.
	Moved bool
	// Version changes with the table, and with whatever is changed of the publication.
	Version string
}

// published is a publication as the catalog has it.
type published struct {
	allTables, inserts, others, viaRoot bool
	version                             string // row versions of the catalog
	tables                              []member
}

type member struct {
	schema, name string
	filter       *string
	columns      bool // a list of columns
	spendLogs    bool // it has the columns of LiteLLM's table
}

// Check looks whether the publication is there and sends what it must: one that
// would lose failures or hurt LiteLLM is a [postgres.SettingsError] with the
// statement that mends it. Any role may. What it sees is of one moment.
func (p Publication) Check(ctx context.Context, conn *pgx.Conn) (found Found, err error) {
	one := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, conn, one, func(tx pgx.Tx) error {
		found, err = p.check(ctx, tx)
		return err
	})
	return found, err
}

func (p Publication) check(ctx context.Context, conn pgx.Tx) (Found, error) {
	is, err := p.read(ctx, conn)
	if errors.Is(err, pgx.ErrNoRows) {
		return Found{}, nil
	}
	if err != nil {
		return Found{}, fmt.Errorf("check publication %q: %w", p.Name, err)
	}
	found := Found{Exists: true, Version: is.version}
	switch {
	case is.allTables:
		return found, p.wrong("it is FOR ALL TABLES", "Set ingest.publication (FAULTWIRE_INGEST_PUBLICATION) to another name; faultwire makes it")
	case p.moved(is.tables):
		found.Moved = true
		return found, nil
	case len(is.tables) != 1 || is.tables[0].schema != p.Table.Schema || is.tables[0].name != postgres.SpendLogs:
		return found, p.wrong("it is not for "+p.Table.Name()+" alone", "Run as its owner: "+p.Repair())
	case !is.inserts || is.others:
		return found, p.wrong("it does not publish inserts alone", "Run as its owner: "+p.repairOptions())
	case !is.viaRoot:
		return found, p.wrong("publish_via_partition_root is off", "Run as its owner: "+p.repairOptions())
	case is.tables[0].columns:
		return found, p.wrong("it has a list of columns", "Run as its owner: "+p.Repair())
	}
	if is.tables[0].filter == nil {
		found.Unfiltered = p.Major >= filterMajor
		return found, nil
	}
	sends, err := p.try(ctx, conn, *is.tables[0].filter)
	switch {
	case err != nil:
		return found, err
	case !sends.failures && *is.tables[0].filter == withoutStatus && p.Table.Has("status"):
		found.Moved = true
		return found, nil
	case !sends.failures:
		return found, p.wrong("its row filter keeps failures back: "+*is.tables[0].filter, "Run as its owner: "+p.Repair())
	case p.Table.Rescued && !sends.rescued:
		return found, p.wrong("ingest.include_rescued is true and its row filter keeps rescued requests back: "+*is.tables[0].filter, "Run as its owner: "+p.Repair())
	}
	found.Unfiltered = sends.successes
	found.Rescued = sends.rescued && !p.Table.Rescued
	return found, nil
}

// withoutStatus is the row filter for a table that has no column status, as
// PostgreSQL prints it.
const withoutStatus = "((metadata ->> 'status'::text) = 'failure'::text)"

// moved tells a table that was LiteLLM's from one that is somebody else's, whose
// publication isn't ours to change.
func (p Publication) moved(tables []member) bool {
	if len(tables) != 1 {
		return len(tables) == 0
	}
	t := tables[0]
	return t.schema == p.Table.Schema && t.name != postgres.SpendLogs && t.spendLogs
}

func (p Publication) wrong(problem, remedy string) error {
	return &postgres.SettingsError{
		Setting: "ingest.publication",
		Problem: fmt.Sprintf("publication %q is not usable: %s", p.Name, problem),
		Remedy:  remedy,
	}
}

// read returns pgx.ErrNoRows when there is none.
func (p Publication) read(ctx context.Context, conn pgx.Tx) (published, error) {
	var is published
	const options = `SELECT puballtables, pubinsert, pubupdate OR pubdelete OR pubtruncate, pubviaroot,
		p.xmin::text || '.' || coalesce((SELECT string_agg(prrelid::text || '.' || r.xmin::text, '.' ORDER BY prrelid) FROM pg_catalog.pg_publication_rel r WHERE prpubid = p.oid), '')
		FROM pg_catalog.pg_publication p WHERE pubname = $1`
	if err := conn.QueryRow(ctx, options, p.Name).Scan(&is.allTables, &is.inserts, &is.others, &is.viaRoot, &is.version); err != nil {
		return published{}, err
	}
	members := `SELECT n.nspname, c.relname, pg_catalog.pg_get_expr(r.prqual, r.prrelid), r.prattrs IS NOT NULL`
	if p.Major < filterMajor {
		members = `SELECT n.nspname, c.relname, NULL::text, false`
	}
	members += `, 4 = (SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attname IN ('request_id', 'startTime', 'metadata', 'spend'))
		FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
		JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = $1`
	rows, err := conn.Query(ctx, members, p.Name)
	if err != nil {
		return published{}, err
	}
	is.tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (member, error) {
		var m member
		err := row.Scan(&m.schema, &m.name, &m.filter, &m.columns, &m.spendLogs)
		return m, err
	})
	if err != nil || p.Major < filterMajor {
		return is, err
	}
	// Whole schemas: everything in them is published.
	const schemas = `SELECT n.nspname, '*', NULL::text, false FROM pg_catalog.pg_publication_namespace s
		JOIN pg_catalog.pg_publication p ON p.oid = s.pnpubid JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid WHERE p.pubname = $1`
	rows, err = conn.Query(ctx, schemas, p.Name)
	if err != nil {
		return published{}, err
	}
	_, err = pgx.ForEachRow(rows, []any{new(string), new(string), new(*string), new(bool)}, func() error {
		is.tables = append(is.tables, member{name: "*"})
		return nil
	})
	return is, err
}

// sent says of which rows a filter lets all pass.
type sent struct{ failures, successes, rescued bool }

// try evaluates a filter on made-up rows. A filter can be written in many ways, so
// its text says little; what it does to rows says all. PostgreSQL allows only
// immutable expressions on one row's columns in it.
func (p Publication) try(ctx context.Context, conn pgx.Tx, filter string) (sent, error) {
	failures := `[{"metadata": {"status": "failure"}}]`
	successes := `[{"metadata": {}}]`
	if p.Table.Has("status") {
		failures = `[{"status": "failure", "metadata": {"status": "failure"}}, {"status": "failure", "metadata": {}}, {"status": "failure"},
			{"status": "other", "metadata": {}}, {"status": null, "metadata": {"status": "failure"}}]`
		successes = `[{"status": "success", "metadata": {}}, {"status": "success", "metadata": {"status": "success", "attempted_retries": 0, "error_information": null}}]`
	}
	const (
		query   = `SELECT bool_and(coalesce((%[1]s), false)) FROM json_populate_recordset(NULL::%[2]s, %[3]s)`
		rescued = `[{"status": "success", "metadata": {"error_information": {"error_class": "x"}}}, {"status": "success", "metadata": {"attempted_fallbacks": 1}},
			{"status": "success", "metadata": {"attempted_retries": 2}}]`
	)
	var all sent
	for _, test := range []struct {
		rows string
		pass *bool
	}{{failures, &all.failures}, {successes, &all.successes}, {rescued, &all.rescued}} {
		// Never prepared: a plan doesn't notice that its type was dropped with the table.
		sql := fmt.Sprintf(query, filter, p.Table.Name(), postgres.Literal(test.rows))
		if err := conn.QueryRow(ctx, sql, pgx.QueryExecModeExec).Scan(test.pass); err != nil {
			return sent{}, fmt.Errorf("try the row filter of publication %q: %w", p.Name, err)
		}
	}
	return all, nil
}
