package command

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (s *session) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Version, commit, Go and platform of this program",
		Example: "  faultwire version",
		Args:    noArguments,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(s.Stdout, "faultwire %s\ncommit    %s\ngo        %s\nplatform  %s/%s\n",
				s.Version, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// commit is what Go stamped into the program; builds outside a checkout have none.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, modified := "unknown", ""
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			revision = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				modified = " with changes"
			}
		}
	}
	return revision + modified
}
