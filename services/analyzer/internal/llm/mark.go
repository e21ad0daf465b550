package llm

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// mark is where LiteLLM keeps a tag of ours, whatever becomes of the call: of one
// that it rejects before routing (a wrong or expired key, over budget, a model that
// the key may not call) neither the user nor any header reaches its table, and a tag
// among metadata.tags would take part in its routing. Measured with 1.80.10 and
// 1.106.0. Ingest looks for it there.
const mark = "metadata.spend_logs_metadata.faultwire"

// call asks once. An endpoint that refuses the mark is asked again without it, and
// never marked again: OpenAI's own takes only texts in metadata.
func (c *Client) call(ctx context.Context, response **http.Response, params openai.ChatCompletionNewParams) (*openai.ChatCompletion, error) {
	into := option.WithResponseInto(response)
	if c.unmarked.Load() {
		return c.chat.New(ctx, params, into)
	}
	completion, err := c.chat.New(ctx, params, into, option.WithJSONSet(mark, params.User.Value))
	if err == nil || !refusesMark(*response) {
		return completion, err
	}
	*response = nil // in case there is none
	if completion, err = c.chat.New(ctx, params, into); err == nil {
		c.unmarked.Store(true)
	}
	return completion, err
}

// refusesMark reports whether an answer may mean that the mark isn't taken: it names
// metadata, or names nothing and isn't LiteLLM's, which takes it.
func refusesMark(response *http.Response) bool {
	if response == nil || response.StatusCode != http.StatusBadRequest && response.StatusCode != http.StatusUnprocessableEntity {
		return false
	}
	body, _ := io.ReadAll(response.Body) // in memory already, and capped
	response.Body = io.NopCloser(bytes.NewReader(body))
	text := strings.ToLower(string(body))
	return strings.Contains(text, "metadata") || !fromLiteLLM(response.Header, text)
}

// fromLiteLLM reports whether an error is LiteLLM's: what it rejects before routing
// has none of its headers.
func fromLiteLLM(header http.Header, text string) bool {
	for name := range header {
		if strings.HasPrefix(name, "X-Litellm-") {
			return true
		}
	}
	for _, word := range []string{"litellm", `"budget_exceeded"`, `"expired_key"`} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
