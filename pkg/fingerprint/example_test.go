package fingerprint_test

import (
	"fmt"

	"github.com/faultwire/faultwire/pkg/fingerprint"
)

func ExampleOf() {
	k := fingerprint.Of(fingerprint.Error{
		Class: "RateLimitError", Code: "429", Provider: "openai",
		Message: "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for gpt-4o in organization org-267jnLtGTyrkfnOF9egJ463d " +
			"on requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 120ms.. Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=None",
	})
	fmt.Println(k.ID, k.Class)
	fmt.Println(k.Title)
	fmt.Println(k.Template)
	fmt.Println(k.Check)
	// Output:
	// f1-aef967597e31d7ba quota
	// Rate limit on requests per minute
	// Rate limit reached for <model> in organization <id> on requests per min (RPM): Limit <n>, Used <n>, Requested <n>
	// check the deployment's rpm in LiteLLM's config against the provider's limit; spread over a second deployment or set a fallback
}
