package dayfile

import "time"

// OnStep makes fn run before every change of the disk; its error breaks the
// operation off there.
func (f *Folder) OnStep(fn func(step string) error) { f.step = fn }

// PublishReserved is how a file gets its name where there are no hard links.
func (f *Folder) PublishReserved(temp, final string) error { return f.publishReserved(temp, final) }

// FreeSecond returns the second that a report at that time gets on a day with
// those seconds taken.
func FreeSecond(taken map[string]bool, at time.Time) (string, error) {
	s, err := (&day{taken: taken}).free(at)
	return s.String(), err
}
