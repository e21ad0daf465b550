package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

func ExampleGroup() {
	untilStopped := func(name string) lifecycle.Service {
		return lifecycle.ServiceFunc(func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println(name, "stopped")
			return nil
		})
	}
	g := lifecycle.NewGroup(slog.New(slog.DiscardHandler), 10*time.Second)
	g.Add("ingest", untilStopped("ingest"))
	g.Add("analyzer", lifecycle.ServiceFunc(func(context.Context) error {
		return errors.New("stream WINDOWS is gone")
	}))
	g.Add("reporter", untilStopped("reporter"))

	fmt.Println(g.Run(context.Background()))
	// Output:
	// ingest stopped
	// reporter stopped
	// analyzer: stream WINDOWS is gone
}
