package analyzer

import (
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

// Default returns the defaults of the settings: windows of 5 min, periods of 1 h in
// UTC, no LLM.
func Default() Config {
	d := config.Default()
	d.Report.Timezone = time.UTC.String()
	return Config{Analyzer: d.Analyzer, Report: d.Report, LLM: d.LLM}
}

// Validate returns [config.Faults], each with the path of its setting.
func (c Config) Validate() error {
	s := config.Default()
	s.Analyzer, s.Report, s.LLM = c.Analyzer, c.Report, c.LLM
	return s.Validate()
}

// rules are the settings by which the log is cut.
func (c Config) rules() event.Rules {
	return event.Rules{Window: event.Duration(c.Analyzer.Window), Every: event.Duration(c.Report.Every), Zone: c.Report.Location().String()}
}
