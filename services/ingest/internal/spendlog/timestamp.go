package spendlog

import "time"

// maxYear is the last year that time.Time can be written as JSON with.
const maxYear = 9999

// ParseTime reads a timestamp without zone, which LiteLLM stores in UTC (#25234).
// Infinity, years BC and after 9999 are no times that can be reported: [ErrTime].
func ParseTime(text []byte) (time.Time, error) {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", string(text), time.UTC)
	if err != nil || t.Year() > maxYear || t.Year() < 1 {
		return time.Time{}, ErrTime
	}
	return t, nil
}

// times returns when a request began and ended. One that can't be read is taken
// from the other; zero if neither can.
func (l *Layout) times(row []Value) (started, ended time.Time, fault *DecodeError) {
	start, _ := text(row, l.startTime)
	end, _ := text(row, l.endTime)
	started, startErr := ParseTime(start)
	ended, endErr := ParseTime(end)
	if endErr != nil {
		ended = started
		if l.endTime >= 0 {
			fault = &DecodeError{Column: "endTime", Err: endErr}
		}
	}
	if startErr != nil {
		started = ended
		fault = &DecodeError{Column: "startTime", Err: startErr}
	}
	return started, ended, fault
}
