// Command faultwire is all of Faultwire in one program: ingest, analyzer and
// reporter around an embedded NATS server, and the operator's commands.
package main

import (
	"context"
	"os"

	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/faultwire/internal/command"
)

// version is set by the build: -ldflags "-X main.version=…".
var version string

func main() {
	ctx, stop := program.Signals(context.Background())
	program.SaveMemory()
	code := command.Main(ctx, command.Process{
		Version: version, Args: os.Args[1:], Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	stop()
	os.Exit(code)
}
