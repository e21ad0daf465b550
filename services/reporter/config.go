package reporter

import (
	"errors"
	"fmt"

	"github.com/faultwire/faultwire/pkg/config"
)

// Config is what the reporter is told.
type Config struct {
	Report config.Report // for a period whose rules name no zone
	Output config.Output
	LLM    config.LLM // whether explanations are waited for, and how long
	// Version of the build, for query_params.
	Version string
	// Alone says that no other reporter can be on this log, as with an embedded
	// broker whose folder is locked: no lease is waited for.
	Alone bool
}

// Default returns the defaults of the settings.
func Default() Config {
	d := config.Default()
	return Config{Report: d.Report, Output: d.Output, LLM: d.LLM, Version: "dev"}
}

// Validate reports all faults, each with the path of its setting.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Output.Dir == "" {
		fault("output.dir is empty: set it (FAULTWIRE_OUTPUT_DIR) to the folder for reports")
	}
	if c.Output.MaxRows < 0 {
		fault("output.max_rows: %d: wanted a number of rows, or 0 for all", c.Output.MaxRows)
	}
	if c.LLM.Enabled && c.LLM.Timeout <= 0 {
		fault("llm.timeout: %s: wanted a duration above 0", c.LLM.Timeout)
	}
	return errors.Join(faults...)
}
