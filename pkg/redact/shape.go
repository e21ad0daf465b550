package redact

import "bytes"

// upperPrefixed finds the keys of Google (AIza…), AWS (AKIA…, ASIA…, ABSK…) and
// Tencent (AKID…) that begin at s[i], and of Alibaba (LTAI…) whose 'A' it is. None
// begins before done.
func upperPrefixed(s []byte, i, done int) span {
	if i-2 >= done && bytes.HasPrefix(s[i-2:], []byte("LTAI")) && starts(s, i-2) {
		if to := run(s, i+2, isAlnum); to-i >= 14 && hasDigit(s[i:to]) {
			return span{i - 2, to, kindKey}
		}
	}
	if len(s)-i < 20 || !starts(s, i) {
		return span{}
	}
	begin := i + 4
	switch string(s[i:begin]) {
	case "AIza":
		if to := run(s, begin, isKeyByte); to-begin >= 20 {
			return span{i, to, kindKey}
		}
	case "AKIA", "ASIA":
		to := run(s, begin, func(c byte) bool { return isUpper(c) || isDigit(c) })
		if to-begin >= 16 && (to == len(s) || !isAlnum(s[to])) {
			return span{i, to, kindKey}
		}
	case "AKID":
		if to := run(s, begin, isAlnum); to-begin >= 28 {
			return span{i, to, kindKey}
		}
	case "ABSK":
		if to := run(s, begin, isTokenByte); to-begin >= 40 {
			return span{i, to, kindKey}
		}
	}
	return span{}
}

// dapi finds a key of Databricks, "dapi" and 32 digits of hex, whose 'p' is s[i]. It
// does not begin before done.
func dapi(s []byte, i, done int) span {
	from := i - 2
	if from < done || s[from] != 'd' || s[from+1] != 'a' || len(s)-from < 36 || s[i+1] != 'i' || !starts(s, from) {
		return span{}
	}
	to := run(s, from+4, isHex)
	if to-from != 36 {
		return span{}
	}
	if to+1 < len(s) && s[to] == '-' && isDigit(s[to+1]) {
		to += 2
	}
	return span{from, to, kindKey}
}

// dotted finds the keys that have a '.', which is s[i], at a known place: those of
// Zhipu (32 digits of hex, '.', 16 letters and digits) and the tokens of Google
// (ya29.…) and Vault (hvs.…). None begins before done.
func dotted(s []byte, i, done int) span {
	if i-4 >= done && string(s[i-4:i]) == "ya29" && starts(s, i-4) {
		if to := run(s, i+1, isKeyByte); to-i > 20 {
			return span{i - 4, to, kindToken}
		}
	}
	if i-3 >= done && string(s[i-3:i]) == "hvs" && starts(s, i-3) {
		if to := run(s, i+1, isKeyByte); to-i > 20 {
			return span{i - 3, to, kindToken}
		}
	}
	from := i - 32
	if from < done || len(s)-i < 17 || !isAlnum(s[i+1]) {
		return span{}
	}
	for j := i - 1; j >= from; j-- {
		if !isHex(s[j]) {
			return span{}
		}
	}
	if to := run(s, i+1, isAlnum); to-i-1 == 16 && starts(s, from) {
		return span{from, to, kindKey}
	}
	return span{}
}

// jwt finds a JSON Web Token whose "eyJ" (base64 of {") ends at s[i]. next is the
// end of what was looked at in vain: no other token begins before it.
func jwt(s []byte, i, done int) (found span, next int) {
	from := i - 2
	if from < done || s[from] != 'e' || s[from+1] != 'y' || !starts(s, from) {
		return span{}, 0
	}
	dot := run(s, i+1, isKeyByte)
	if dot-i < 8 || dot == len(s) || s[dot] != '.' {
		return span{}, dot
	}
	to := run(s, dot+1, func(c byte) bool { return isKeyByte(c) || c == '.' })
	for s[to-1] == '.' { // the end of a sentence
		to--
	}
	if to-dot < 8 {
		return span{}, dot
	}
	return span{from, to, kindToken}, 0
}
