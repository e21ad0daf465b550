package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/config"
)

// pair writes a certificate and its key.
func pair(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, name+".crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	file(t, dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	file(t, dir, name+".enc", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})))
}

func file(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	const base = "url: postgres://u:p@h/d, "
	for _, c := range []struct{ yaml, want string }{
		{"sslrootcert: a.crt", "sslmode='verify-full' sslrootcert='DIR/a.crt'"},
		{"sslrootcert: system", "sslmode='verify-full' sslrootcert='system'"},
		{"sslrootcert: a.crt, sslmode: verify-ca", "sslmode='verify-ca' sslrootcert='DIR/a.crt'"},
		{"sslcert: a.crt, sslkey: a.key", "sslcert='DIR/a.crt' sslkey='DIR/a.key'"},
		{"sslmode: disable, sslrootcert: none.crt, sslcert: none.crt", "sslmode='disable'"},
		{"sslrootcert: none.crt", "faultwire.yaml:1: postgres.sslrootcert: DIR/none.crt: no such file or directory; name a file this user can read"},
		{"sslrootcert: text", "postgres.sslrootcert: DIR/text holds no certificate: wanted PEM"},
		{"sslcert: a.crt", "postgres.sslkey: empty, but there is a postgres.sslcert: set it (FAULTWIRE_POSTGRES_SSLKEY)"},
		{"sslkey: a.key", "postgres.sslcert: empty, but there is a postgres.sslkey: set it (FAULTWIRE_POSTGRES_SSLCERT)"},
		{"sslcert: a.crt, sslkey: none.key", "postgres.sslkey: DIR/none.key: no such file"},
		{"sslcert: a.crt, sslkey: folder", "postgres.sslkey: DIR/folder: is a directory"},
		{"sslcert: a.crt, sslkey: b.key", "postgres.sslkey: DIR/b.key and DIR/a.crt are no PEM key and its certificate: tls: private key does not match"},
		{"sslcert: a.crt, sslkey: a.enc", "postgres.sslkey: DIR/a.enc is encrypted: decrypt it"},
	} {
		dir := write(t, "faultwire.yaml", "postgres: {"+base+c.yaml+"}")
		pair(t, dir, "a")
		pair(t, dir, "b")
		file(t, dir, "text", "no certificate")
		if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(c.want, "DIR", filepath.ToSlash(dir))
		s, err := config.Load(config.Options{Dir: dir, Environ: []string{"HOME=/"}, Needs: config.NeedPostgres})
		got := ""
		if err != nil {
			got = err.Error()
		} else if got, err = s.Postgres.ConnString(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %s, want %s", c.yaml, got, want)
		}
		// Who has no database has no use for its files.
		if _, err := config.Load(config.Options{Dir: dir, Environ: []string{"HOME=/"}}); err != nil {
			t.Errorf("%s: %v", c.yaml, err)
		}
	}
}

// The files of a URL are those of its parameters, and a setting wins over one of a
// lower source.
func TestCertificatesOfURL(t *testing.T) {
	t.Parallel()
	dir := write(t, "faultwire.yaml", "postgres: {sslrootcert: b.crt}")
	pair(t, dir, "a")
	pair(t, dir, "b")
	at := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	for query, want := range map[string]string{
		"sslmode=verify-full&sslrootcert=" + at("a.crt"):                               "sslmode='verify-full' sslrootcert='" + at("a.crt") + "'",
		"sslmode=require&sslaccept=strict&sslcert=" + at("a.crt"):                      "sslmode='verify-full' sslrootcert='" + at("a.crt") + "'",
		"sslmode=verify-ca&sslcert=" + at("a.crt") + "&sslkey=" + at("a.key"):          "sslcert='" + at("a.crt") + "' sslkey='" + at("a.key") + "' sslmode",
		"sslmode=verify-ca&sslcert=" + at("a.crt") + "&sslkey=" + at("none"):           "postgres.sslkey: " + at("none") + ": no such file",
		"sslmode=require&sslaccept=strict&sslcert=" + at("gone.crt") + "&sslpassword=": "postgres.sslrootcert: " + at("gone.crt") + ": no such file",
	} {
		s, err := config.Load(config.Options{Dir: dir, Environ: []string{"HOME=/", "DATABASE_URL=postgres://u:p@h/d?" + query}, Needs: config.NeedPostgres})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got, _ = s.Postgres.ConnString()
		}
		parts := strings.SplitSeq(want, " sslmode")
		for part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("%s: got %s, want %s", query, got, part)
			}
		}
	}
}
