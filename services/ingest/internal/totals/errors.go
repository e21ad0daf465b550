package totals

import "errors"

// errOvertaken is returned when another process counts at the same time: its counts
// have to be read first.
var errOvertaken = errors.New("another process counts the requests too")
