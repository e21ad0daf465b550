package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
)

// rowFile is a part that is a JSON array of objects, one object a line. A nil one
// isn't written.
type rowFile struct {
	file *dayfile.File
	part dayfile.Part
	most int // rows; 0 = all
	rows int
}

// writeRows writes those of the two error_logs files that are wanted and not there,
// in one scan: memory doesn't grow with the rows.
func (w *Writer) writeRows(ctx context.Context, j *job, set *dayfile.Set) error {
	full, short, err := w.openRows(j, set)
	if err != nil {
		return err
	}
	defer full.Close()
	defer short.Close()
	if full != nil || short != nil {
		if err := w.fill(ctx, j, full, short); err != nil {
			return err
		}
		for _, file := range []*rowFile{full, short} {
			if err := file.commit(); err != nil {
				return err
			}
		}
		if j.replay == nil {
			w.metrics.delayed(w.now().Sub(j.period.End))
		}
	}
	return w.countRows(j, set, full, short)
}

// openRows returns nil for a file that isn't wanted or is there.
func (w *Writer) openRows(j *job, set *dayfile.Set) (full, short *rowFile, err error) {
	mostFull, mostShort := w.caps(j)
	create := func(part dayfile.Part, wanted bool, most int) *rowFile {
		if !wanted || set.Has(part) || err != nil {
			return nil
		}
		var file *dayfile.File
		if file, err = set.Create(part); err != nil {
			return nil
		}
		return &rowFile{file: file, part: part, most: most}
	}
	full = create(dayfile.Full, w.config.Output.SaveFullLogs, mostFull)
	short = create(dayfile.Analysis, w.config.Output.SaveAnalysisLogs, mostShort)
	if err != nil {
		full.Close()
	}
	return full, short, err
}

// fill writes the rows of one scan; full or short may be nil.
func (w *Writer) fill(ctx context.Context, j *job, full, short *rowFile) error {
	var chosen *selection
	if full != nil {
		chosen = selectRows(j.stats.Kinds(), full.most)
	}
	damaged := 0 // counted by the first scan
	for f, err := range w.failures(ctx, j, &damaged) {
		if err != nil {
			return err
		}
		if full != nil && chosen.takes(f.failure.Fingerprint) {
			if err := full.write(oneLine(f.failure.Row)); err != nil {
				return err
			}
		}
		if short != nil && (short.most == 0 || short.rows < short.most) {
			entry, err := event.Encode(&f.failure.Log)
			if err != nil {
				return err
			}
			if err := short.write(entry); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *rowFile) write(row []byte) error {
	lead := ",\n"
	if f.rows == 0 {
		lead = "[\n"
	}
	f.rows++
	if _, err := io.WriteString(f.file, lead); err != nil {
		return err
	}
	_, err := f.file.Write(row)
	return err
}

func (f *rowFile) commit() error {
	if f == nil {
		return nil
	}
	last := "\n]\n"
	if f.rows == 0 {
		last = "[]\n"
	}
	if _, err := io.WriteString(f.file, last); err != nil {
		return err
	}
	return f.file.Commit()
}

// Close gives up what was not committed. What can't be removed now is removed by
// the next claim of the set.
func (f *rowFile) Close() {
	if f != nil {
		_ = f.file.Close()
	}
}

// oneLine puts a row on one line. Line breaks can only stand between its tokens:
// inside a JSON text they are escaped.
func oneLine(row []byte) []byte {
	if !bytes.ContainsAny(row, "\r\n") {
		return row
	}
	line := bytes.Clone(row)
	for i, c := range line {
		if c == '\r' || c == '\n' {
			line[i] = ' '
		}
	}
	return line
}

// countRows notes how many rows the files hold; of a file from an earlier try by
// reading it.
func (w *Writer) countRows(j *job, set *dayfile.Set, full, short *rowFile) (err error) {
	for _, part := range []struct {
		dayfile.Part
		written *rowFile
		to      *int
	}{{dayfile.Full, full, &j.rowsFull}, {dayfile.Analysis, short, &j.rowsAnalysis}} {
		switch {
		case part.written != nil:
			*part.to = part.written.rows
		case set.Has(part.Part) && *part.to == 0:
			if *part.to, err = rowsIn(set, part.Part); err != nil {
				return err
			}
		}
	}
	return nil
}

func rowsIn(set *dayfile.Set, part dayfile.Part) (int, error) {
	file, err := set.Open(part)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines, buffer := 0, make([]byte, 64<<10)
	for {
		n, err := file.Read(buffer)
		lines += bytes.Count(buffer[:n], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			return max(0, lines-2), nil // the brackets
		}
		if err != nil {
			return 0, fmt.Errorf("count the rows of %s: %w", set.Name(part), err)
		}
	}
}
