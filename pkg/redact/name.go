package redact

import "strings"

// Limits of a name that is looked at, in bytes; of a longer one its end is.
const (
	minName = 3
	maxName = 64
)

// builtinNames are the ends of names whose values are secrets, folded: see fold.
func builtinNames() []string {
	return []string{
		"apikey", "apikeyhash", "authorization", "secret", "secretkey", "accesskey",
		"privatekey", "masterkey", "subscriptionkey", "accountkey", "authkey", "virtualkey",
		"password", "passwd", "passphrase",
		"authtoken", "accesstoken", "refreshtoken", "bearertoken", "sessiontoken",
		"securitytoken", "adtoken", "cookie", "credential", "credentials",
		// These count alone only: see nameOf.
		"pwd", "pass", "sig", "token",
		// In texts: "Incorrect API key provided: …".
		"provided",
	}
}

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
	folded := fold(buf[:0], name)
	k := nameOf(string(folded))
	if k == 0 {
		for _, more := range r.names {
			if strings.HasSuffix(string(folded), more) {
				return kindKey
			}
		}
	}
	return k
}

// mayEnd reports whether a secret's name may end as s does. A separator before the
// last byte counts for any byte.
func (r *Redactor) mayEnd(s []byte) bool {
	last, before := s[len(s)-1], s[len(s)-2]
	return r.ends[last]&(1<<(before&31)) != 0 || r.ends[last] != 0 && !isAlnum(before)
}

// nameOf says what a folded name stands for.
func nameOf(name string) kind {
	name = strings.TrimSuffix(name, "provided")
	switch name {
	case "pwd", "pass":
		return kindPassword
	case "token", "sig":
		return kindWeak
	}
	switch end := strings.HasSuffix; {
	case end(name, "password"), end(name, "passwd"), end(name, "passphrase"):
		return kindPassword
	case end(name, "apikey"), end(name, "apikeyhash"), end(name, "authorization"),
		end(name, "secret"), end(name, "secretkey"), end(name, "accesskey"),
		end(name, "privatekey"), end(name, "masterkey"), end(name, "subscriptionkey"),
		end(name, "accountkey"), end(name, "authkey"), end(name, "virtualkey"),
		end(name, "credential"), end(name, "credentials"):
		return kindKey
	case end(name, "authtoken"), end(name, "accesstoken"), end(name, "refreshtoken"),
		end(name, "bearertoken"), end(name, "sessiontoken"), end(name, "securitytoken"),
		end(name, "adtoken"), end(name, "cookie"):
		return kindToken
	case end(name, "token"):
		return kindWeak
	}
	return 0
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
