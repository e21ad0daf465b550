package ingest_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/pgtemp"
)

// relay is a way to the database that can be cut, led elsewhere, or be a pooler's.
type relay struct {
	listener net.Listener

	mu     sync.Mutex
	target string // host:port
	refuse func(startup map[string]string) *pgproto3.ErrorResponse
	// limit, in bytes from the server, cuts a replication connection; the next one may
	// carry four times as many. 0 = none.
	limit int64
	stall bool // nothing is carried, and no connection ends
	brief bool // wal_sender_timeout is a second, not a minute
	conns map[net.Conn]struct{}
	group sync.WaitGroup
}

// relayed leads the rig's service through a relay.
func (r *rig) relayed(t *testing.T) *relay {
	t.Helper()
	u, err := url.Parse(r.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &relay{listener: l, target: u.Host, conns: map[net.Conn]struct{}{}}
	p.group.Go(p.serve)
	t.Cleanup(func() { _ = l.Close(); p.cut(); p.group.Wait() })
	u.Host = l.Addr().String()
	r.cfg.Postgres.URL = config.URL(u.String())
	return p
}

func (p *relay) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.join(client) })
	}
}

// set changes what happens to connections that are made from now on.
func (p *relay) set(change func(*relay)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// lead leads new connections to another server, and cuts the old ones.
func (p *relay) lead(t *testing.T, to *pgtemp.Server) {
	t.Helper()
	p.set(func(p *relay) { p.target = fmt.Sprintf("127.0.0.1:%d", to.Port()) })
	p.cut()
}

// cut closes all connections without a word.
func (p *relay) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *relay) keep(c net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	return func() {
		_ = c.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}
}

// join carries one connection until either end closes it.
func (p *relay) join(client net.Conn) {
	defer p.keep(client)()
	packet, startup, err := readStartup(client)
	if err != nil {
		return
	}
	p.mu.Lock()
	target, refuse, limit := p.target, p.refuse, p.limit
	if p.brief {
		packet = bytes.Replace(packet, []byte("wal_sender_timeout\x0060000"), []byte("wal_sender_timeout\x0001000"), 1)
	}
	if startup["replication"] == "" {
		limit = 0
	}
	if limit > 0 {
		p.limit *= 4
	}
	p.mu.Unlock()
	if refuse != nil {
		if no := refuse(startup); no != nil {
			if b, err := no.Encode(nil); err == nil {
				_, _ = client.Write(b)
			}
			return
		}
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer p.keep(server)()
	if _, err := server.Write(packet); err != nil {
		return
	}
	var answers io.Reader = server
	if limit > 0 {
		answers = io.LimitReader(server, limit)
	}
	p.group.Go(func() {
		_, _ = io.Copy(p.stalling(server), client)
		_ = server.Close()
	})
	_, _ = io.Copy(p.stalling(client), answers)
}

// stalling drops what is written while the relay stalls.
func (p *relay) stalling(to io.Writer) io.Writer {
	return writer(func(b []byte) (int, error) {
		p.mu.Lock()
		stall := p.stall
		p.mu.Unlock()
		if stall {
			return len(b), nil
		}
		return to.Write(b)
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// readStartup reads the first packet of a client that wants no encryption.
func readStartup(client io.Reader) (packet []byte, parameters map[string]string, err error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(client, head); err != nil {
		return nil, nil, err
	}
	n := binary.BigEndian.Uint32(head)
	if n < 8 || n > 10_000 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	packet = make([]byte, n)
	copy(packet, head)
	if _, err := io.ReadFull(client, packet[4:]); err != nil {
		return nil, nil, err
	}
	parameters = map[string]string{}
	words := bytes.Split(packet[8:], []byte{0})
	for i := 0; i+1 < len(words) && len(words[i]) > 0; i += 2 {
		parameters[string(words[i])] = string(words[i+1])
	}
	return packet, parameters, nil
}
