package console

import (
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

// ofRequests completes a number of failures: " of 96,310 requests (1.33 %)". Where
// other ones were counted among the requests, as in a live report, which is cut by
// commit time, only the share is said: " (1.33 % of 96,310 requests)". Empty when
// nobody counted.
func ofRequests(r *event.Rate, failures int) string {
	switch {
	case r == nil || r.Requests == 0:
		return ""
	case r.Failed == failures:
		return " of " + plain.Count(r.Requests, "request") + " (" + plain.Percent(r.Failed, r.Requests) + ")"
	}
	return " (" + plain.Percent(r.Failed, r.Requests) + " of " + plain.Count(r.Requests, "request") + ")"
}

// inRequests completes "no failures".
func inRequests(r *event.Rate) string {
	if r == nil || r.Failed > 0 {
		return ""
	}
	return " in " + plain.Count(r.Requests, "request")
}
