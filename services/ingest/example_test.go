package ingest_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/faultwire/faultwire/services/ingest"
)

// A program shows what has to be run by hand before a role without rights can
// follow LiteLLM's table. The database need not be there.
func ExampleSetupSQL() {
	cfg := ingest.Default()
	cfg.Postgres.URL = "postgres://faultwire:secret@127.0.0.1:1/litellm"
	statements, err := ingest.SetupSQL(context.Background(), cfg)
	for _, sql := range statements {
		fmt.Println(sql)
	}
	fmt.Println("reached:", err == nil)
	// Output:
	// CREATE PUBLICATION "faultwire" FOR TABLE "public"."LiteLLM_SpendLogs" WHERE (status <> 'success' OR (status IS NULL AND metadata ->> 'status' = 'failure')) WITH (publish = 'insert', publish_via_partition_root = true);
	// SELECT pg_create_logical_replication_slot('faultwire', 'pgoutput');
	// reached: false
}

// A service is made of settings and of what it works with, and runs until its
// context ends. Faults of the settings are known by their type.
func ExampleNew() {
	cfg := ingest.Default() // no database is named
	_, err := ingest.New(cfg, ingest.Deps{Log: slog.New(slog.DiscardHandler)})
	fmt.Println("wrong settings:", ingest.IsSettings(err))
	// Output:
	// wrong settings: true
}
