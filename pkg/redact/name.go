package redact

import "bytes"

// Limits of a name that is looked at, in bytes; of a longer one its end is.
const (
	minName = 3
	maxName = 64
)

// secretName is the end of the names whose values are secrets, folded: see fold.
type secretName struct {
	end   string
	kind  kind
	alone bool // no other word may come before it
}

func secretNames() []secretName {
	names := []secretName{
		{"token", kindWeak, false},
		{"auth", kindWeak, true},
		{"sig", kindSignature, true},
		{"amzsignature", kindSignature, false},
		{"googsignature", kindSignature, false},
		{"pwd", kindPassword, true},
		{"pass", kindPassword, true},
	}
	for kind, ends := range map[kind][]string{
		kindKey: {
			"apikey", "apikeys", "apikeyhash", "authorization", "secret", "secrets", "secretkey", "accesskey",
			"privatekey", "masterkey", "saltkey", "signingkey", "encryptionkey", "subscriptionkey", "accountkey",
			"functionskey", "authkey", "virtualkey", "litellmkey", "credential", "credentials",
		},
		kindPassword: {"password", "passwords", "passwd", "passphrase", "passcode"},
		kindToken: {
			"authtoken", "accesstoken", "refreshtoken", "bearertoken", "sessiontoken", "securitytoken",
			"apitoken", "azureadtoken", "cookie", "cookies",
		},
	} {
		for _, end := range ends {
			names = append(names, secretName{end, kind, false})
		}
	}
	return names
}

// textNames are the ends of what means something before a ':' or '=' in texts only:
// "Incorrect API key provided: …", "Received=…, expected to start with", ?key=….
func textNames() []string { return []string{"provided", "received", "key", "auth", "signature"} }

// nameKind says what stands under a name; 0 is nothing secret. Further words may
// come before it: x-api-key, openaiApiKey, llm_provider-set-cookie.
func (r *Redactor) nameKind(name []byte) kind {
	if len(name) < minName || !r.mayEnd(name) {
		return 0
	}
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	var buf [maxName]byte
	return r.nameOf(fold(buf[:0], name))
}

// mayEnd reports whether a secret's name may end as s does. A separator before the
// last byte counts for any byte.
func (r *Redactor) mayEnd(s []byte) bool {
	last, before := s[len(s)-1], s[len(s)-2]
	return r.ends[last]&bit(before) != 0 || r.ends[last] != 0 && !isAlnum(before)
}

// nameOf says what a folded name stands for.
func (r *Redactor) nameOf(name []byte) kind {
	name = bytes.TrimSuffix(name, []byte("provided"))
	if len(name) < minName {
		return 0
	}
	weak := kind(0)
	for _, n := range r.names[name[len(name)-1]] {
		if !hasSuffix(name, n.end) || n.alone && len(name) > len(n.end) {
			continue
		}
		if n.kind != kindWeak {
			return n.kind
		}
		weak = kindWeak // unless a longer name says more
	}
	return weak
}

func hasSuffix(s []byte, end string) bool {
	return len(s) >= len(end) && string(s[len(s)-len(end):]) == end
}

// fold appends a name in lower case without separators, so that api_key, Api-Key,
// apiKey and "API key" are one.
func fold(dst, name []byte) []byte {
	for _, c := range name {
		if c != '_' && c != '-' && c != ' ' && c != '.' {
			dst = append(dst, lower(c))
		}
	}
	return dst
}
