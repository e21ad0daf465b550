package container

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

const (
	streamBuffer = 32 << 10
	headerSize   = 8
	mostTail     = 4 << 10 // bytes kept of what a command complains of
)

// The streams of a frame ("Attach to a container" in the Docker Engine API).
const (
	stdinFrame byte = iota // "is written on stdout"
	stdoutFrame
	stderrFrame
	systemErrorFrame
)

// stream is a connection to a command in a container: its stdin raw, its stdout
// and stderr in frames of an 8-byte header and their bytes. A read that times out
// can be repeated.
type stream struct {
	net.Conn
	in         *bufio.Reader
	kind       byte
	left       uint32 // bytes of the current frame
	complaints tail
	remote     net.Addr
}

// Read returns what the command writes to stdout. At its end, what it wrote to
// stderr is the error.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if s.left == 0 {
			if err := s.header(); err != nil {
				return 0, err
			}
			continue
		}
		if s.kind != stdoutFrame {
			if err := s.complain(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := s.in.Read(p[:min(uint64(len(p)), uint64(s.left))])
		s.left -= uint32(n)
		if n > 0 || err != nil {
			return n, broken(err)
		}
	}
}

// header reads the next one. Peek leaves in the buffer what came of it before a
// timeout.
func (s *stream) header() error {
	h, err := s.in.Peek(headerSize)
	switch {
	case errors.Is(err, io.EOF) && len(h) == 0:
		return s.complaints.explain(io.EOF)
	case err != nil:
		return broken(err)
	case h[0] > systemErrorFrame || h[1]|h[2]|h[3] != 0:
		return fmt.Errorf("%w: a frame begins with % x", ErrMalformed, h)
	}
	s.kind, s.left = h[0], binary.BigEndian.Uint32(h[4:])
	if s.kind == stdinFrame {
		s.kind = stdoutFrame
	}
	_, err = s.in.Discard(headerSize)
	return err
}

func (s *stream) complain() error {
	var piece [512]byte
	n, err := s.in.Read(piece[:min(uint64(len(piece)), uint64(s.left))])
	s.left -= uint32(n)
	_, _ = s.complaints.Write(piece[:n]) // never fails
	return broken(err)
}

// broken tells an end in the middle of a frame from an end.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// RemoteAddr is the address as seen from inside the container. pgx dials it again
// to cancel a query.
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// tail keeps the end of what a command complains of.
type tail struct {
	mu   sync.Mutex
	data []byte
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	t.data = t.data[max(0, len(t.data)-mostTail):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return shown(string(t.data))
}

// explain makes the complaints the error, if there are any.
func (t *tail) explain(err error) error {
	if text := t.String(); text != "" {
		return fmt.Errorf("%s: %w", text, err)
	}
	return err
}
