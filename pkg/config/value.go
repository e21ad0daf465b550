package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// set reads text into the setting's place in s. The error says what was found and
// what is wanted; it never holds a secret.
func (f field) set(s *Settings, text string) error {
	if strings.ContainsRune(text, 0) {
		return errors.New("holds a NUL byte: remove it")
	}
	if len(f.choices) > 0 && !slices.Contains(f.choices, text) && (text != "" || f.byDefault == "") {
		return f.notAChoice(text)
	}
	var err error
	switch at := f.at(s).(type) {
	case *string:
		*at = text
	case *Secret:
		*at = Secret(text)
	case *URL:
		*at = URL(strings.TrimSpace(text))
	case *bool:
		*at, err = parseBool(text)
	case *int:
		*at, err = parseInt(text)
	case *Bytes:
		*at, err = ParseBytes(text)
	case *time.Duration:
		*at, err = parseDuration(text, f.seconds)
	case **time.Time:
		*at, err = parseTime(text)
	case *[]string:
		*at = parseList(text)
	default:
		panic(fmt.Sprintf("setting %s has no reader for %T", f.path, at))
	}
	if err != nil {
		return fmt.Errorf("found %s: wanted %s", shown(text), f.wanted())
	}
	return nil
}

func (f field) notAChoice(text string) error {
	hint := ""
	if near := nearest(text, f.choices); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return fmt.Errorf("found %s: wanted one of %s%s", shown(text), strings.Join(f.choices, ", "), hint)
}

// wanted names the type with an example.
func (f field) wanted() string {
	switch f.at(&Settings{}).(type) {
	case *bool:
		return "true or false"
	case *int:
		return "a whole number such as 100"
	case *Bytes:
		return "a size such as 4GiB, 512MB or a number of bytes"
	case *time.Duration:
		if f.seconds {
			return "a duration such as 5m, 300s or a number of seconds"
		}
		return "a duration such as 5m or 300s"
	case **time.Time:
		return `a time such as "2025-12-01 00:00:00" (UTC, as stored) or 2025-12-01T08:00:00+08:00`
	}
	if f.isList() {
		return "a list, or one item a line"
	}
	if len(f.choices) > 0 {
		return "one of " + strings.Join(f.choices, ", ")
	}
	return "a text"
}

// parseBool takes what YAML 1.1, Python and shells write.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("not a bool")
}

func parseInt(text string) (int, error) { return strconv.Atoi(strings.TrimSpace(text)) }

func parseDuration(text string, seconds bool) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if seconds && strings.Trim(text, "0123456789.") == "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n > math.MaxInt64/float64(time.Second)-1 {
			return 0, errors.New("not a number of seconds")
		}
		return time.Duration(n * float64(time.Second)), nil
	}
	return time.ParseDuration(text)
}

// parseTime reads the old tool's form, naive and taken as UTC, or RFC 3339. The
// empty text is no time.
func parseTime(text string) (*time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.DateTime, time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			t = t.UTC()
			return &t, nil
		}
	}
	return nil, errors.New("not a time")
}

// parseList reads one item a line. Blank lines are none.
func parseList(text string) []string {
	var items []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			items = append(items, line)
		}
	}
	return items
}

// render writes a value the way a user would.
func render(at any) string {
	switch at := at.(type) {
	case *string:
		return *at
	case *Secret:
		return at.String()
	case *URL:
		return at.String()
	case *bool:
		return strconv.FormatBool(*at)
	case *int:
		return strconv.Itoa(*at)
	case *Bytes:
		return at.String()
	case *time.Duration:
		return duration(*at)
	case **time.Time:
		if *at != nil {
			return (*at).Format(time.DateTime)
		}
	case *[]string:
		return strings.Join(*at, ", ")
	}
	return ""
}

// duration writes d without the units that are zero: 1h, not 1h0m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
