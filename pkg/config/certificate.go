package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
)

// systemRoots as postgres.sslrootcert: whom this machine trusts.
const systemRoots = "system"

// certificates reads the files of TLS as they will be read to connect.
func (c connection) certificates() (faults Faults) {
	fault := func(key, message string) { faults = append(faults, Fault{Path: "postgres." + key, Message: message}) }
	read := func(key string) []byte {
		path := c.params[key]
		if path == "" || path == systemRoots {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			fault(key, shownPath(path)+": "+reason(err)+"; name a file this user can read")
			return nil
		}
		return data
	}
	if roots := read("sslrootcert"); roots != nil && !x509.NewCertPool().AppendCertsFromPEM(roots) {
		fault("sslrootcert", shownPath(c.params["sslrootcert"])+" holds no certificate: wanted PEM, -----BEGIN CERTIFICATE-----; "+
			"from DER: openssl x509 -inform der -in FILE -out FILE.pem")
	}
	cert, key := c.params["sslcert"], c.params["sslkey"]
	switch {
	case cert != "" && key == "":
		fault("sslkey", "empty, but there is a postgres.sslcert: set it (FAULTWIRE_POSTGRES_SSLKEY) to the file of its key")
	case cert == "" && key != "":
		fault("sslcert", "empty, but there is a postgres.sslkey: set it (FAULTWIRE_POSTGRES_SSLCERT) to the file of its certificate")
	case cert != "":
		certPEM, keyPEM := read("sslcert"), read("sslkey")
		if certPEM != nil && keyPEM != nil {
			c.pair(certPEM, keyPEM, fault)
		}
	}
	return faults
}

func (c connection) pair(certPEM, keyPEM []byte, fault func(key, message string)) {
	if block, _ := pem.Decode(keyPEM); block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "") {
		if block.Headers["DEK-Info"] == "" || c.params["sslpassword"] == "" {
			fault("sslkey", shownPath(c.params["sslkey"])+" is encrypted: decrypt it, openssl pkey -in FILE -out FILE.plain")
		}
		return
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		fault("sslkey", shownPath(c.params["sslkey"])+" and "+shownPath(c.params["sslcert"])+" are no PEM key and its certificate: "+err.Error())
	}
}
