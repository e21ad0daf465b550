package testkit

import (
	"testing"
	"time"
)

const pollEvery = 20 * time.Millisecond

// Eventually polls until cond holds, and fails the test (which goes on) when it
// doesn't within timeout; what says what was waited for. It is for states of
// other processes, which give no event to wait for.
func Eventually(t testing.TB, timeout time.Duration, what string, cond func() bool) bool {
	t.Helper()
	if cond() {
		return true
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		select {
		case <-ticker.C:
			if cond() {
				return true
			}
		case <-deadline.C:
			t.Errorf("not within %s: %s", timeout, what)
			return false
		}
	}
}
