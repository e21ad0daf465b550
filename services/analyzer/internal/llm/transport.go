package llm

import (
	"io"
	"net/http"
)

// maxResponse caps what is read of a response, in bytes.
const maxResponse = 1 << 20

// limited caps the body of every response: an endpoint that never stops sending
// must not fill the memory.
type limited struct{ http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxResponse), response.Body}
	return response, nil
}
