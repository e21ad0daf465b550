package analyzer

import (
	"errors"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
)

// Config is what the analyzer is told.
type Config struct {
	Analyzer config.Analyzer
	Report   config.Report // periods are planned here: every, timezone
	LLM      config.LLM    // no explanations are asked for unless it is enabled
}

// Default returns the defaults of the settings.
func Default() Config {
	d := config.Default()
	return Config{Analyzer: d.Analyzer, Report: d.Report, LLM: d.LLM}
}

// Validate reports all faults, each with the path of its setting.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Analyzer.Window <= 0 {
		fault("analyzer.window: %s: wanted a duration above 0", c.Analyzer.Window)
	}
	if c.Report.Every <= 0 {
		fault("report.every: %s: wanted a duration above 0", c.Report.Every)
	}
	if _, err := time.LoadLocation(c.Report.Timezone); err != nil {
		fault("report.timezone: %s: wanted a name like Asia/Shanghai", c.Report.Timezone)
	}
	if c.LLM.Enabled && c.LLM.Timeout <= 0 {
		fault("llm.timeout: %s: wanted a duration above 0", c.LLM.Timeout)
	}
	return errors.Join(faults...)
}

// rules are the settings by which the log is cut.
func (c Config) rules() event.Rules {
	return event.Rules{Window: event.Duration(c.Analyzer.Window), Every: event.Duration(c.Report.Every), Zone: c.Report.Timezone}
}
