package redact

import "bytes"

// dsnPassword finds a password in a list of settings, whatever it is, also a word:
// libpq's (host=db password=se,cret dbname=x), ADO's (Server=db;Pwd=my secret;), a
// URL's (?password=secret&x=1) and what a shell assigns (PGPASSWORD=secret psql). The
// name begins at s[name], the value at s[from]. The arguments of a call
// (user=u, password=p) are none.
func dsnPassword(s []byte, name, from int) span {
	end := min(len(s), from+maxBare)
	if name > 0 && s[name-1] == ';' {
		to := run(s[:end], from, func(c byte) bool { return c >= ' ' && c != ';' && c != '"' && c != '\'' })
		if to < end && s[to] == ';' && to > from && !isHarmless(s[from:to]) {
			return span{from, to, kindPassword}
		}
	}
	to := run(s[:end], from, func(c byte) bool {
		return c > ' ' && c != '"' && c != '\'' && c != '\\' && c != '&' && c != ';'
	})
	if value := s[from:to]; to == from+maxBare || isCode(value) || isHarmless(value) || bytes.EqualFold(value, s[name:min(from-1, name+len(value))]) {
		return span{}
	}
	return span{from, to, kindPassword}
}

// isCode reports whether what stands behind password= is part of a program or of a
// sentence: an argument, a call, a comparison, a variable, the beginning of f"…".
func isCode(value []byte) bool {
	if len(value) < 3 || bytes.ContainsAny(value, "([{") {
		return true
	}
	switch value[0] {
	case '=', '$', '%', '<':
		return true
	}
	switch value[len(value)-1] {
	case ',', ')', ']', '}', ':', '.', '>':
		return true
	}
	return false
}
