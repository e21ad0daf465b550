package container

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	engineTimeout = 10 * time.Second
	mostAnswer    = 8 << 20 // bytes; a busy machine's list of containers is some 100 KB
)

// engine calls the Docker Engine API ("Docker Engine API" v1.24 and later, at
// paths without a version: the engine's own).
type engine struct {
	endpoint
	client *http.Client
}

func newEngine(e endpoint) *engine {
	return &engine{endpoint: e, client: &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) },
		DisableKeepAlives: true, // calls are minutes apart
	}}}
}

// inspected is what we need of GET /containers/{id}/json.
type inspected struct {
	ID    string `json:"Id"`
	Name  string
	State struct {
		Status   string
		Running  bool
		ExitCode int
	}
	Config     struct{ Env []string }
	HostConfig struct{ NetworkMode string }

	NetworkSettings struct {
		Networks map[string]struct {
			IPAddress string
			Gateway   string
			Aliases   []string
			DNSNames  []string
		}
		Ports map[string][]struct {
			HostIP   string `json:"HostIp"`
			HostPort string
		}
	}
}

func (e *engine) inspect(ctx context.Context, name string) (*inspected, error) {
	var found inspected
	err := e.call(ctx, http.MethodGet, "/containers/"+url.PathEscape(name)+"/json", nil, &found)
	return &found, err
}

// listed is what we need of GET /containers/json.
type listed struct {
	Names []string
	Image string
}

func (e *engine) list(ctx context.Context) (all []listed, err error) {
	err = e.call(ctx, http.MethodGet, "/containers/json", nil, &all)
	return all, err
}

// exec starts a command in a container; its stdin and stdout are the stream.
func (e *engine) exec(ctx context.Context, id string, command ...string) (*stream, error) {
	var made struct {
		ID string `json:"Id"`
	}
	err := e.call(ctx, http.MethodPost, "/containers/"+url.PathEscape(id)+"/exec", map[string]any{
		"AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": false, "Cmd": command,
	}, &made)
	if err != nil {
		return nil, err
	}
	conn, err := e.dial(ctx)
	if err != nil {
		return nil, err
	}
	// The deadline of the call, and its cancellation, hold for the upgrade only.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	s, err := upgrade(ctx, conn, "/exec/"+url.PathEscape(made.ID)+"/start")
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

// upgrade makes an HTTP connection the stream of an exec.
func upgrade(ctx context.Context, conn net.Conn, path string) (*stream, error) {
	request, err := newRequest(ctx, http.MethodPost, path, map[string]any{"Detach": false, "Tty": false})
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "tcp")
	if err := request.Write(conn); err != nil {
		return nil, fmt.Errorf("start a command in the container: %w", err)
	}
	in := bufio.NewReaderSize(conn, streamBuffer)
	response, err := http.ReadResponse(in, request)
	if err != nil {
		return nil, fmt.Errorf("start a command in the container: %w", err)
	}
	// The body is no HTTP any more: the reader behind it goes on.
	switch response.StatusCode {
	case http.StatusSwitchingProtocols, http.StatusOK:
		return &stream{Conn: conn, in: in}, nil
	}
	defer response.Body.Close()
	return nil, refusal(response)
}

func (e *engine) call(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	request, err := newRequest(ctx, method, path, body)
	if err != nil {
		return err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return refusal(response)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, mostAnswer)).Decode(into); err != nil {
		return fmt.Errorf("read the answer of the Docker Engine: %w", err)
	}
	return nil
}

func newRequest(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("ask the Docker Engine: %w", err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, content)
	if err != nil {
		return nil, fmt.Errorf("ask the Docker Engine: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

func refusal(response *http.Response) error {
	a := &answer{Status: response.StatusCode, Message: response.Status}
	var said struct{ Message string }
	if data, err := io.ReadAll(io.LimitReader(response.Body, mostTail)); err == nil && json.Unmarshal(data, &said) == nil && said.Message != "" {
		a.Message = said.Message
	}
	return a
}
