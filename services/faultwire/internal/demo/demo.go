// Package demo shows Faultwire to somebody who has no LiteLLM at hand: real rows of
// one, written as live traffic into a throwaway PostgreSQL, followed by the same
// pipeline as `run` has.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/services/faultwire/internal/console"
	"github.com/faultwire/faultwire/services/faultwire/internal/pipeline"
	"github.com/faultwire/faultwire/services/faultwire/internal/standin"
	"github.com/faultwire/faultwire/services/ingest"
)

// ErrInterrupted: a signal ended a demo with Once before its report was complete.
var ErrInterrupted = errors.New("interrupted before the report was complete; run it again")

// Config is what a demo is told.
type Config struct {
	Version   string
	OutputDir string // absolute
	Once      bool   // end when every failure is in a report
	Environ   []string
	Stdout    io.Writer
	Here      string // the working folder, see console.Page
	Log       *slog.Logger
}

type demo struct {
	cfg      Config
	page     console.Page
	dir      string // ours, removed at the end
	database *database
	llm      *standin.Server
	every    time.Duration
	ends     time.Time // of the period that holds the traffic
}

// Run runs the demo until ctx ends, or until its report is complete. It leaves
// nothing behind but the output folder and downloads, and says where those are.
func Run(ctx context.Context, cfg Config) (err error) {
	d := &demo{cfg: cfg, page: console.Page{To: cfg.Stdout, Zone: time.Local, Here: cfg.Here}}
	if d.dir, err = os.MkdirTemp("", "faultwire-demo-"); err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, d.cleanUp(ctx)) }()
	complete := false
	if err = d.prepare(ctx); err == nil {
		complete, err = d.show(ctx)
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		err = nil
	}
	if err == nil && cfg.Once && !complete {
		err = ErrInterrupted
	}
	return err
}

func (d *demo) store() string { return filepath.Join(d.dir, "nats") }

// prepare starts what stands in for the world: database, tables, LLM.
func (d *demo) prepare(ctx context.Context) (err error) {
	d.page.Line("A throwaway PostgreSQL, real requests of a LiteLLM %s, a stand-in for an LLM. Nothing of yours is read or changed.", sample.Version)
	if d.database, err = startDatabase(ctx, func(line string) { d.page.Field("postgres", line) }); err != nil {
		return err
	}
	server := d.database.server
	d.page.Field("postgres", fmt.Sprintf("%s on port %d, data in %s until the end", server.Version(), server.Port(), filepath.Dir(server.LogFile())))
	if err := d.database.fill(ctx); err != nil {
		return err
	}
	d.page.Field("litellm", "tables and keys of LiteLLM "+sample.Version+" made in database "+databaseName)
	if d.llm, err = standin.Listen(ctx); err != nil {
		return err
	}
	d.page.Field("llm", "stand-in at "+d.llm.URL()+": its answers are put together from the prompts")
	return nil
}

// show runs the pipeline on the traffic. complete = every failure is in a report.
func (d *demo) show(ctx context.Context) (complete bool, err error) {
	settings, err := d.settings()
	if err != nil {
		return false, err
	}
	if d.every, d.ends, err = choosePeriod(time.Now(), settings.Report.Timezone); err != nil {
		return false, err
	}
	settings.Report.Every = d.every
	d.page.Zone = settings.Report.Location()
	p, err := pipeline.Open(ctx, pipeline.Config{Settings: *settings, Version: d.cfg.Version, Follow: true}, d.cfg.Log)
	if err != nil {
		return false, err
	}
	report, err := ingest.Setup(ctx, p.Ingest(), d.cfg.Log)
	if err != nil {
		p.CloseQuietly()
		return false, err
	}
	d.tellPipeline(settings, p, report)
	err = p.Run(ctx, func(ctx context.Context) error {
		group, inner := errgroup.WithContext(ctx)
		inner, stop := context.WithCancel(inner)
		defer stop()
		group.Go(func() error { return d.llm.Run(inner) })
		group.Go(func() error {
			if err := d.watch(inner, p); err != nil {
				return err
			}
			complete = true
			if !d.cfg.Once {
				d.tellIdle(p)
				<-inner.Done()
			}
			stop()
			return nil
		})
		return group.Wait()
	})
	return complete, err
}

func (d *demo) tellPipeline(settings *config.Settings, p *pipeline.Pipeline, r ingest.Report) {
	d.page.Field("mode", "streaming through slot "+r.Slot+" and publication "+r.Publication+", both made now in the throwaway database")
	d.page.Field("metrics", "http://"+p.Addr()+"/metrics")
	d.page.Field("files", d.page.Path(settings.Output.Dir)+", a report every "+d.every.String()+", the next at "+d.ends.In(d.page.Zone).Format(time.TimeOnly))
}

func (d *demo) tellIdle(p *pipeline.Pipeline) {
	d.page.Line("That was all of the traffic. Look around, or write rows of your own; Ctrl-C ends the demo.")
	d.page.Field("metrics", "http://"+p.Addr()+"/metrics")
	d.page.Field("database", d.database.url())
}

// cleanUp ends and removes everything but the files, and names what stays.
func (d *demo) cleanUp(ctx context.Context) error {
	var errs []error
	cache := ""
	if d.llm != nil {
		errs = append(errs, d.llm.Close())
	}
	if d.database != nil {
		cache = d.database.server.CacheDir()
		errs = append(errs, d.database.close(ctx))
	}
	errs = append(errs, os.RemoveAll(d.dir))
	stays := "output folder " + d.cfg.OutputDir
	if cache != "" {
		stays += " · download cache " + cache
	}
	d.page.Field("what stays", stays)
	return errors.Join(errs...)
}
