package analyzer

import (
	"context"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

// Examine looks whether the LLM of the settings answers, at no cost: nothing is
// asked of a model. It takes at most 10 s.
func Examine(ctx context.Context, c config.LLM) doctor.Finding {
	if !c.Enabled {
		if c.URL != "" {
			return doctor.Fine("llm", "off by llm.enabled; everything else works without")
		}
		return doctor.Fine("llm", "off (set llm.url and llm.model for causes and advice; everything else works without)")
	}
	client := llm.New(c)
	defer client.Close()
	return client.Check(ctx)
}
