package window

import "time"

// calendar knows where reports begin: at every local midnight, and every
// report.every after it.
type calendar struct {
	zone  *time.Location
	every time.Duration
}

// floor returns the last boundary at or before t.
func (c calendar) floor(t time.Time) time.Time {
	midnight := c.midnight(t, 0)
	return midnight.Add(t.Sub(midnight) / c.every * c.every).UTC()
}

// after returns the first boundary after t.
func (c calendar) after(t time.Time) time.Time {
	next := c.floor(t).Add(c.every)
	if midnight := c.midnight(t, 1); midnight.Before(next) {
		return midnight.UTC()
	}
	return next
}

// midnight returns the moment t's local day begins, or the day that many days
// later. Where clocks go forward at midnight the day begins at 01:00.
func (c calendar) midnight(t time.Time, days int) time.Time {
	year, month, day := t.In(c.zone).Date()
	noon := time.Date(year, month, day+days, 12, 0, 0, 0, c.zone)
	begin := time.Date(year, month, day+days, 0, 0, 0, 0, c.zone)
	if begin.Day() != noon.Day() { // midnight doesn't exist: time.Date fell into the day before
		_, begin = begin.ZoneBounds()
	}
	return begin
}
