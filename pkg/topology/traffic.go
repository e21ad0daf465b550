package topology

import "time"

// Traffic is the stream of the requests counted in each minute, one entry a minute:
// a new count takes the place of the one before.
const Traffic = "TRAFFIC"

// trafficAge covers a week and the day that is not over yet.
const trafficAge = 8 * 24 * time.Hour

// AllTraffic selects every minute.
const AllTraffic = "traffic.>"

// TrafficSubject holds the count of the minute (UTC) that t lies in.
func TrafficSubject(t time.Time) string { return "traffic." + t.UTC().Format("2006010215.04") }

// TrafficHour selects the minutes of the hour (UTC) that t lies in.
func TrafficHour(t time.Time) string { return "traffic." + t.UTC().Format("2006010215") + ".*" }

// RequestsKey holds the counters of requests.
func RequestsKey(epoch string) string { return "requests." + Token(epoch) }
