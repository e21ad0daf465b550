package container

import (
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
