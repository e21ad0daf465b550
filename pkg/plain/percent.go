package plain

import "strconv"

// Percent writes n of all as 1.33 %, never rounded to nothing or to everything.
func Percent(n, all int) string {
	switch {
	case all <= 0 || n <= 0:
		return "0 %"
	case n >= all:
		return "100 %"
	}
	percent := 100 * float64(n) / float64(all)
	switch {
	case percent < 0.01:
		return "<0.01 %"
	case percent > 99.99:
		return ">99.99 %"
	}
	return strconv.FormatFloat(percent, 'f', 2, 64) + " %"
}
