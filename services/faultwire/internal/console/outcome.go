package console

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

// Report writes one line about a finished live report.
func (p Page) Report(o *event.Outcome) {
	layout := "15:04"
	if o.End.Sub(o.Start) < time.Hour {
		layout = time.TimeOnly
	}
	span := o.Start.In(p.Zone).Format(layout) + " – " + o.End.In(p.Zone).Format(layout)
	p.Line("%s  %s", span, p.Result(o))
}

// Result says what a report holds and where it is: "1,284 failures of 96,310 requests
// (1.33 %), 9 kinds → output/2026-11-23/ (4 files, _142233)".
func (p Page) Result(o *event.Outcome) string {
	switch {
	case o.Failed != "":
		return "failed: " + plain.Line(o.Failed, textColumns)
	case o.Matched == 0:
		return "no failures" + inRequests(o.Rate)
	}
	text := plain.Count(o.Matched, "failure") + ofRequests(o.Rate, o.Matched) + ", " + plain.Count(o.Kinds, "kind")
	if len(o.Files) > 0 {
		text += " → " + p.folder(o) + " (" + plain.Count(len(o.Files), "file") + ", " + stamp(o.Files) + ")"
	}
	if o.Pending > 0 {
		text += ", " + plain.Count(o.Pending, "explanation") + " pending"
	}
	return text
}

func (p Page) folder(o *event.Outcome) string { return p.Path(o.Dir) + string(filepath.Separator) }

// stamp is what the names of one set share: "_142233".
func stamp(files []string) string {
	name := files[len(files)-1]
	name = strings.TrimSuffix(name, filepath.Ext(name))
	return name[strings.LastIndexByte(name, '_')+1-min(1, strings.Count(name, "_")):]
}

// Files writes the paths of a report's files, one a line.
func (p Page) Files(o *event.Outcome) {
	for _, name := range o.Files {
		p.Line("  %s", p.Path(filepath.Join(o.Dir, name)))
	}
}
