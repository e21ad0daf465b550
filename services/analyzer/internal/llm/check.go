package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/doctor"
)

const (
	checkName    = "llm"
	checkTimeout = 10 * time.Second
	// shownModels is how many of the models that are served are named.
	shownModels = 5
)

// Check asks the endpoint for its list of models, which every OpenAI-compatible API
// has and which costs nothing, and says whether calls can be expected to work.
func (c *Client) Check(ctx context.Context) doctor.Finding {
	ctx, cancel := context.WithTimeoutCause(ctx, min(checkTimeout, c.config.Timeout), errTimeout)
	defer cancel()
	url := strings.TrimSuffix(c.base, "/")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/models", http.NoBody)
	if err != nil {
		return doctor.Fail(checkName, "set llm.url (FAULTWIRE_LLM_URL) to the base of an OpenAI-compatible API", "%s: %v", url, err)
	}
	if key := c.config.APIKey.Reveal(); key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	began := time.Now()
	client := &http.Client{Transport: limited{c.transport}}
	response, err := client.Do(request)
	if err != nil {
		return c.unreachable(ctx, url, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return c.refused(url, response)
	}
	models, err := listed(response.Body)
	if err != nil {
		return doctor.Fail(checkName, "set llm.url (FAULTWIRE_LLM_URL) to the base of an OpenAI-compatible API; most end in /v1",
			"%s answers, but not as an OpenAI-compatible API: /models is no list", url)
	}
	return c.served(url, models, time.Since(began))
}

func (c *Client) unreachable(ctx context.Context, url string, err error) doctor.Finding {
	if ctx.Err() != nil {
		return doctor.Fail(checkName, "see that it runs and is not overloaded", "%s: no answer within %s", url, min(checkTimeout, c.config.Timeout))
	}
	return doctor.Fail(checkName, "start it, or correct llm.url (FAULTWIRE_LLM_URL); in a container, localhost is the container itself", "%s: %s", url, c.harmless(reason(err)))
}

// refused explains an answer that is no list.
func (c *Client) refused(url string, response *http.Response) doctor.Finding {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, http.StatusText(response.StatusCode)))
	key := fmt.Sprintf("set llm.api_key (FAULTWIRE_LLM_API_KEY) to a key that may call %s", c.config.Model)
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		if c.config.APIKey == "" {
			return doctor.Fail(checkName, key, "%s: %s, and no key is set", url, status)
		}
		return doctor.Fail(checkName, key, "%s: %s: it does not take this key", url, status)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return doctor.Warn(checkName, "if explanations fail, set llm.url (FAULTWIRE_LLM_URL) to the base of the API; most end in /v1",
			"%s answers, but has no list of models (%s): whether %s can be called is not known before the first call", url, status, c.config.Model)
	}
	text := fmt.Sprintf("%s: %s", url, status)
	if said := c.harmless(said(response)); said != "" {
		text += fmt.Sprintf(" (%q)", said)
	}
	return doctor.Fail(checkName, "see to it there; faultwire tries again by itself", "%s", text)
}

// served looks for the model in the list.
func (c *Client) served(url string, models []string, took time.Duration) doctor.Finding {
	if slices.Contains(models, c.config.Model) {
		return doctor.Fine(checkName, "%s serves %s, and answered after %s", url, c.config.Model, took.Round(time.Millisecond))
	}
	fix := "set llm.model (FAULTWIRE_LLM_MODEL) to a model that this key may call"
	var names []string
	for _, model := range models[:min(len(models), shownModels)] {
		names = append(names, oneLine(model, maxModel))
	}
	if len(names) > 0 {
		fix += ", such as " + strings.Join(names, ", ")
	}
	return doctor.Warn(checkName, fix, "%s answers, but %s is not among the %d models that it lists", url, c.config.Model, len(models))
}

// listed reads {"data": [{"id": "…"}, …]}.
func listed(body io.Reader) ([]string, error) {
	var list struct {
		Data *[]struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(body).Decode(&list); err != nil {
		return nil, err
	}
	if list.Data == nil {
		return nil, errNoCompletion
	}
	var models []string
	for _, m := range *list.Data {
		models = append(models, m.ID)
	}
	slices.Sort(models)
	return models, nil
}
