package slot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Follower is who follows a slot, as far as this role may see it.
type Follower struct {
	PID     int // of its walsender
	User    string
	Program string // application_name
	Address string // empty = a socket of the server's machine
}

// String describes it for people.
func (f Follower) String() string {
	var parts []string
	if f.Program != "" {
		parts = append(parts, fmt.Sprintf("program %q", f.Program))
	}
	if f.User != "" {
		parts = append(parts, fmt.Sprintf("role %q", f.User))
	}
	if f.Address != "" {
		parts = append(parts, "from "+f.Address)
	}
	text := fmt.Sprintf("process %d of the database", f.PID)
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}

// FindFollower asks who a walsender serves. One that is gone, or that this role
// may not see, has its pid only.
func FindFollower(ctx context.Context, conn *pgx.Conn, pid int) (Follower, error) {
	f := Follower{PID: pid}
	const query = `SELECT coalesce(usename, ''), coalesce(application_name, ''), coalesce(host(client_addr), '') FROM pg_catalog.pg_stat_activity WHERE pid = $1`
	err := conn.QueryRow(ctx, query, pid).Scan(&f.User, &f.Program, &f.Address)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return f, fmt.Errorf("ask who follows the slot: %w", err)
	}
	return f, nil
}
