// Package container reaches a database by the name of its Docker container: at
// the container's address, at its published port, or through a relay that is run
// inside it, as `docker exec` would. It speaks the Docker Engine API itself, which
// takes three calls.
package container
