package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Fault is one thing wrong with the settings.
type Fault struct {
	Path    string // of the setting or section; empty when the fault is the source's
	Origin  string // faultwire.yaml:4, FAULTWIRE_ANALYZER_WINDOW, --config; empty when nothing set it
	Message string // what was found, what is wanted, the remedy
	Err     error  // the cause, or nil
}

// Error returns one line: where, which setting, what and the remedy.
func (f Fault) Error() string {
	var b strings.Builder
	for _, part := range []string{f.Origin, f.Path} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	return b.String() + f.Message
}

// Unwrap returns the cause.
func (f Fault) Unwrap() error { return f.Err }

// Faults is all that is wrong with the settings: the error of [Load].
type Faults []Fault

// Error returns one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each [Fault].
func (f Faults) Unwrap() []error {
	errs := make([]error, len(f))
	for i := range f {
		errs[i] = f[i]
	}
	return errs
}

// err returns nil when there is none, and drops what is said twice.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(f, func(one Fault) bool {
		line := one.Error()
		defer func() { seen[line] = true }()
		return seen[line]
	})
}

// mostShown is how much of a value or a name a fault shows, in characters.
const mostShown = 60

// shown quotes a value for a fault.
func shown(value string) string {
	runes := []rune(value)
	if len(runes) > mostShown {
		return fmt.Sprintf("%q and %d more characters", string(runes[:mostShown]), len(runes)-mostShown)
	}
	return fmt.Sprintf("%q", value)
}

// name returns a key as the user wrote it if that can do no harm on a terminal,
// else quoted.
func name(key string) string {
	plain := func(r rune) bool {
		return r == '_' || r == '-' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	if key != "" && len(key) <= mostShown && strings.IndexFunc(key, func(r rune) bool { return !plain(r) }) < 0 {
		return key
	}
	return shown(key)
}

// nearest returns the candidate that word is most likely a slip of, or "".
func nearest(word string, candidates []string) string {
	if len(word) > 2*mostShown {
		return ""
	}
	best, least := "", 1+max(2, len(word)/4)
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// inOrder sorts faults: by the settings' order for those that nothing set, after
// those of the sources, which stay as they were found.
func inOrder(f Faults, order func(path string) int) Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if a.Origin != "" || b.Origin != "" {
			return cmp.Compare(boolInt(a.Origin == ""), boolInt(b.Origin == ""))
		}
		return cmp.Compare(order(a.Path), order(b.Path))
	})
	return f
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
