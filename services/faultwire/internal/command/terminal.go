package command

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
)

// isPerson reports whether there is somebody at the other end: a terminal, and not
// the null device. What says so itself is believed, for tests.
func isPerson(stream any) bool {
	if says, ok := stream.(interface{ IsTerminal() bool }); ok {
		return says.IsTerminal()
	}
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// confirmed asks a person a question; anything but yes is no. It doesn't wait longer
// than ctx: the answer then is for the process that is no more.
func (s *session) confirmed(ctx context.Context, question string) bool {
	fmt.Fprint(s.Stdout, question+" [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(s.Stdin).ReadString('\n') // what was typed before the end of input counts
		answer <- line
	}()
	select {
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes"
	case <-ctx.Done():
		fmt.Fprintln(s.Stdout)
		return false
	}
}
