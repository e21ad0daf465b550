package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes, written "4GiB", "512MB" or as a bare number.
type Bytes int64

// units, largest first: powers of 1024, then of 1000.
func units() []struct {
	name string
	size int64
} {
	return []struct {
		name string
		size int64
	}{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"KB", 1e3},
		{"B", 1},
	}
}

// ParseBytes reads a size: a whole or decimal number and a unit (B, KB, MB, GB, TB are
// powers of 1000, KiB, MiB, GiB, TiB of 1024; case doesn't matter). It is never
// negative.
func ParseBytes(text string) (Bytes, error) {
	number, size := strings.TrimSpace(text), int64(1)
	for _, u := range units() {
		if rest := len(number) - len(u.name); rest > 0 && strings.EqualFold(number[rest:], u.name) {
			number, size = strings.TrimSpace(number[:rest]), u.size
			break
		}
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
		if whole < 0 || whole > math.MaxInt64/size {
			return 0, fmt.Errorf("size %s is out of range", shown(text))
		}
		return Bytes(whole * size), nil
	}
	// ParseFloat alone would also take 1e3, 0x1p4 and Inf.
	if strings.Trim(number, "0123456789.") != "" {
		return 0, fmt.Errorf("%s is no size", shown(text))
	}
	part, err := strconv.ParseFloat(number, 64)
	if err != nil || part*float64(size) >= math.MaxInt64 {
		return 0, fmt.Errorf("%s is no size", shown(text))
	}
	return Bytes(part * float64(size)), nil
}

// String writes the size with the largest unit that loses nothing.
func (b Bytes) String() string {
	for _, u := range units() {
		if b != 0 && u.size > 1 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
