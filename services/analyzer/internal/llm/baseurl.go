package llm

import (
	"net/url"
	"strings"
)

// BaseURL turns llm.url as people write it into what "chat/completions" is put
// behind: a host alone gets /v1, the path of chat completions is cut off, any other
// path stays. Parameters are dropped: the client wouldn't send them.
func BaseURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	path = strings.TrimRight(strings.TrimSuffix(path, "/chat/completions"), "/")
	if path == "" {
		path = "/v1"
	}
	base := url.URL{Scheme: u.Scheme, Host: u.Host, RawPath: path + "/"}
	if base.Path, err = url.PathUnescape(base.RawPath); err != nil {
		return s
	}
	return base.String()
}
