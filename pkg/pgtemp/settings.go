package pgtemp

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writeSettings appends the settings to the postgresql.conf that initdb made.
// The file and not the command line, so that ALTER SYSTEM can override them.
func writeSettings(data string, extra map[string]string) error {
	all := defaultSettings()
	maps.Copy(all, extra)
	var text strings.Builder
	text.WriteString("\n# faultwire\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = %s\n", name, quoteSetting(all[name]))
	}
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("write the server's settings: %w", err)
	}
	if _, err := f.WriteString(text.String()); err != nil {
		_ = f.Close()
		return fmt.Errorf("write the server's settings: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the server's settings: %w", err)
	}
	return nil
}

// quoteSetting quotes a value by the rules of guc-file.l: quotes doubled,
// backslashes escaped.
func quoteSetting(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`).Replace(value) + "'"
}
