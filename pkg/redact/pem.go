package redact

import "bytes"

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	// maxPEM is how far behind a private key's first line its last one is looked for,
	// in bytes; RSA of 16,384 bits has 13 KB.
	maxPEM = 16 << 10
	// minPEM is what must follow the first line: less is talk of keys, none itself.
	minPEM = 16
)

// privateKey finds a private key of PEM (PKCS #1 and #8, SEC 1, OpenSSH, PGP) whose
// first line begins at s[i], not before done, also with its line breaks escaped or gone, and also if
// it was cut somewhere. Certificates and public keys are no secrets.
func privateKey(s []byte, i, done int) span {
	if i < done || !bytes.HasPrefix(s[i:], []byte(pemBegin)) {
		return span{}
	}
	title := s[i+len(pemBegin) : min(len(s), i+len(pemBegin)+64)]
	n := bytes.Index(title, []byte("-----"))
	if n < 0 || !bytes.Contains(title[:n], []byte("PRIVATE KEY")) {
		return span{}
	}
	from := i + len(pemBegin) + n + len("-----")
	from = run(s, from, func(c byte) bool { return c == ' ' })
	body := run(s, from, isPEMByte)
	if body-from < minPEM && !bytes.HasPrefix(s[body:], []byte("-Type: 4,ENCRYPTED")) {
		return span{}
	}
	if n := bytes.Index(s[body:min(len(s), from+maxPEM)], []byte(pemEnd)); n >= 0 {
		last := body + n + len(pemEnd)
		if n := bytes.Index(s[last:min(len(s), last+64)], []byte("-----")); n >= 0 {
			return span{i, last + n + len("-----"), kindKey}
		}
	}
	return span{i, body, kindKey}
}

// isPEMByte: what stands in the lines of PEM, and their breaks.
func isPEMByte(c byte) bool {
	return isAlnum(c) || c == '+' || c == '/' || c == '=' || c == '\n' || c == '\r' || c == '\\'
}
