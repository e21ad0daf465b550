// Package pgtemp runs a throwaway PostgreSQL server for the demo and the tests:
// on a bare machine, as a plain user or as root, without Docker.
//
// The binaries are those installed on the machine or, where there are none,
// the ones the zonky project publishes on Maven Central (15 MB, kept in a
// cache folder). The server listens on 127.0.0.1 with a random password. It is
// ended even when this process is killed with SIGKILL: on Unix by a watcher
// process that holds the read end of a pipe of ours, on Windows by a job
// object. On Windows it must not be an administrator who starts it: PostgreSQL
// refuses that as it refuses root.
package pgtemp
