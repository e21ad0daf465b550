package rows

import (
	"fmt"
	"time"
)

// Order is newest first, and the same every time.
const Order = `"startTime" DESC, request_id`

// Place is where a row is in that order, as printed; the zero value is before the
// first.
type Place struct{ StartTime, RequestID string }

// Behind is the condition that a row comes behind a place, whose start time is the
// parameter number first and whose id the next.
func Behind(first int) string {
	return fmt.Sprintf(`"startTime" <= $%[1]d::timestamp AND ("startTime" < $%[1]d::timestamp OR request_id > $%[2]d::text)`, first, first+1)
}

// Time is how a time is compared with "startTime", which is naive UTC.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999") }
