//go:build unix

package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFind(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	found := f.find()
	if found.Environ["POSTGRES_PASSWORD"] != "a=b" || found.Environ["POSTGRES_USER"] != "llmproxy" {
		t.Errorf("%v", found.Environ)
	}
	_, err := f.container("dbb").Find(t.Context())
	const want = `postgres.container: no such container: dbb. Running are \x1b[31mdb (docker.io/library/postgres:16), (without a name) (pgvector/pgvector:pg17), litellm (ghcr.io/berriai/litellm:v1.80)`
	if err == nil || err.Error() != want || !permanent(err) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	f.state["State"] = map[string]any{"Status": "exited", "Running": false, "ExitCode": 137}
	_, err = f.container("db").Find(t.Context())
	if err == nil || err.Error() != "postgres.container: container db is not running (exited, exit code 137). Start it: docker start db" || permanent(err) {
		t.Errorf("%v", err)
	}
}

func permanent(err error) bool {
	own, ok := errors.AsType[*Error](err)
	return ok && own.Permanent
}

// Secrets that the image takes from files are read in the container.
func TestFiles(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("from a file \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.state["Config"] = map[string]any{"Env": []string{"POSTGRES_PASSWORD_FILE=" + path, "POSTGRES_USER_FILE=/nosuch", "POSTGRES_DB=d", "POSTGRES_DB_FILE=" + path}}
	got := f.find().Environ
	if got["POSTGRES_PASSWORD"] != "from a file " || got["POSTGRES_USER"] != "" || got["POSTGRES_DB"] != "d" {
		t.Errorf("%q", got)
	}
}

// server answers each line of a client with the same, and "bye" by closing. gone
// gets a value when a client's end was seen.
func server(t *testing.T) (port string, gone chan struct{}) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone = make(chan struct{}, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			for {
				line, err := in.ReadString('\n')
				if err != nil || line == "bye\n" {
					break
				}
				_, _ = io.WriteString(conn, line)
			}
			_ = conn.Close()
			gone <- struct{}{}
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, gone
}

// unused is a port where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// Each tool that the script knows; what this machine may lack is played by bash,
// which takes the arguments as that tool does.
func images(t *testing.T) map[string]string {
	t.Helper()
	at, err := lookIn(os.Getenv("PATH"), "bash")
	if err != nil {
		t.Fatal(err)
	}
	play := "exec " + at + ` -c 'exec 3<>"/dev/tcp/$1/$2" || exit 1; exec 4<&0; { cat <&4; kill $$; } >&3 2>/dev/null & exec cat <&3 4<&-' x "$host" "$port"`
	socat, nc := tools(t, "sh", "cat"), tools(t, "sh", "cat", "grep")
	program(t, socat, "socat", `
case "$1 $2" in "- TCP:"*) ;; *) exit 9;; esac
address=${2#TCP:}; host=${address%:*}; port=${address##*:}
`+play)
	program(t, nc, "nc", `
case "$1" in -h) echo "-N  shut down" >&2; exit 1;; -N) host=$2; port=$3;; *) exit 9;; esac
`+play)
	return map[string]string{"bash": tools(t, "sh", "bash", "cat"), "socat": socat, "nc": nc}
}

// The relay passes bytes both ways and ends with either end, whatever tool the
// image has and however the engine upgrades.
func TestRelay(t *testing.T) {
	t.Parallel()
	for name, path := range images(t) {
		for _, oldStart := range []bool{false, true} {
			t.Run(fmt.Sprint(name, oldStart), func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				f.path, f.oldStart = path, oldStart
				port, gone := server(t)
				for _, end := range []string{"client", "server"} {
					relay(t, f.find(), port, end)
					<-gone
				}
			})
		}
	}
}

func relay(t *testing.T, found *Found, port, end string) {
	t.Helper()
	conn, route, err := found.Dial(t.Context(), net.JoinHostPort("db", port), false)
	if err != nil {
		t.Fatal(err)
	}
	if route != RelayRoute || conn.RemoteAddr().String() != "127.0.0.1:"+port {
		t.Errorf("%s to %s", route, conn.RemoteAddr())
	}
	in := bufio.NewReader(conn)
	for _, text := range []string{"select 1\n", strings.Repeat("\x00\xff模", 50_000) + "\n"} {
		written := make(chan error)
		go func() {
			_, err := io.WriteString(conn, text)
			written <- err
		}()
		if got, err := in.ReadString('\n'); err != nil || got != text {
			t.Errorf("got %d bytes, %.60q, %v", len(got), got, err)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	}
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Error(err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a deadline: %v", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Error(err)
	}
	if end == "server" {
		if _, err := io.WriteString(conn, "bye\n"); err != nil {
			t.Error(err)
		}
		if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the server's end: %v", err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// What comes instead of the greeting is an error, and never taken for the
// database's words.
func TestNoRelay(t *testing.T) {
	t.Parallel()
	free, _ := server(t)
	silent, noisy := tools(t, "cat"), tools(t, "cat")
	program(t, silent, "sh", "exec cat >/dev/null")
	program(t, noisy, "sh", "echo 'Welcome to our shell!'; exec cat")
	for name, c := range map[string]struct {
		path, port, want string
		refuse           int
		permanent        bool
	}{
		"no sh":          {path: tools(t, "cat"), port: free, want: "its image has no sh to pass a connection on. Publish its port", permanent: true},
		"no tools":       {path: tools(t, "sh", "cat"), port: free, want: "its image has none of socat, bash and nc", permanent: true},
		"nobody listens": {path: tools(t, "sh", "bash", "cat"), port: unused(t), want: "Connection refused"},
		"another shell":  {path: noisy, port: free, want: "no connection to 127.0.0.1:" + free + " in container db: the relay did not start: Welcome to our shell!"},
		"stopped":        {port: free, refuse: http.StatusConflict, want: "container db stopped meanwhile: Container 0123 is not running (409). Start it: docker start db"},
		"refused":        {port: free, refuse: http.StatusInternalServerError, want: "Container 0123 is not running (500)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.path, f.refuse = c.path, c.refuse
			conn, _, err := f.find().Dial(t.Context(), "127.0.0.1:"+c.port, false)
			if err == nil {
				_ = conn.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || permanent(err) != c.permanent {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.path = silent
		found := f.find()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, _, err := found.Dial(ctx, "127.0.0.1:1", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// Names and addresses of the container lead into it, others are left to its relay;
// of an engine elsewhere no address is used.
func TestWays(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.state["NetworkSettings"] = map[string]any{
		"Networks": map[string]any{
			"litellm": map[string]any{"IPAddress": "172.30.0.2", "Gateway": "203.0.113.1", "Aliases": []string{"db", "postgres"}},
			"inside":  map[string]any{"IPAddress": "127.0.0.1", "Gateway": "127.0.0.1"},
		},
		"Ports": map[string]any{"5432/tcp": []map[string]string{{"HostIp": "0.0.0.0", "HostPort": "15432"}, {"HostIp": "192.0.2.1", "HostPort": "15433"}}},
	}
	found := f.find()
	ways := found.ways("5432")
	if !slices.Contains(ways, way{"at its published port", "127.0.0.1:15432"}) || !slices.Contains(ways, way{"at its published port", "192.0.2.1:15433"}) {
		t.Errorf("%v", ways)
	}
	if slices.ContainsFunc(ways, func(w way) bool { return strings.HasPrefix(w.address, "172.30.") }) {
		t.Errorf("a network whose gateway is not of this machine: %v", ways)
	}
	for host, own := range map[string]bool{"db": true, "postgres": true, "localhost": true, "172.30.0.2": true, "db.example": false, "10.0.0.1": false, "": false} {
		if found.hosts()[host] != own {
			t.Errorf("%q is the container: %v", host, !own)
		}
	}
	if len(found.ways("5433")) > 1 {
		t.Errorf("a port that is not published: %v", found.ways("5433"))
	}
	found.engine.local = false
	if ways := found.ways("5432"); len(ways) > 0 {
		t.Errorf("an engine elsewhere: %v", ways)
	}
}

// A container with a published port is reached there.
func TestPublished(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	port, _ := server(t)
	f.state["NetworkSettings"] = map[string]any{"Ports": map[string]any{"5432/tcp": []map[string]string{{"HostIp": "", "HostPort": port}}}}
	conn, route, err := f.find().Dial(t.Context(), "db:5432", false)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if route != "at its published port 127.0.0.1:"+port {
		t.Error(route)
	}
}

func TestEngineFaults(t *testing.T) {
	t.Parallel()
	c := New("db", nil)
	e := newEngine(endpoint{address: "/var/run/docker.sock"})
	for _, f := range []struct {
		cause     error
		inside    bool
		permanent bool
		want      string
	}{
		{&net.OpError{Op: "dial", Err: &os.PathError{Err: fs.ErrPermission}}, false, true, "group docker (sudo usermod"},
		{fs.ErrNotExist, false, true, "no Docker is at /var/run/docker.sock. Start Docker, set DOCKER_HOST"},
		{fs.ErrNotExist, true, true, "runs in a container itself, where no Docker is (/var/run/docker.sock). Let its container join the network of db"},
		{errors.New("connection \x1b refused"), false, false, `Docker at /var/run/docker.sock does not answer: connection \x1b refused`},
	} {
		c.contained = func() bool { return f.inside }
		if err := c.ours(e, f.cause); permanent(err) != f.permanent || !strings.Contains(err.Error(), f.want) || !errors.Is(err, f.cause) {
			t.Errorf("%v: %v", f.cause, err)
		}
	}
	_, err := New("db", func(key string) string { return map[string]string{"DOCKER_HOST": "unix:///nosuch/docker.sock"}[key] }).Find(t.Context())
	if !permanent(err) || !strings.Contains(err.Error(), "/nosuch/docker.sock") {
		t.Errorf("%v", err)
	}
}
