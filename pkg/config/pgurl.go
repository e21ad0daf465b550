package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// encodeHint is the remedy for most URLs that can't be read.
const encodeHint = "percent-encode special characters of user and password (@ %40, : %3A, / %2F, ? %3F, # %23, % %25, blank %20), " +
	"or give the password apart (postgres.password, any characters)"

// parsePostgresURL reads a URL as libpq and Prisma write it. It is ours because
// net/url knows no list of hosts and quotes the URL, with its password, in its
// errors. The errors here quote nothing of it.
//
// A bare @ in the password is taken as Prisma takes it (the last one ends it), so
// that what works for LiteLLM works here.
func parsePostgresURL(text string) (c connection, notes []string, err error) {
	text = strings.TrimSpace(text)
	if strings.Trim(text, `"'`) != text {
		return c, nil, errors.New("has quotes around it: remove them")
	}
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case !found:
		return c, nil, errors.New("found no URL: wanted postgres://user:password@host:5432/database")
	case strings.EqualFold(scheme, "postgres") || strings.EqualFold(scheme, "postgresql"):
	case knownScheme(scheme):
		return c, nil, fmt.Errorf("found a %s:// URL: wanted postgres://user:password@host:5432/database", scheme)
	default:
		return c, nil, errors.New("found a URL of another kind: wanted postgres://user:password@host:5432/database")
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return c, nil, errors.New("holds a blank, a # or a control character: " + encodeHint)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path+query, "@") || strings.Contains(path, "/") {
		return c, nil, errors.New("has an @ or a / where the name of the database is expected: " + encodeHint)
	}
	hosts := authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		if err := unescape(map[*string]string{&c.user: user, &c.password: password}); err != nil {
			return c, nil, err
		}
		hosts = authority[at+1:]
	}
	if c.host, c.port, err = splitHosts(hosts); err != nil {
		return c, nil, err
	}
	if err := unescape(map[*string]string{&c.database: path}); err != nil {
		return c, nil, err
	}
	if notes, err = c.parameters(query); err != nil {
		return c, nil, err
	}
	return c, notes, nil
}

func unescape(parts map[*string]string) error {
	for to, text := range parts {
		plain, err := url.PathUnescape(text)
		if err != nil || strings.ContainsRune(plain, 0) {
			return errors.New("has a % that begins no code: " + encodeHint)
		}
		*to = plain
	}
	return nil
}

// splitHosts reads host:port, several with commas; an IPv6 address stands in
// brackets, the folder of a socket is percent-encoded.
func splitHosts(text string) (hosts, ports string, err error) {
	var hs, ps []string
	for part := range strings.SplitSeq(text, ",") {
		host, port := part, ""
		if inner, after, found := strings.Cut(strings.TrimPrefix(part, "["), "]"); found && strings.HasPrefix(part, "[") {
			host, port = inner, strings.TrimPrefix(after, ":")
		} else if i := strings.LastIndex(part, ":"); i >= 0 {
			host, port = part[:i], part[i+1:]
			if strings.Contains(host, ":") {
				return "", "", errors.New("has more than one : after the last @: " + encodeHint + "; an IPv6 address stands in [ ]")
			}
		}
		if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
			return "", "", errors.New("has no port from 1 to 65535 where one is expected: " + encodeHint)
		}
		if err := unescape(map[*string]string{&host: host}); err != nil {
			return "", "", err
		}
		hs, ps = append(hs, host), append(ps, port)
	}
	hosts, ports = strings.Join(hs, ","), strings.Join(ps, ",")
	if strings.Trim(ports, ",") == "" {
		ports = ""
	}
	return hosts, ports, nil
}

// parameters reads what follows the ?. It takes libpq's, understands Prisma's,
// and notes what is not used.
func (c *connection) parameters(query string) (notes []string, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("has parameters after the ? that can't be read: " + encodeHint)
	}
	c.params = map[string]string{}
	var prismas, unknown []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values[key][len(values[key])-1]
		if strings.ContainsRune(value, 0) {
			return nil, errors.New("has a NUL byte in its parameters: remove it")
		}
		use := parameterUse(key)
		if use == asUnknown {
			if !isWord(key) {
				key = "(one more)" // it may be a piece of a password
			} else if strings.HasPrefix(key, "ssl") {
				return nil, fmt.Errorf("parameter %s is unknown, and dropping it might turn encryption off: wanted sslmode, sslrootcert, sslcert with sslkey, sslaccept", key)
			}
			unknown = append(unknown, key)
			continue
		}
		if use == asPrismas {
			prismas = append(prismas, key)
			continue
		}
		if use == asPrismasTLS {
			continue
		}
		c.take(key, value)
	}
	prismas = append(prismas, c.prismaTLS(values)...)
	if err := c.checkParameters(); err != nil {
		return nil, err
	}
	if values.Get("sslidentity") != "" {
		notes = append(notes, "sslidentity, a PKCS#12 file, is not used; if the server wants our certificate, make PEM files of it "+
			"(openssl pkcs12 -nodes -in FILE -out FILE.pem) and set postgres.sslcert and postgres.sslkey to them")
	}
	if len(prismas) > 0 {
		slices.Sort(prismas)
		notes = append(notes, "parameters of Prisma that mean nothing here are not used: "+strings.Join(prismas, ", "))
	}
	if len(unknown) > 0 {
		notes = append(notes, "unknown parameters are not used: "+strings.Join(unknown, ", "))
	}
	return notes, nil
}

func (c *connection) take(key, value string) {
	switch key {
	case "host":
		c.host = value
	case "port":
		c.port = value
	case "user":
		c.user = value
	case "password":
		c.password = value
	case "dbname", "database":
		c.database = value
	case "sslmode":
		c.sslmode = value
	case "ssl":
		if value == "true" && c.sslmode == "" { // as libpq has it
			c.sslmode = "require"
		}
	case "schema":
		c.schema = value
	default:
		c.params[key] = value
	}
}

// prismaTLS translates Prisma's settings of TLS. Prisma's sslcert is the
// certificate of the server's authority, libpq's is the client's and comes with
// sslkey; Prisma looks at it only with sslaccept=strict.
func (c *connection) prismaTLS(values url.Values) (dropped []string) {
	strict := values.Get("sslaccept") == "strict"
	if strict && c.sslmode == "require" {
		c.sslmode = "verify-full"
	}
	if c.params["sslcert"] != "" && c.params["sslkey"] == "" {
		if _, own := c.params["sslrootcert"]; strict && !own {
			c.params["sslrootcert"] = c.params["sslcert"]
		} else {
			dropped = append(dropped, "sslcert")
		}
		delete(c.params, "sslcert")
	}
	if c.params["sslkey"] == "" && c.params["sslpassword"] != "" {
		dropped = append(dropped, "sslpassword")
		delete(c.params, "sslpassword")
	}
	return dropped
}

func (c *connection) checkParameters() error {
	if c.sslmode != "" && !slices.Contains(sslModes(), c.sslmode) {
		return errors.New("has an unknown sslmode: wanted one of " + strings.Join(sslModes(), ", "))
	}
	if timeout := c.params["connect_timeout"]; timeout != "" {
		if n, err := strconv.Atoi(timeout); err != nil || n < 0 {
			return errors.New("has a connect_timeout that is no number of seconds: wanted one such as 10")
		}
	}
	return nil
}

type use int

const (
	asUnknown use = iota
	asOurs
	asPrismas
	asPrismasTLS // looked at by prismaTLS
)

// parameterUse sorts the parameters of a URL: those of pgx, and those of Prisma's
// pool and statements, which are not ours.
func parameterUse(key string) use {
	switch key {
	case "host", "port", "user", "password", "dbname", "database", "sslmode", "ssl", "schema",
		"passfile", "connect_timeout", "sslkey", "sslcert", "sslcertmode", "sslrootcert", "sslnegotiation", "sslpassword", "sslsni",
		"krbspn", "krbsrvname", "target_session_attrs", "channel_binding", "require_auth", "application_name", "options":
		return asOurs
	case "sslidentity", "sslaccept":
		return asPrismasTLS
	case "connection_limit", "pool_timeout", "pgbouncer", "socket_timeout", "statement_cache_size",
		"single_use_connections", "max_connection_lifetime", "max_idle_connection_lifetime":
		return asPrismas
	}
	return asUnknown
}

// isWord reports whether a parameter's name may be printed.
func isWord(key string) bool {
	return key != "" && len(key) <= 40 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") == ""
}
