package console

import (
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/plain"
)

const (
	stateColumns = 9
	nameColumns  = 13
	// findingColumns leaves room for a statement that is to be copied whole.
	findingColumns = 2000
)

// Finding writes what was found, and below it what mends it.
func (p Page) Finding(f *doctor.Finding) {
	state := string(f.State)
	if f.State == doctor.Failed {
		state = "FAILED" // to be seen among many lines
	}
	p.Line("%s%s%s", plain.Right(state, stateColumns), plain.Right(f.Name, nameColumns), plain.Line(f.Text, findingColumns))
	if f.Fix != "" {
		p.Line("%s%s%s", plain.Right("", stateColumns), plain.Right("fix", nameColumns), plain.Line(f.Fix, findingColumns))
	}
}

// Whole writes a labelled line for people who set something up: it may hold a
// statement to copy, so it is not cut where other lines are.
func (p Page) Whole(label, text string) {
	p.Line("%s%s", plain.Right(label, nameColumns), plain.Line(text, findingColumns))
}
