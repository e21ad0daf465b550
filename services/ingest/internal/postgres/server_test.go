package postgres_test

import (
	"strings"
	"testing"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// TestSynchronous: a server that would let LiteLLM's commits wait for us is not
// followed.
func TestSynchronous(t *testing.T) {
	t.Parallel()
	for names, harmless := range map[string]bool{
		"": true, "standby1": true, "ANY 1 (s1, s2)": true,
		"*": false, "FIRST 1 (*)": false, "s1, faultwire": false, `"Faultwire"`: false,
	} {
		err := postgres.Server{WALLevel: "logical", Synchronous: names}.Followable()
		if (err == nil) != harmless || err != nil && (!postgres.IsSettings(err) || !strings.Contains(err.Error(), "synchronous_standby_names")) {
			t.Errorf("%q: %v", names, err)
		}
	}
}
