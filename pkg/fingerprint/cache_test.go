package fingerprint

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestCacheAgrees asks for every error twice, from several goroutines, with as many
// others in between as the cache can't hold.
func TestCacheAgrees(t *testing.T) {
	t.Parallel()
	var c Cache
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for i, s := range loadFixture(t) {
				for _, e := range []Error{s.error(), {Message: s.Message, Traceback: s.Traceback}, {Message: fmt.Sprint(i, s.Message)}, s.error()} {
					if got, want := c.Of(e, func() string { return e.Traceback }), Of(e); got != want {
						t.Errorf("%+v: got %+v, want %+v", e, got, want)
					}
				}
			}
		})
	}
	group.Wait()
}

// TestCacheTraceback: errors without a message differ by their tracebacks.
func TestCacheTraceback(t *testing.T) {
	t.Parallel()
	var c Cache
	for _, s := range loadFixture(t) {
		if s.Traceback == "" {
			continue
		}
		e := Error{Class: "ProxyException", Traceback: s.Traceback}
		if got, want := c.Of(e, func() string { return e.Traceback }), Of(e); got != want {
			t.Errorf("%+v: got %+v, want %+v", e, got, want)
		}
	}
	if n := len(c.texts.fresh) + len(c.templates.fresh); n > 0 {
		t.Errorf("%d kinds were kept that are not their message's", n)
	}
}

func none() string { return "" }

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c Cache
	for i := range 5 * maxCached {
		c.Of(Error{Message: fmt.Sprintf("no such thing: %d", i)}, none)
		c.Of(Error{Message: "again and again"}, none)
	}
	c.Of(Error{Message: strings.Repeat("x", maxCachedText+1)}, none)
	for _, m := range []*memory{&c.texts, &c.templates} {
		if len(m.fresh) > maxCached || len(m.old) > maxCached {
			t.Errorf("%d and %d kinds", len(m.fresh), len(m.old))
		}
	}
	if _, ok := c.texts.get(Error{Message: "again and again"}); !ok {
		t.Error("the kind asked for most was forgotten")
	}
}
