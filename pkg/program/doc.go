// Package program is what the mains of all faultwire programs share: flags,
// settings, log, faults on stderr, exit codes, signals and the connection to NATS.
// [Main] is all of it in one call, for a program of one service.
//
// It brings the zone database to the programs, for machines and images that have
// none: report.timezone must mean the same everywhere.
package program

import _ "time/tzdata" // see above: every program imports this package, and settings need zones
