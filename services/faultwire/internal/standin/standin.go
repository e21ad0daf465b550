// Package standin is a server that speaks enough of OpenAI's chat completions for
// the demo, and is no language model: its answer is put together from the document
// in the prompt it gets, and says so.
package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Model is the name it answers under.
const Model = "demo-stand-in"

const (
	readTimeout  = 10 * time.Second
	closeTimeout = 2 * time.Second
	maxRequest   = 4 << 20 // bytes
)

// Server listens on a free port of 127.0.0.1.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen takes the port; [Server.Run] serves it.
func Listen(ctx context.Context) (*Server, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the stand-in of an LLM: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", complete)
	return &Server{listener: listener, http: &http.Server{
		Handler: mux, ReadTimeout: readTimeout, WriteTimeout: readTimeout, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}}, nil
}

// URL is what llm.url is set to.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/v1" }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the stand-in of an LLM: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := s.http.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// Close frees the port of a server that is not going to run; after Run it does
// nothing.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the stand-in of an LLM: %w", err)
	}
	return nil
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func complete(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Model    string    `json:"model"`
		Messages []message `json:"messages"`
	}
	body := http.MaxBytesReader(w, r.Body, maxRequest)
	if err := json.NewDecoder(body).Decode(&request); err != nil {
		refuse(w, "the request is no JSON: "+err.Error())
		return
	}
	text, err := answer(request.Messages)
	if err != nil {
		refuse(w, err.Error())
		return
	}
	now := time.Now().Unix()
	reply(w, http.StatusOK, map[string]any{
		"id": "chatcmpl-demo-" + strconv.FormatInt(now, 10), "object": "chat.completion", "created": now, "model": Model,
		"choices": []any{map[string]any{"index": 0, "message": message{Role: "assistant", Content: text}, "finish_reason": "stop"}},
		"usage":   map[string]int{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
	})
}

// refuse answers in the form of OpenAI's errors.
func refuse(w http.ResponseWriter, why string) {
	reply(w, http.StatusBadRequest, map[string]any{
		"error": map[string]any{"message": why, "type": "invalid_request_error", "param": nil, "code": nil},
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}
