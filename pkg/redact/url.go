package redact

import "bytes"

// maxUserinfo is how far around its ':' the "://" and the '@' of a URL with a
// password are looked for, in bytes.
const maxUserinfo = 256

// urlSecret finds the password of a URL (https://user:password@host) behind the ':'
// at s[i], or the secret path of a webhook whose "://" is there.
func urlSecret(s []byte, i int) span {
	if i+3 < len(s) && s[i+1] == '/' && s[i+2] == '/' {
		return webhook(s, i+3)
	}
	user := i
	for user > max(0, i-maxUserinfo) && inUserinfo(s[user-1]) && s[user-1] != ':' {
		user--
	}
	if head := s[:user]; user == len(s) || s[user] == '[' || !bytes.HasSuffix(head, []byte("://")) && !bytes.HasSuffix(head, []byte(`:\/\/`)) {
		return span{}
	}
	if at := passwordEnd(s, i+1); at > 0 && !isHarmless(s[i+1:at]) {
		return span{i + 1, at, kindPassword}
	}
	return span{}
}

// passwordEnd returns where the '@' behind a password stands, 0 if there is none.
// The password may hold what should have been escaped: an '@', and a '/', '?' or
// '#' unless what is before it is a port.
func passwordEnd(s []byte, from int) int {
	limit := min(len(s), from+maxUserinfo)
	last := bytes.LastIndexByte(s[from:limit], '@')
	if last < 0 {
		return 0
	}
	at, port := 0, true
	for j := from; j <= from+last; j++ {
		switch c := s[j]; {
		case c == '@':
			at = j
		case c == '/' || c == '?' || c == '#':
			if at > 0 || port {
				return at
			}
		case !inUserinfo(c) || c == '{':
			return at
		case !isDigit(c):
			port = false
		}
	}
	return at
}

// inUserinfo: what may stand before the host of a URL, and mistakes that are made.
func inUserinfo(c byte) bool {
	switch c {
	case '/', '?', '#', '"', '\'', '<', '>', '\\', '`':
		return false
	}
	return c > ' '
}

// webhooks are hosts where whoever knows the path may post.
func webhooks() []string {
	return []string{
		"hooks.slack.com/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/",
		"open.feishu.cn/open-apis/bot/", "open.larksuite.com/open-apis/bot/",
	}
}

// webhook finds the path of a webhook whose host begins at s[i].
func webhook(s []byte, i int) span {
	for _, host := range webhooks() {
		if !bytes.HasPrefix(s[i:], []byte(host)) {
			continue
		}
		from := i + len(host)
		if to := run(s, from, func(c byte) bool { return isKeyByte(c) || c == '/' }); to-from >= 16 {
			return span{from, to, kindToken}
		}
	}
	return span{}
}

// queryKind is the kind of a parameter of a URL: what is before its name at s[from]
// makes it one (?key=…&sig=…). Names too short to mean anything elsewhere count.
func queryKind(s []byte, from int, name []byte) kind {
	if from == 0 || s[from-1] != '?' && s[from-1] != '&' && !bytes.HasSuffix(s[:from], []byte("&amp;")) {
		return 0
	}
	switch string(name) {
	case "key", "token", "auth":
		return kindQuery
	}
	return 0
}
