// Package llm asks an OpenAI-compatible endpoint for the explanation of a kind.
package llm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/faultwire/faultwire/pkg/config"
)

// maxAnswer caps what is read of a response, in bytes.
const maxAnswer = 1 << 20

// maxTokens caps the answer. Reasoning models think within it.
const maxTokens = 4096

// Client calls one model at one endpoint. It never retries: when and how often is
// the explainer's decision, and each call costs.
type Client struct {
	config config.LLM
	chat   openai.ChatCompletionService
}

// New returns a client for the settings of section llm. user marks our own calls
// in LiteLLM's table (column end_user).
func New(c config.LLM) *Client {
	return &Client{config: c, chat: openai.NewChatCompletionService(
		// Not openai.NewClient: it would read OPENAI_* from the environment.
		option.WithBaseURL(BaseURL(c.URL)),
		option.WithAPIKey(c.APIKey.Reveal()),
		option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: limited{http.DefaultTransport}}),
	)}
}

// BaseURL turns llm.url as people write it (with or without /v1, or the whole path
// of chat completions) into what the client puts "chat/completions" behind. A path
// of one's own is kept as it is.
func BaseURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/chat/completions")
	if u.Path == "" {
		u.Path = "/v1"
	}
	u.RawPath = ""
	u.Path += "/"
	return u.String()
}

// Usage is what a call cost, in tokens.
type Usage struct{ Input, Output int }

// Reply is a usable answer.
type Reply struct {
	Answer
	Model string // that answered
	Usage Usage
}

// Ask sends one system and one user message and returns the answer. user marks
// the call as ours. The error is a [*CallError] unless ctx ended.
func (c *Client) Ask(ctx context.Context, user, system, message string) (Reply, error) {
	call, cancel := context.WithTimeoutCause(ctx, c.config.Timeout, errTimeout)
	defer cancel()
	completion, err := c.chat.New(call, openai.ChatCompletionNewParams{
		Model:     c.config.Model,
		User:      openai.String(user),
		MaxTokens: openai.Int(maxTokens),
		Messages:  []openai.ChatCompletionMessageParamUnion{openai.SystemMessage(system), openai.UserMessage(message)},
	})
	if ctx.Err() != nil {
		return Reply{}, ctx.Err()
	}
	if err != nil {
		return Reply{}, c.callError(call, err)
	}
	if len(completion.Choices) == 0 {
		return Reply{}, &CallError{Why: c.subject() + ": " + errNoAnswer.Error(), Outcome: "nonsense"}
	}
	answer, err := parse(completion.Choices[0].Message.Content)
	if err != nil {
		return Reply{}, &CallError{Why: fmt.Sprintf("%s, model %s: %v", c.subject(), c.config.Model, err), Outcome: "nonsense"}
	}
	return Reply{Answer: answer, Model: completion.Model, Usage: Usage{int(completion.Usage.PromptTokens), int(completion.Usage.CompletionTokens)}}, nil
}

func (c *Client) subject() string { return "llm.url " + BaseURL(c.config.URL) }

// callError says what went wrong in the words of the settings.
func (c *Client) callError(ctx context.Context, err error) *CallError {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return &CallError{Why: fmt.Sprintf("%s: no answer within llm.timeout (%s)", c.subject(), c.config.Timeout), Outcome: "timeout", err: errTimeout}
	}
	var status *openai.Error
	if !errors.As(err, &status) {
		return &CallError{Why: c.subject() + ": " + reason(err), Outcome: "unreachable", err: err}
	}
	e := &CallError{Outcome: "http_" + strconv.Itoa(status.StatusCode), err: err}
	e.Why = fmt.Sprintf("%s: %d %s", c.subject(), status.StatusCode, http.StatusText(status.StatusCode))
	switch status.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Why += fmt.Sprintf(": set llm.api_key (FAULTWIRE_LLM_API_KEY) to a key that may call %s", c.config.Model)
	case http.StatusNotFound:
		e.Why += fmt.Sprintf(": is llm.model %s known there, and does the URL end in /v1?", c.config.Model)
	}
	if status.Response != nil {
		e.RetryAfter = retryAfter(status.Response.Header.Get("Retry-After"))
	}
	return e
}

// reason is the innermost sentence of a transport error: the outer ones repeat
// the URL.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

// retryAfter reads the header's seconds or date; 0 when there is none.
func retryAfter(s string) time.Duration {
	if seconds, err := strconv.Atoi(s); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
