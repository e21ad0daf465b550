package postgres_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// identity is a certificate and its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	certPEM, keyPEM []byte
}

// sign makes an identity of a name; signed by itself it is an authority.
func sign(t *testing.T, by *identity, name string, until time.Time) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, parentKey := template, key
	if by != nil {
		parent, parentKey = by.cert, by.key
	} else {
		template.IsCA, template.BasicConstraintsValid, template.DNSNames, template.ExtKeyUsage = true, true, nil, nil
		template.KeyUsage = x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{
		cert: cert, key: key,
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}
}

// files writes an identity and returns the paths of its certificate and key.
func (i *identity) files(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, data := range map[string][]byte{cert: i.certPEM, key: i.keyPEM} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

const accessRules = `
host    all         postgres  127.0.0.1/32 scram-sha-256
hostssl all         certified 127.0.0.1/32 cert
hostssl replication certified 127.0.0.1/32 cert
hostssl all         encrypted 127.0.0.1/32 scram-sha-256
`

// TestEncryption goes through the modes of TLS, for both kinds of connections,
// against a server whose certificate is for localhost, and reads what is said when
// something is wrong.
func TestEncryption(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	authority, stranger := sign(t, nil, "the authority", later), sign(t, nil, "a stranger", later)
	server := sign(t, authority, "localhost", later)
	s := testkit.PostgresServerWith(t, map[string]string{
		"fsync": "off", "ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.crt",
	}, map[string][]byte{"server.crt": server.certPEM, "server.key": server.keyPEM, "ca.crt": authority.certPEM, "pg_hba.conf": []byte(accessRules)})
	admin, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(t.Context()))
	exec(t, admin, "CREATE ROLE certified LOGIN REPLICATION; CREATE ROLE encrypted LOGIN REPLICATION PASSWORD '"+secret+"'")

	root, _ := authority.files(t)
	strange, _ := stranger.files(t)
	cert, key := sign(t, authority, "certified", later).files(t)
	foreignCert, foreignKey := sign(t, stranger, "certified", later).files(t)
	oldCert, oldKey := sign(t, authority, "certified", time.Now().Add(-24*time.Hour)).files(t)
	otherCert, otherKey := sign(t, authority, "somebody", later).files(t)

	base := config.Postgres{Host: "localhost", Port: s.Port(), User: "encrypted", Password: secret, Database: "postgres"}
	certified := config.Postgres{Host: "localhost", Port: s.Port(), User: "certified", Database: "postgres", SSLRootCert: root}
	set := func(p config.Postgres, change func(*config.Postgres)) config.Postgres {
		change(&p)
		return p
	}
	check := func(name string, p config.Postgres, wants ...string) {
		t.Helper()
		d, err := postgres.New(p, os.Getenv)
		if err == nil {
			err = connects(t, d)
		}
		for tries := 0; tries < 20 && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)); tries++ {
			err = connects(t, d) // the end of the connection overtook what the server said of it
		}
		if (err == nil) != (len(wants) == 0) || err != nil && !postgres.IsSettings(err) {
			t.Errorf("%s: %v", name, err)
			return
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\ndoes not say %q", name, err, want)
			}
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the password is in it: %v", name, err)
		}
	}
	for _, mode := range []string{"", "allow", "prefer", "require"} {
		check(mode, set(base, func(p *config.Postgres) { p.SSLMode = mode }))
	}
	for _, mode := range []string{"", "require", "verify-ca", "verify-full"} {
		check(mode+" with the authority", set(base, func(p *config.Postgres) { p.SSLMode, p.SSLRootCert = mode, root }))
	}
	at := "@localhost:" + strconv.Itoa(s.Port()) + "/postgres?sslmode=verify-full&sslrootcert=" + url.QueryEscape(root)
	check("by URL", config.Postgres{URL: config.URL("postgres://encrypted:" + secret + at)})
	check("by URL, certified", config.Postgres{URL: config.URL("postgres://certified" + at + "&sslcert=" + url.QueryEscape(cert) + "&sslkey=" + url.QueryEscape(key))})
	check("disable", set(base, func(p *config.Postgres) { p.SSLMode = "disable" }), `does not let user "encrypted" in`, "postgres.sslmode: require")
	check("an unknown authority", set(base, func(p *config.Postgres) { p.SSLMode, p.SSLRootCert = "verify-full", strange }),
		"postgres.sslrootcert: ", `signed by "the authority"`, "FAULTWIRE_POSTGRES_SSLROOTCERT")
	check("an unknown authority, verify-ca", set(base, func(p *config.Postgres) { p.SSLMode, p.SSLRootCert = "verify-ca", strange }), "postgres.sslrootcert: ")
	check("no authority", set(base, func(p *config.Postgres) { p.SSLMode = "verify-full" }), "postgres.sslrootcert: ")
	check("another host", set(base, func(p *config.Postgres) { p.Host, p.SSLRootCert = "127.0.0.1", root }),
		"postgres.sslmode: 127.0.0.1 is not in the server's certificate, which is for localhost", "verify-ca")
	check("another host, verify-ca", set(base, func(p *config.Postgres) { p.Host, p.SSLMode, p.SSLRootCert = "127.0.0.1", "verify-ca", root }))
	check("a file that is gone", set(base, func(p *config.Postgres) { p.SSLRootCert = root + "x" }), "sslrootcert", "no such file")

	check("our certificate", set(certified, func(p *config.Postgres) { p.SSLCert, p.SSLKey = cert, key }))
	check("no certificate", certified, "postgres.sslcert: ", "FAULTWIRE_POSTGRES_SSLCERT")
	check("a stranger's certificate", set(certified, func(p *config.Postgres) { p.SSLCert, p.SSLKey = foreignCert, foreignKey }),
		"postgres.sslcert: ", "ssl_ca_file")
	check("an old certificate", set(certified, func(p *config.Postgres) { p.SSLCert, p.SSLKey = oldCert, oldKey }),
		"postgres.sslcert: ", "refuses our side of TLS", "expired certificate")
	check("somebody else's certificate", set(certified, func(p *config.Postgres) { p.SSLCert, p.SSLKey = otherCert, otherKey }), "postgres.sslcert: ", `"certified"`)
	check("a key that is gone", set(certified, func(p *config.Postgres) { p.SSLCert, p.SSLKey = cert, key+"x" }), "sslkey", "no such file")

	plain := testkit.Postgres(t, testkit.WithSchema(""))
	check("a server without TLS", config.Postgres{URL: config.URL(strings.Replace(plain.URL, "sslmode=disable", "sslmode=require", 1))},
		"postgres.sslmode: ", "has no TLS", "prefer or disable")

	var data string
	if err := admin.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	expired := sign(t, authority, "localhost", time.Now().Add(-24*time.Hour))
	for name, content := range map[string][]byte{"server.crt": expired.certPEM, "server.key": expired.keyPEM} {
		if err := os.WriteFile(filepath.Join(data, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, admin, "SELECT pg_reload_conf()")
	d, err := postgres.New(set(base, func(p *config.Postgres) { p.SSLRootCert = root }), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, "the server shows its new certificate", func() bool { return connects(t, d) != nil })
	check("an expired certificate", set(base, func(p *config.Postgres) { p.SSLRootCert = root }),
		"postgres.sslmode: the certificate of localhost:", "is valid from "+expired.cert.NotBefore.UTC().Format(time.DateTime), "Renew")
}

// connects opens both kinds of connections.
func connects(t *testing.T, d *postgres.Dialer) error {
	t.Helper()
	conn, err := d.SQL(t.Context())
	if err != nil {
		if _, also := d.Replication(t.Context(), "UTF8", nil); also == nil {
			t.Errorf("only SQL fails: %v", err)
		}
		return err
	}
	defer conn.Close(t.Context())
	replication, err := d.Replication(t.Context(), "UTF8", nil)
	if err != nil {
		t.Errorf("only replication fails: %v", err)
		return err
	}
	return replication.Close(t.Context())
}
