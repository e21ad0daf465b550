package console

import (
	"bufio"
	"io"
	"strings"
	"unicode"

	"github.com/faultwire/faultwire/pkg/plain"
)

// maxLine bounds one line of an excerpt, in bytes; the reporter wraps far below.
const maxLine = 64 << 10

// Excerpt writes the first lines of a report, indented, and says how many follow.
func (p Page) Excerpt(report io.Reader, lines int) error {
	scanner := bufio.NewScanner(report)
	scanner.Buffer(nil, maxLine)
	n := 0
	for ; scanner.Scan(); n++ {
		if n < lines {
			p.Line("  | %s", spaced(scanner.Text()))
		}
	}
	if n > lines {
		p.Line("  | … %s", plain.Count(n-lines, "more line"))
	}
	return scanner.Err()
}

// spaced keeps the blanks of a line, which plain.Line would not: the columns of a
// report mean something.
func spaced(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, line)
}
