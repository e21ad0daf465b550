module github.com/faultwire/faultwire/services/faultwire

go 1.26.0

require (
	github.com/faultwire/faultwire/pkg v0.0.0
	github.com/faultwire/faultwire/services/analyzer v0.0.0
	github.com/faultwire/faultwire/services/ingest v0.0.0
	github.com/faultwire/faultwire/services/reporter v0.0.0
)

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.12.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/nats-io/nats.go v1.55.0 // indirect
	github.com/nats-io/nkeys v0.4.16 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	github.com/prometheus/client_golang v1.25.0 // indirect
	github.com/spf13/cobra v1.10.2 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/faultwire/faultwire/pkg => ../../pkg

replace github.com/faultwire/faultwire/services/ingest => ../ingest

replace github.com/faultwire/faultwire/services/analyzer => ../analyzer

replace github.com/faultwire/faultwire/services/reporter => ../reporter
