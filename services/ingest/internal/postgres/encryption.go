package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/plain"
)

const certificateRemedy = "Set postgres.sslcert and postgres.sslkey (FAULTWIRE_POSTGRES_SSLCERT, FAULTWIRE_POSTGRES_SSLKEY) to a certificate that the server's ssl_ca_file signed, and its key"

// encryption says what an error of TLS means, nil if it is none.
func (d *Dialer) encryption(err error) error {
	fault := func(setting, problem, remedy string) error {
		return &SettingsError{Setting: setting, Problem: problem, Remedy: remedy}
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return fault("postgres.sslmode",
			fmt.Sprintf("%s is not in the server's certificate, which is for %s", d.used().Host, namesOf(host.Certificate)),
			"Set postgres.host to a name in the certificate, or postgres.sslmode: verify-ca, which does not look at the name")
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fault("postgres.sslrootcert",
			fmt.Sprintf("the certificate of %s is signed by %s, whom nobody here knows", d.Address(), issuerOf(unknown.Cert)),
			"Set postgres.sslrootcert (FAULTWIRE_POSTGRES_SSLROOTCERT) to a PEM file with that authority's certificate (RDS: global-bundle.pem; "+
				"Azure, Cloud SQL, Supabase: from their console), or postgres.sslmode: require, which encrypts and does not verify")
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		problem := fmt.Sprintf("the certificate of %s is not valid: %v", d.Address(), invalid)
		if invalid.Reason == x509.Expired && invalid.Cert != nil {
			problem = fmt.Sprintf("the certificate of %s is valid from %s to %s only, and it is %s", d.Address(),
				invalid.Cert.NotBefore.UTC().Format(time.DateTime), invalid.Cert.NotAfter.UTC().Format(time.DateTime), time.Now().UTC().Format(time.DateTime))
		}
		return fault("postgres.sslmode", problem, "Renew the server's certificate (ssl_cert_file, then SELECT pg_reload_conf()), or look at this machine's clock; "+
			"until then postgres.sslmode: require encrypts without verifying, if no postgres.sslrootcert is set")
	}
	if verification, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault("postgres.sslmode", fmt.Sprintf("the certificate of %s can't be verified: %v", d.Address(), verification.Err),
			"Replace the server's certificate, or set postgres.sslmode: require, which encrypts and does not verify, without postgres.sslrootcert")
	}
	if alert := refusedCertificate(err); alert != "" {
		return fault("postgres.sslcert", fmt.Sprintf("%s refuses our side of TLS: %s", d.Address(), alert), certificateRemedy)
	}
	if strings.Contains(err.Error(), "server refused TLS connection") { // pgconn has no sentinel for it
		return fault("postgres.sslmode", d.Address()+" has no TLS, and sslmode asks for it",
			"Switch it on there (ssl = on), or set postgres.sslmode: prefer or disable, in postgres.url sslmode=disable, if nobody can read along on the way")
	}
	return nil
}

// refusedCertificate is the alert with which the server ended the handshake, ""
// if it didn't.
func refusedCertificate(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return op.Err.Error()
	}
	return ""
}

// orCertificate corrects the fault of a login where TLS may be the reason. The
// server has one SQLSTATE for all of them, so its words choose ours.
func (d *Dialer) orCertificate(err error, pg *pgconn.PgError, fault *SettingsError) {
	used := d.used()
	switch {
	case refusedCertificate(err) != "":
		fault.Setting, fault.Remedy = "postgres.sslcert", certificateRemedy
		fault.Problem = fmt.Sprintf("%s refuses our side of TLS: %s", d.Address(), refusedCertificate(err))
	case strings.Contains(pg.Message, "certificate"):
		fault.Setting, fault.Remedy = "postgres.sslcert", certificateRemedy
	case used.TLSConfig == nil:
		fault.Remedy += ", or set postgres.sslmode: require, if it takes only encrypted connections"
	case len(used.TLSConfig.Certificates) == 0:
		fault.Remedy += ", or set postgres.sslcert and postgres.sslkey, if it wants a certificate"
	}
}

// unreadable says what a connection string lacks that pgx refuses.
func unreadable(err error) error {
	fault := &SettingsError{Setting: "postgres.url", Problem: "can't be read", Remedy: "Use the form postgres://user:password@host:5432/database", Cause: err}
	// pgx's text quotes the whole string, and hides the password as well as it can.
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		fault.Cause = cause
		if strings.Contains(cause.Error(), "ssl") || strings.Contains(cause.Error(), " CA ") || strings.Contains(cause.Error(), "cert") {
			fault.Setting, fault.Remedy = "postgres.sslrootcert, sslcert, sslkey", "Name PEM files that this user can read"
			break
		}
	}
	return fault
}

func namesOf(cert *x509.Certificate) string {
	names := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return fmt.Sprintf("no name that counts, only %q", cert.Subject.CommonName)
	}
	return plain.Line(strings.Join(names, ", "), 200)
}

// issuerOf names who signed a certificate; one that signed itself is the
// authority's own.
func issuerOf(cert *x509.Certificate) string {
	if cert == nil {
		return "somebody"
	}
	return fmt.Sprintf("%q", plain.Line(cert.Issuer.CommonName, 80))
}
