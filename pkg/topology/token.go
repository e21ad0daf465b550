package topology

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	maxToken = 96 // bytes
	hashMark = "_h"
)

// Token makes any text one legal token of a subject, a key or a file name:
// letters, digits and '-' stay, every other byte becomes _xx (hex), the empty
// text is "_". A token past 96 bytes is cut and ends in "_h" and 128 bits of the
// text's SHA-256; '_' is escaped itself, so no short token looks like that.
// Different texts give different tokens.
//
// NATS refuses blanks in subjects, times out on empty tokens and drops the
// connection on subjects of 4 KB; its keys allow [-/_=.a-zA-Z0-9] alone.
func Token(s string) string {
	if s == "" {
		return "_"
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('_')
			b.WriteString(hex.EncodeToString([]byte{c}))
		}
		if b.Len() > maxToken {
			sum := sha256.Sum256([]byte(s))
			hash := hashMark + hex.EncodeToString(sum[:16])
			return b.String()[:maxToken-len(hash)] + hash
		}
	}
	return b.String()
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-'
}
