package container

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pieces is a connection whose reads give one piece each, or fail in between as one
// with a deadline does.
type pieces struct {
	net.Conn
	left [][]byte
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	if p.left[0] == nil {
		p.left = p.left[1:]
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(to, p.left[0])
	if p.left[0] = p.left[0][n:]; len(p.left[0]) == 0 {
		p.left = p.left[1:]
	}
	return n, nil
}

func frame(kind byte, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind, 0, 0, 0}, uint32(len(data))), data...)
}

func newStream(left [][]byte) *stream {
	conn := &pieces{left: left}
	return &stream{Conn: conn, in: bufio.NewReaderSize(conn, 64)}
}

// However the frames are cut, and wherever a deadline strikes, what comes out is
// what was written to stdout; stderr is the error at the end.
func TestStream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var wire, want, complaints []byte
		for range rapid.IntRange(0, 8).Draw(t, "frames") {
			data := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data")
			kind := rapid.SampledFrom([]byte{stdinFrame, stdoutFrame, stderrFrame, systemErrorFrame}).Draw(t, "kind")
			wire = append(wire, frame(kind, data)...)
			if kind <= stdoutFrame {
				want = append(want, data...)
			} else {
				complaints = append(complaints, data...)
			}
		}
		var cut [][]byte
		for len(wire) > 0 {
			n := rapid.IntRange(0, min(len(wire), 70)).Draw(t, "cut")
			if n == 0 {
				cut = append(cut, nil)
				n = 1
			}
			cut, wire = append(cut, wire[:n]), wire[n:]
		}
		s := newStream(cut)
		var got []byte
		buffer := make([]byte, rapid.IntRange(1, 90).Draw(t, "buffer"))
		for {
			n, err := s.Read(buffer)
			got = append(got, buffer[:n]...)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("ends with %v", err)
			}
			if shown(string(complaints)) != "" && !strings.Contains(err.Error(), shown(string(complaints))) {
				t.Fatalf("%v does not say %q", err, complaints)
			}
			break
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// Bytes of anybody: never a panic, never more out than in, and only known errors.
func FuzzStream(f *testing.F) {
	f.Add(frame(stdoutFrame, []byte("hello")))
	f.Add(append(frame(stderrFrame, []byte("no")), 1, 0, 0))
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStream([][]byte{append([]byte{}, data...)})
		if len(data) == 0 {
			s = newStream(nil)
		}
		got, err := io.ReadAll(s)
		if len(got) > len(data) {
			t.Fatalf("%d bytes of %d", len(got), len(data))
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}

func TestStreamFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wire string
		want error
	}{
		"in a header":    {"\x01\x00\x00", io.ErrUnexpectedEOF},
		"in a frame":     {"\x01\x00\x00\x00\x00\x00\x00\x05ab", io.ErrUnexpectedEOF},
		"in a complaint": {"\x02\x00\x00\x00\x00\x00\x00\x05ab", io.ErrUnexpectedEOF},
		"no frame":       {"OCI runtime", ErrMalformed},
		"raw mode":       {"\x01\x02\x00\x00\x00\x00\x00\x05", ErrMalformed},
	} {
		if _, err := io.ReadAll(newStream([][]byte{[]byte(c.wire)})); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
