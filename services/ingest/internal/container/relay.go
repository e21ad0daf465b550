package container

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// greeting is what the relay prints first. Where it can't be started, the complaint
// comes on stdout, and must not be taken for the database's.
const greeting = "faultwire relay\n"

// relayScript connects its stdin and stdout to $1:$2, with what the image has: bash
// in Debian's, nc in Alpine's. It ends with either end. bash itself is replaced by
// the cat that writes to us, so that the other cat, whose input ends when we go,
// ends it; and the server's end ends it too.
const relayScript = `have() { command -v "$1" >/dev/null 2>&1; }
if have socat; then printf 'faultwire relay\n'; exec socat - "TCP:$1:$2"; fi
if have bash; then exec bash -c '
exec 3<>"/dev/tcp/$1/$2" || exit 1
printf "faultwire relay\n"
exec 4<&0
{ cat <&4; kill $$; } >&3 2>/dev/null &
exec cat <&3 4<&-' relay "$1" "$2"; fi
if have nc; then
if nc -h 2>&1 | grep -q -e "-N"; then set -- -N "$1" "$2"; fi
printf 'faultwire relay\n'; exec nc "$@"; fi
echo "none of socat, bash and nc is there" >&2; exit 127`

// relay connects to an address as seen from inside the container.
func (f *Found) relay(ctx context.Context, host, port string) (net.Conn, error) {
	s, err := f.engine.exec(ctx, f.id, "sh", "-c", relayScript, "relay", host, port)
	if err == nil {
		s.remote = inside(net.JoinHostPort(host, port))
		if err = s.greeted(ctx); err == nil {
			return s, nil
		}
		_ = s.Close()
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, f.noRelay(host, port, err)
}

// greeted reads the greeting.
func (s *stream) greeted(ctx context.Context) error {
	deadline := context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) })
	got := make([]byte, 0, mostTail)
	for {
		n, err := s.Read(got[len(got):cap(got)])
		got = got[:len(got)+n]
		switch {
		case string(got) == greeting:
			if !deadline() { // it has run, and may have set the deadline
				return context.Cause(ctx)
			}
			return nil
		case err != nil || len(got) == cap(got) || bytes.IndexByte(got, '\n') >= 0 && !strings.HasPrefix(greeting, string(got)):
			deadline()
			if text := strings.TrimSpace(string(got) + " " + s.complaints.String()); text != "" {
				return fmt.Errorf("%w: %s", errNoGreeting, shown(text))
			}
			return cmp.Or(err, errNoGreeting)
		}
	}
}

// output runs a command in the container and returns what it prints.
func (f *Found) output(ctx context.Context, command ...string) (string, error) {
	s, err := f.engine.exec(ctx, f.id, command...)
	if err != nil {
		return "", err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) })()
	data, err := io.ReadAll(io.LimitReader(s, mostTail))
	return string(data), err
}

// inside is an address as seen from inside a container.
type inside string

func (inside) Network() string  { return "tcp" }
func (i inside) String() string { return string(i) }
