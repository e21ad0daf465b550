package plain

import "strconv"

// Rough writes a number of things in three characters or so: 812, 8.1K, 51M.
func Rough(n int64) string { return scaled(n, 1000, "", "K", "M", "B", "T") }

// Size writes a number of bytes for people, by powers of 1024: 812 B, 8.1 MB, 51 GB.
func Size(bytes int64) string { return scaled(bytes, 1024, " B", " KB", " MB", " GB", " TB") }

// scaled divides until the number is small; below ten it has one digit more.
func scaled(n, step int64, units ...string) string {
	value, unit := float64(n), 0
	for value >= float64(step)-0.5 && unit < len(units)-1 {
		value /= float64(step)
		unit++
	}
	digits := 0
	if unit > 0 && value < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + units[unit]
}
