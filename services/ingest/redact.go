package ingest

import (
	"fmt"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/redact"
)

// newRedactor returns what takes secrets out of rows: nil when ingest.redact is false.
func newRedactor(cfg config.Ingest) (*redact.Redactor, error) {
	if !cfg.Redact {
		return nil, nil
	}
	o := redact.Options{Names: cfg.RedactNames}
	for _, pattern := range cfg.RedactPatterns {
		re, err := redact.Compile(pattern)
		if err != nil {
			return nil, config.Faults{{Path: "ingest.redact_patterns", Message: fmt.Sprintf("found %q: %s", pattern, err), Err: err}}
		}
		o.Patterns = append(o.Patterns, re)
	}
	return redact.New(o), nil
}
