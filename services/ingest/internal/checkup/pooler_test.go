package checkup_test

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

const patience = 30 * time.Second

// pooler stands before the server of a URL until the test ends. It refuses the
// parameter "replication", or drops it and goes on as if nothing had been asked.
func pooler(t *testing.T, text string, ignores bool) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); group.Wait() })
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer client.Close()
				if err := pool(client, server, ignores); err != nil {
					t.Error(err)
				}
			})
		}
	})
	u.Host = listener.Addr().String()
	return u.String()
}

// pool reads what a connection begins with, and carries the rest if it likes it.
func pool(client net.Conn, server string, ignores bool) error {
	backend := pgproto3.NewBackend(client, client)
	message, err := backend.ReceiveStartupMessage()
	if err != nil {
		return err
	}
	startup, ok := message.(*pgproto3.StartupMessage)
	if !ok {
		return errors.New("no startup message")
	}
	if _, asked := startup.Parameters["replication"]; asked && !ignores {
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: replication"})
		return backend.Flush()
	}
	delete(startup.Parameters, "replication")
	delete(startup.Parameters, "wal_sender_timeout")
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return err
	}
	defer upstream.Close()
	hello, err := startup.Encode(nil)
	if err != nil {
		return err
	}
	if _, err := upstream.Write(hello); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(upstream, client) // ends with either of them
		_ = upstream.Close()
	}()
	_, _ = io.Copy(client, upstream)
	_ = client.Close()
	<-done
	return nil
}
