package checkup

import (
	"fmt"
	"strings"
)

// wordSafe is what needs no quotes in a shell.
const wordSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:"

func shell(word string) string {
	if word != "" && strings.Trim(word, wordSafe) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// restarted is a setting that needs a restart, done on a server one has to oneself.
func (p platform) restarted(sql string) string {
	switch p.kind {
	case debian:
		return fmt.Sprintf("sudo -u postgres psql%s -c %s && sudo systemctl restart postgresql@%s", p.connect, shell(sql), p.unit)
	case docker:
		return fmt.Sprintf("docker exec %[1]s psql %[2]s -c %[3]s && docker restart %[1]s", shell(p.name), p.connect, shell(sql))
	case compose:
		return fmt.Sprintf("as a superuser: %s; then docker compose restart %s", sql, shell(p.name))
	}
	return fmt.Sprintf("as a superuser: %s; then restart PostgreSQL", sql)
}

// restart is for a setting that was made, and waits.
func (p platform) restart() string {
	switch p.kind {
	case debian:
		return "sudo systemctl restart postgresql@" + p.unit
	case docker:
		return "docker restart " + shell(p.name)
	case compose:
		return "docker compose restart " + shell(p.name)
	case rds, aurora, cloudSQL, azure, supabase, neon:
		return "restart the instance in its console"
	}
	return "restart PostgreSQL"
}

// logical turns on what streaming needs.
func (p platform) logical() string {
	switch p.kind {
	case rds:
		return "set rds.logical_replication = 1 in a parameter group of the instance's own, then reboot it"
	case aurora:
		return "set rds.logical_replication = 1 in the cluster's own parameter group, then reboot the writer"
	case cloudSQL:
		return "set the flag cloudsql.logical_decoding = on; Cloud SQL then restarts the instance"
	case azure:
		return "set the server parameter wal_level = logical, then restart the server"
	case supabase:
		return "Supabase has it on: is postgres.url this project's own database?"
	case neon:
		return "Neon console, Settings, Logical replication: Enable (it can't be undone, and restarts the computes)"
	}
	return p.restarted("ALTER SYSTEM SET wal_level = logical")
}

// replication lets a role replicate.
func (p platform) replication(role string) string {
	switch p.kind {
	case rds, aurora:
		return fmt.Sprintf("as the master user: GRANT rds_replication TO %s;", quote(role))
	case cloudSQL:
		return fmt.Sprintf("as a user with cloudsqlsuperuser: ALTER USER %s WITH REPLICATION;", quote(role))
	case azure:
		return fmt.Sprintf("as the server's administrator: ALTER ROLE %s REPLICATION;", quote(role))
	case supabase:
		return fmt.Sprintf("as postgres: ALTER ROLE %s REPLICATION; (before PostgreSQL 17 only the user postgres may replicate)", quote(role))
	case neon:
		return fmt.Sprintf("ALTER ROLE %s REPLICATION; or use a role made in Neon's console", quote(role))
	}
	return fmt.Sprintf("as a superuser: ALTER ROLE %s REPLICATION;", quote(role))
}

// more raises a setting that is changed like wal_level.
func (p platform) more(setting string, value int) string {
	switch p.kind {
	case rds, aurora, cloudSQL, azure, supabase, neon:
		return fmt.Sprintf("set %s = %d where the instance's parameters are set, then restart it", setting, value)
	}
	return p.restarted(fmt.Sprintf("ALTER SYSTEM SET %s = %d", setting, value))
}

// keep bounds what a slot may hold; it needs no restart.
func (p platform) keep() string {
	const setting, size = "max_slot_wal_keep_size", "10GB"
	switch p.kind {
	case rds, aurora, cloudSQL, supabase:
		return fmt.Sprintf("set %s = 10240 (MB) where the instance's parameters are set", setting)
	case azure:
		return "it can't be set on Azure: alert on faultwire_slot_retained_bytes, and run `faultwire teardown` when you stop using faultwire"
	case neon:
		return "Neon drops slots that are idle for about 40 h; run `faultwire teardown` when you stop using faultwire"
	case docker:
		return fmt.Sprintf("docker exec %s psql %s -c %s -c 'SELECT pg_reload_conf()'", shell(p.name), p.connect, shell("ALTER SYSTEM SET "+setting+" = '"+size+"'"))
	}
	return fmt.Sprintf("as a superuser: ALTER SYSTEM SET %s = '%s'; SELECT pg_reload_conf();", setting, size)
}
