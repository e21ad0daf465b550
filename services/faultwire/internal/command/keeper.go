package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/program"
)

// keeper takes a role's new URL, which nobody can read again: into a file, or onto
// a terminal. It has it before the password counts, and shows it afterwards.
type keeper struct {
	path    string // --save; empty = the terminal
	replace bool   // an existing file, with --rotate
	person  bool   // stdout is a terminal

	connection config.Postgres
	temp       string // the file, until the password counts
}

// keep has the URL safe, or refuses.
func (k *keeper) keep(connection config.Postgres) error {
	k.connection = connection
	if k.path == "" {
		if !k.person {
			return program.Usage(errors.New("--save: the role's password is shown once, and stdout is no terminal: add --save FILE"))
		}
		return nil
	}
	if _, err := os.Lstat(k.path); err == nil && !k.replace {
		return program.Usage(fmt.Errorf("--save: %s exists: name a new file", k.path))
	}
	file, err := os.CreateTemp(filepath.Dir(k.path), ".faultwire-*") // 0600
	if err != nil {
		return program.Usage(fmt.Errorf("--save: %w", err))
	}
	k.temp = file.Name()
	_, err = file.WriteString(connection.Link().Reveal() + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("--save: %w", err), k.forget())
	}
	return nil
}

// forget removes what was kept of a password that doesn't count.
func (k *keeper) forget() error {
	if k.temp == "" {
		return nil
	}
	temp := k.temp
	k.temp = ""
	if err := os.Remove(temp); err != nil {
		return fmt.Errorf("--save: %w", err)
	}
	return nil
}

// done gives the file its name, now that the password counts, and returns what to
// tell: the URL, or where it is.
func (k *keeper) done() (url string, use []string, err error) {
	use = []string{`export FAULTWIRE_POSTGRES_URL="$(cat ` + quotedPath(k.path) + `)"`}
	if k.path == "" {
		use = []string{"this is shown once; give it to faultwire as FAULTWIRE_POSTGRES_URL"}
	}
	if c := k.connection.Container; c != "" {
		use = append(use, "export FAULTWIRE_POSTGRES_CONTAINER="+quotedPath(c)+"   (the URL is as seen from inside it)")
	}
	if k.path == "" {
		return k.connection.Link().Reveal(), use, nil
	}
	if err := os.Rename(k.temp, k.path); err != nil {
		return "", nil, fmt.Errorf("--save: the role's URL is in %s: %w", k.temp, err)
	}
	return "in " + k.path + ", for its owner only", use, nil
}
