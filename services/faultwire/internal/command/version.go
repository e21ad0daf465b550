package command

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/telemetry"
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
	revision, modified := telemetry.Revision()
	if modified {
		revision += " with changes"
	}
	return revision
}
