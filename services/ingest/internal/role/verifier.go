package role

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/faultwire/faultwire/pkg/config"
)

const (
	iterations = 4096 // PostgreSQL's own (scram_iterations)
	saltBytes  = 16
)

// NewPassword is a random one of 130 bits, in characters that mean nothing in a URL
// or a shell.
func NewPassword() config.Secret { return config.Secret(rand.Text()) }

// verifier is what PostgreSQL stores of a password (RFC 5803, as in its
// pg_authid.rolpassword): SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey. The
// password is one of ours, so nothing in it needs SASLprep.
func verifier(password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	stored := sha256.Sum256(sum(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(stored[:]), encode(sum(salted, "Server Key"))), nil
}

func sum(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
