// Package llm asks an OpenAI-compatible endpoint for the explanation of a kind.
package llm

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/redact"
)

// maxModel caps the name of the model that says it answered, in bytes.
const maxModel = 200

// Client calls one model at one endpoint. It never repeats what failed, save a call
// whose mark was refused: when and how often is the explainer's decision, and each
// call costs.
type Client struct {
	config    config.LLM
	base      string // as people are told it
	chat      openai.ChatCompletionService
	transport *http.Transport
	redactor  *redact.Redactor
	unmarked  atomic.Bool // the endpoint refuses the mark
}

// New returns a client for the settings of section llm.
func New(c config.LLM) *Client {
	base := BaseURL(c.URL)
	transport := newTransport()
	options := []option.RequestOption{
		option.WithBaseURL(base),
		option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: limited{transport}}),
	}
	if key := c.APIKey.Reveal(); key != "" { // an empty one would be sent as "Bearer "
		options = append(options, option.WithAPIKey(key))
	}
	return &Client{
		config: c, base: base, transport: transport, redactor: redact.New(redact.Options{}),
		// Not openai.NewClient: it would read OPENAI_* from the environment.
		chat: openai.NewChatCompletionService(options...),
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Usage is what a call cost, in tokens, as the endpoint says.
type Usage struct{ Input, Output int }

// Reply is a usable answer.
type Reply struct {
	Answer
	Model string // that answered
	Usage Usage
}

// Ask sends one system and one user message and returns the answer. user marks the
// call as ours in LiteLLM's table: in column end_user, and in metadata, which is all
// that is left of a call it rejects. It takes at most llm.timeout.
// The error is a [*CallError] unless ctx ended.
//
// No cap of tokens is sent: there are two names for it and each is refused
// somewhere, a small local model refuses what its context can't hold, and a model
// that thinks needs what it needs. What bounds a call is llm.timeout.
func (c *Client) Ask(ctx context.Context, user, system, message string) (Reply, error) {
	call, cancel := context.WithTimeoutCause(ctx, c.config.Timeout, errTimeout)
	defer cancel()
	var response *http.Response
	completion, err := c.call(call, &response, openai.ChatCompletionNewParams{
		Model:    c.config.Model,
		User:     openai.String(user),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage(system), openai.UserMessage(message)},
	})
	if ctx.Err() != nil {
		return Reply{}, fmt.Errorf("ask the LLM: %w", ctx.Err())
	}
	if err != nil {
		return Reply{}, c.failure(call, response, err)
	}
	reply := Reply{
		Model: oneLine(completion.Model, maxModel),
		Usage: Usage{Input: tokens(completion.Usage.PromptTokens), Output: tokens(completion.Usage.CompletionTokens)},
	}
	if reply.Model == "" {
		reply.Model = c.config.Model
	}
	content := ""
	if len(completion.Choices) > 0 {
		content = completion.Choices[0].Message.Content
	}
	if reply.Answer, err = parse(content); err != nil {
		return reply, c.nonsense(err)
	}
	return reply, nil
}

// tokens guards what is added up: an endpoint may say anything.
func tokens(n int64) int { return int(min(max(n, 0), 1<<30)) }

// newTransport is one of our own: idle connections of the default one would
// outlive us.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		MaxIdleConns: 4, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
	}
}
