package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxSaid       = 200 // bytes of what the endpoint says was wrong
	maxRetryAfter = 24 * time.Hour
)

func (c *Client) subject() string { return "llm.url " + strings.TrimSuffix(c.base, "/") }

// nonsense is an answer that can't be used.
func (c *Client) nonsense(err error) *CallError {
	return &CallError{Why: fmt.Sprintf("%s, llm.model %s: %v", c.subject(), c.config.Model, err), Outcome: OutcomeNonsense, err: err}
}

// failure says what went wrong in the words of the settings. response is nil when
// there was none.
func (c *Client) failure(ctx context.Context, response *http.Response, err error) *CallError {
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		return &CallError{
			Why:     fmt.Sprintf("%s: no answer within llm.timeout (%s)", c.subject(), c.config.Timeout),
			Outcome: "timeout", Endpoint: true, err: errTimeout,
		}
	case response == nil:
		return &CallError{
			Why:     fmt.Sprintf("%s: %s: is it right, and reachable from here?", c.subject(), c.harmless(reason(err))),
			Outcome: "unreachable", Endpoint: true, err: err,
		}
	case response.StatusCode >= http.StatusBadRequest:
		return c.refusal(response, err)
	}
	e := c.nonsense(errNoCompletion)
	e.Endpoint, e.err = true, err
	return e
}

// refusal is an answer with a status of 400 or more.
func (c *Client) refusal(response *http.Response, err error) *CallError {
	status := response.StatusCode
	e := &CallError{Outcome: "http_" + strconv.Itoa(status), Endpoint: true, RetryAfter: retryAfter(response.Header.Get("Retry-After")), err: err}
	e.Why = strings.TrimSpace(fmt.Sprintf("%s: %d %s", c.subject(), status, http.StatusText(status)))
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Why += ": set llm.api_key (FAULTWIRE_LLM_API_KEY) to a key that may call " + c.config.Model
		return e // what such an answer says quotes the key
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		e.Endpoint = false
	}
	if said := c.harmless(said(response)); said != "" {
		e.Why += fmt.Sprintf(" (%q)", said)
	}
	if status == http.StatusNotFound || status == http.StatusBadRequest {
		e.Why += fmt.Sprintf(": is llm.model %s served there, and llm.url the base of the API?", c.config.Model)
	}
	return e
}

// said is the message in the body of an error, in the form of OpenAI or of FastAPI.
func said(response *http.Response) string {
	body, err := io.ReadAll(response.Body) // in memory already, and capped
	if err != nil {
		return ""
	}
	var message struct {
		Error  json.RawMessage `json:"error"`
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &message) != nil {
		return ""
	}
	for _, raw := range []json.RawMessage{message.Error, message.Detail} {
		var text string
		var object struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(raw, &text) == nil && text != "" {
			return text
		}
		if json.Unmarshal(raw, &object) == nil && object.Message != "" {
			return object.Message
		}
	}
	return ""
}

// harmless makes a short line of what somebody else wrote, without secrets: an
// endpoint may quote the key it was given.
func (c *Client) harmless(text string) string {
	if key := c.config.APIKey.Reveal(); key != "" {
		text = strings.ReplaceAll(text, key, "***")
	}
	return oneLine(c.redactor.String(text), maxSaid)
}

// reason is the innermost sentence of a transport error: the outer ones repeat
// the URL.
func reason(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err.Error()
}

// retryAfter reads the header's seconds or date; 0 when there is none.
func retryAfter(s string) time.Duration {
	if seconds, err := strconv.ParseInt(s, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), maxRetryAfter)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}
