package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/services/faultwire/internal/pipeline"
)

const (
	excerptLines = 26
	// reportPatience is how long after the traffic every failure must be in a
	// report: a period, a heartbeat, explanations, and a slow machine.
	reportPatience = longest + time.Minute
)

var (
	errLate  = errors.New("the failures are not in a report in time; --verbose shows what happened")
	errDiffs = errors.New("the reports and the database differ")
)

// watch writes the traffic and shows the reports until every failure is in one.
func (d *demo) watch(ctx context.Context, p *pipeline.Pipeline) error {
	all, err := sample.Rows()
	if err != nil {
		return err
	}
	rows, err := shifted(all, time.Now().Add(trafficTime))
	if err != nil {
		return err
	}
	d.page.Field("traffic", fmt.Sprintf("%d requests, %d of them failed, in %d writes over %s", len(rows), failedOf(rows), flushes, trafficTime))
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return write(inner, d.database.conn, cut(rows, flushes), d.tellFlush) })
	reports := &reports{ids: map[string]bool{}}
	group.Go(func() error {
		inner, cancel := context.WithTimeoutCause(inner, trafficTime+reportPatience, errLate)
		defer cancel()
		err := p.Outcomes(inner, event.RunLive, func(o *event.Outcome) bool { return d.tellReport(o, reports) && len(reports.ids) < failedOf(rows) })
		if errors.Is(context.Cause(inner), errLate) {
			err = errLate
		}
		return errors.Join(err, reports.err)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return d.check(ctx, reports)
}

func (d *demo) tellFlush(rows, failed int) {
	d.page.Field("", fmt.Sprintf("%s  %d requests, %d failed", time.Now().In(d.page.Zone).Format(time.TimeOnly), rows, failed))
}

// reports is what the demo's reports hold.
type reports struct {
	ids map[string]bool // of error_logs_analysis
	n   int             // entries there
	err error
}

// tellReport shows a finished report; false ends the watch.
func (d *demo) tellReport(o *event.Outcome, r *reports) bool {
	if o.Matched == 0 && o.Failed == "" {
		return true
	}
	d.page.Report(o)
	d.page.Files(o)
	r.err = errors.Join(r.add(o), d.excerpt(o))
	return r.err == nil
}

// add reads which requests a report names.
func (r *reports) add(o *event.Outcome) error {
	data, err := os.ReadFile(fileOf(o, "error_logs_analysis_"))
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	var entries []event.LogEntry
	if err := json.Unmarshal(data, &entries); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	for _, e := range entries {
		if e.RequestID != nil {
			r.ids[*e.RequestID] = true
		}
		r.n++
	}
	return nil
}

func (d *demo) excerpt(o *event.Outcome) error {
	text, err := os.Open(fileOf(o, "llm_analysis_"))
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	defer text.Close()
	return d.page.Excerpt(text, excerptLines)
}

func fileOf(o *event.Outcome, prefix string) string {
	for _, name := range o.Files {
		if strings.HasPrefix(name, prefix) {
			return filepath.Join(o.Dir, name)
		}
	}
	return filepath.Join(o.Dir, prefix+"…")
}

// check compares the files with what SQL finds in the database.
func (d *demo) check(ctx context.Context, r *reports) error {
	want, err := d.database.failed(ctx)
	if err != nil {
		return err
	}
	same := 0
	for id := range want {
		if r.ids[id] {
			same++
		}
	}
	d.page.Field("check", fmt.Sprintf("SQL finds %d failed requests in the table, the files hold %d: %d of them the same, each once", len(want), r.n, same))
	if same != len(want) || r.n != len(want) {
		return errDiffs
	}
	return nil
}
