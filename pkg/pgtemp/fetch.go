package pgtemp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	downloadTimeout = 10 * time.Minute
	lockPoll        = 100 * time.Millisecond
	temporaryPrefix = ".partial-"
)

// release is the zonky build that is downloaded for a major version.
// https://github.com/zonkyio/embedded-postgres-binaries
func release(major int) (string, bool) {
	version, ok := map[int]string{
		14: "14.23.0",
		15: "15.19.0",
		16: "16.15.0",
		17: "17.11.0",
		18: "18.6.0",
	}[major]
	return version, ok
}

// platform is the operating system and processor in zonky's spelling.
func platform(goos, goarch string, musl bool) string {
	arch := goarch
	switch {
	case goarch == "arm64" && goos == "windows":
		arch = "amd64" // runs under emulation; there is no build of its own
	case goarch == "arm64":
		arch = "arm64v8"
	}
	name := goos + "-" + arch
	if musl {
		name += "-alpine"
	}
	return name
}

// usesMusl says whether the system's C library is musl, which zonky builds apart.
func usesMusl() bool {
	loaders, err := filepath.Glob("/lib/ld-musl-*")
	if err != nil || len(loaders) == 0 {
		return false
	}
	_, err = os.Stat("/etc/alpine-release")
	return err == nil
}

// download returns the binaries of a major from the cache folder, fetching them
// first when they aren't there. Processes that do so at the same time wait for
// the first one; what lies in the cache folder under its final name is complete.
//
// github.com/fergusstrange/embedded-postgres, which uses the same archives,
// can't fetch without starting a server, refuses root and takes no context.
func download(ctx context.Context, cfg Config, who *account, major int) (installation, error) {
	unavailable := func(cause error) (installation, error) {
		if ctx.Err() != nil {
			return installation{}, fmt.Errorf("get PostgreSQL %d: %w", major, context.Cause(ctx))
		}
		return installation{}, &UnavailableError{Cause: cause, Run: installCommand(cfg.Major)}
	}
	version, ok := release(major)
	if !ok {
		return unavailable(fmt.Errorf("PostgreSQL %d is neither installed nor among the versions for download (14 to 18)", major))
	}
	cache, err := cacheDir(cfg)
	if err != nil {
		return installation{}, err
	}
	name := version + "-" + platform(runtime.GOOS, runtime.GOARCH, usesMusl())
	bin := filepath.Join(cache, name, "bin")
	cached := func() (installation, error) {
		found, err := inspect(ctx, bin)
		found.cache = cache
		return found, err
	}
	if found, err := cached(); err == nil { // also in a cache that is another user's
		return found, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return unavailable(fmt.Errorf("PostgreSQL isn't installed, and its download has no place: %w", err))
	}
	if err := who.reach(cache); err != nil {
		return installation{}, err
	}
	lock := flock.New(filepath.Join(cache, name+".lock"))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return unavailable(fmt.Errorf("wait for another download into %s: %w", cache, err))
	}
	defer func() { _ = lock.Unlock() }()

	if found, err := cached(); err == nil {
		return found, nil
	}
	if err := fetchInto(ctx, cfg, cache, name, version); err != nil {
		return unavailable(fmt.Errorf("PostgreSQL isn't installed, and its download failed: %w", err))
	}
	found, err := cached()
	if err != nil {
		return unavailable(fmt.Errorf("the downloaded PostgreSQL doesn't run here: %w", err))
	}
	return found, nil
}

// cacheDir returns the cache folder, which need not exist yet.
func cacheDir(cfg Config) (string, error) {
	dir := cfg.CacheDir
	if dir == "" {
		var err error
		if dir, err = DefaultCacheDir(); err != nil {
			return "", err
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	return dir, nil
}

// fetchInto brings cache/name into being. The caller holds the lock of name.
func fetchInto(ctx context.Context, cfg Config, cache, name, version string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, downloadTimeout,
		fmt.Errorf("not done after %s", downloadTimeout))
	defer cancel()
	partial := filepath.Join(cache, temporaryPrefix+name)
	if err := os.RemoveAll(partial); err != nil { // of a process that was killed
		return fmt.Errorf("remove an unfinished download: %w", err)
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return fmt.Errorf("make a folder for the download: %w", err)
	}
	defer func() { _ = os.RemoveAll(partial) }()

	repository := cfg.Repository
	if repository == "" {
		repository = defaultRepository
	}
	artifact := "embedded-postgres-binaries-" + strings.TrimPrefix(name, version+"-")
	source := fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%s.jar",
		strings.TrimSuffix(repository, "/"), artifact, version, artifact, version)
	jar := filepath.Join(partial, "binaries.jar")
	shown := strings.TrimSuffix(version, ".0") // zonky's third number is its own
	cfg.log("downloading PostgreSQL %s (15 MB) from %s into %s", shown, host(repository), cache)
	if err := fetchFile(ctx, source, jar); err != nil {
		return err
	}
	cfg.log("unpacking PostgreSQL %s", shown)
	tree := filepath.Join(partial, "tree")
	if err := unpackJar(ctx, jar, tree); err != nil {
		return err
	}
	final := filepath.Join(cache, name)
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("remove a broken download: %w", err)
	}
	if err := os.Rename(tree, final); err != nil {
		return fmt.Errorf("put the download in place: %w", err)
	}
	return nil
}

// fetchFile downloads a file of a Maven repository and compares it with the
// checksum that lies beside it.
func fetchFile(ctx context.Context, source, target string) error {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport = transport.Clone()
	transport.ResponseHeaderTimeout = time.Minute
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	var want strings.Builder
	if err := get(ctx, client, source+".sha256", &want); err != nil {
		return err
	}
	f, err := os.Create(target)
	if err != nil {
		return fmt.Errorf("keep the download: %w", err)
	}
	sum := sha256.New()
	err = get(ctx, client, source, io.MultiWriter(f, sum))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, firstField(want.String())) {
		return fmt.Errorf("download %s: its SHA-256 is %s, and should be %s", source, got, firstField(want.String()))
	}
	return nil
}

func get(ctx context.Context, client *http.Client, source string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return fmt.Errorf("download %s: %w", source, err)
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("download: %w", err) // names the URL itself
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("download %s: %s", source, res.Status)
	}
	if _, err := io.Copy(to, res.Body); err != nil {
		return fmt.Errorf("download %s: %w", source, err)
	}
	return nil
}

func firstField(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

func host(repository string) string {
	if u, err := url.Parse(repository); err == nil && u.Host != "" {
		return u.Host
	}
	return repository
}
