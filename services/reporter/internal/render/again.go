package render

import (
	"strconv"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/plain"
)

// Again is the command that reads the same rows from LiteLLM's table.
func (r *Report) Again() string {
	if r.Replay != nil {
		return againReplay(r.Replay)
	}
	start, end := r.Summary.FirstStarted, r.Summary.LastStarted
	if r.Expected > r.Summary.Failures || start.IsZero() { // when the missing ones began nobody knows
		start, end = earlier(start, r.Start), later(end, r.End)
	}
	return "faultwire replay" + between(start, end) + " --limit 0"
}

func againReplay(r *Replay) string {
	q, command := r.Query, "faultwire replay"
	if q.TimeFilter {
		command += between(r.Start, r.End)
	} else {
		command += " --time-filter=false"
	}
	for _, filter := range [][2]string{{" --model ", q.Model}, {" --key ", q.Key}} {
		if filter[1] != "" {
			command += filter[0] + quote(filter[1])
		}
	}
	return command + " --limit " + strconv.Itoa(q.Limit)
}

// between rounds to whole seconds, outwards: both ends are inclusive.
func between(start, end time.Time) (flags string) {
	if !start.IsZero() {
		flags = ` --start "` + start.UTC().Format(time.DateTime) + `"`
	}
	if !end.IsZero() {
		flags += ` --end "` + end.Add(time.Second-1).UTC().Format(time.DateTime) + `"`
	}
	return flags
}

// quote makes one argument of a POSIX shell. A name that can't be shown as it is
// can't be typed from a page either.
func quote(s string) string {
	if plain.Line(s, 500) != s {
		return "'…' (the exact name is in query_params)"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
