package console

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/plain"
)

const (
	labelColumns = 11 // of what stands at the left
	textColumns  = 300
)

// Page is a terminal, or the file that took its place.
type Page struct {
	To   io.Writer
	Zone *time.Location // report.timezone, of all times shown
	// Here is the working folder: paths below it are shown relative. Empty: all
	// are shown whole.
	Here string
}

// Line writes one line. What strangers wrote is made fit for a line before.
func (p Page) Line(format string, args ...any) {
	fmt.Fprintln(p.To, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// Field writes a labelled line; further lines stand below the first.
func (p Page) Field(label string, lines ...string) {
	for _, line := range lines {
		p.Line("%s%s", plain.Right(label, labelColumns), plain.Line(line, textColumns))
		label = ""
	}
}

// Path is how a path is shown: relative when it is below the working folder.
func (p Page) Path(path string) string {
	if rel, err := filepath.Rel(p.Here, path); err == nil && p.Here != "" && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// clock is a time of day, with its date unless that is the day of now.
func (p Page) clock(t, now time.Time, layout string) string {
	t, now = t.In(p.Zone), now.In(p.Zone)
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		layout = time.DateOnly + " " + layout
	}
	return t.Format(layout)
}
