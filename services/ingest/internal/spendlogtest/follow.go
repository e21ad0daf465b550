package spendlogtest

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/services/ingest/internal/pgoutput"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// Row is a row out of the WAL, valid until the next one.
type Row struct {
	Layout  *spendlog.Layout
	Columns []spendlog.Column
	Values  []spendlog.Value
}

// Follow gives the rows that a slot brings through a publication, until yield
// returns false. It confirms nothing.
func Follow(ctx context.Context, dialer *postgres.Dialer, slot, publication string, yield func(Row) bool) error {
	conn, err := dialer.Replication(ctx, "UTF8", nil)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	plugin := []string{"proto_version '1'", "publication_names " + postgres.Literal(postgres.Quote(publication))}
	if err := pglogrepl.StartReplication(ctx, conn, slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: plugin}); err != nil {
		return fmt.Errorf("follow slot %s: %w", slot, err)
	}
	var (
		decoder pgoutput.Decoder
		row     Row
	)
	for {
		received, err := conn.ReceiveMessage(ctx)
		if err != nil {
			return fmt.Errorf("follow slot %s: %w", slot, err)
		}
		data, ok := received.(*pgproto3.CopyData)
		if !ok || data.Data[0] != pglogrepl.XLogDataByteID {
			continue
		}
		x, err := pglogrepl.ParseXLogData(data.Data[1:])
		if err != nil {
			return err
		}
		message, err := decoder.Decode(x.WALData)
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case pgoutput.Relation:
			row.Columns = m.Columns
			if row.Layout, err = spendlog.NewLayout(m.Columns); err != nil {
				return err
			}
		case pgoutput.Insert:
			row.Values = m.Values
			if !yield(row) {
				return nil
			}
		}
	}
}
