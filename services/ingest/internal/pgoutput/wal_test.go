package pgoutput_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/pgoutput"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlogtest"
)

// TestCornersFromWAL decodes every corner case of row_to_json from the write-ahead
// log, on a database that is set to print values otherwise.
func TestCornersFromWAL(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.WithSchema(""))
	admin := db.Conn(t)
	sql := []string{spendlogtest.CornerTable, "CREATE PUBLICATION faultwire FOR TABLE corners WITH (publish = 'insert')", slot.CreateSQL(db.Name, 15)}
	for name, value := range map[string]string{"datestyle": "'SQL, DMY'", "timezone": "'Asia/Shanghai'", "extra_float_digits": "0", "intervalstyle": "'iso_8601'", "bytea_output": "'escape'"} {
		sql = append(sql, fmt.Sprintf("ALTER DATABASE %s SET %s = %s", postgres.Quote(db.Name), name, value))
	}
	for _, s := range append(sql, spendlogtest.Corners()...) {
		if _, err := admin.Exec(t.Context(), s, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialer.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	table, err := spendlogtest.ReadTable(t.Context(), conn, "corners", "")
	if err != nil {
		t.Fatal(err)
	}
	follow(t, dialer, db.Name, func(layout *spendlog.Layout, columns []spendlog.Column, row []spendlog.Value) bool {
		if err := table.Check(layout, columns, row); err != nil {
			t.Error(err)
		}
		return len(table.Unseen()) > 0
	})
	if table.Len() != len(spendlogtest.Corners()) {
		t.Errorf("%d rows of %d", table.Len(), len(spendlogtest.Corners()))
	}
}

// follow gives the rows that a slot brings until yield returns false.
func follow(t *testing.T, dialer *postgres.Dialer, slot string, yield func(*spendlog.Layout, []spendlog.Column, []spendlog.Value) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := dialer.Replication(ctx, "UTF8", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pglogrepl.StartReplication(ctx, conn, slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names 'faultwire'"}})
	if err != nil {
		t.Fatal(err)
	}
	var (
		decoder  pgoutput.Decoder
		relation pgoutput.Relation
		layout   *spendlog.Layout
	)
	for {
		received, err := conn.ReceiveMessage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		data, ok := received.(*pgproto3.CopyData)
		if !ok || data.Data[0] != pglogrepl.XLogDataByteID {
			continue
		}
		x, err := pglogrepl.ParseXLogData(data.Data[1:])
		if err != nil {
			t.Fatal(err)
		}
		message, err := decoder.Decode(x.WALData)
		if err != nil {
			t.Fatal(err)
		}
		switch m := message.(type) {
		case pgoutput.Relation:
			relation = m
			if layout, err = spendlog.NewLayout(m.Columns); err != nil {
				t.Fatal(err)
			}
		case pgoutput.Insert:
			if !yield(layout, relation.Columns, m.Values) {
				return
			}
		}
	}
}
