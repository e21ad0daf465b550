package pgtemp

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const fakeMajor = 16 // what the programs in testdata/good.txz say they are

// repository is a Maven repository with one artifact for any platform.
type repository struct {
	jar       []byte
	checksum  string
	noSum     bool
	downloads atomic.Int32
}

func newRepository(t *testing.T, archive string) *repository {
	t.Helper()
	txz, err := os.ReadFile(filepath.Join("testdata", archive+".txz"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string][]byte{"META-INF/MANIFEST.MF": []byte("Manifest-Version: 1.0\n"), "postgres.txz": txz} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return &repository{jar: b.Bytes(), checksum: hex.EncodeToString(sum[:])}
}

func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case strings.HasSuffix(req.URL.Path, ".jar"):
		r.downloads.Add(1)
		_, _ = w.Write(r.jar)
	case strings.HasSuffix(req.URL.Path, ".jar.sha256") && !r.noSum:
		_, _ = w.Write([]byte(r.checksum + "\n"))
	default:
		http.NotFound(w, req)
	}
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// entries are the names in a folder, but for locks.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), ".lock") {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestDownloadHappensOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Log("the archive's programs are shell scripts: only its download is looked at")
	}
	repo := newRepository(t, "good")
	cfg := Config{CacheDir: t.TempDir(), Repository: serve(t, repo)}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := download(t.Context(), cfg, nil, fakeMajor)
			if runtime.GOOS == "windows" {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if got.version != "16.15" || got.major != fakeMajor {
				t.Errorf("got %+v", got)
			}
			link, err := os.ReadFile(filepath.Join(got.bin, "..", "lib", "libpq.so.5"))
			if err != nil || string(link) != "lib\n" {
				t.Errorf("the symbolic link in the archive: %q, %v", link, err)
			}
		})
	}
	wg.Wait()
	if n := repo.downloads.Load(); n != 1 && runtime.GOOS != "windows" {
		t.Errorf("%d downloads, want 1", n)
	}
	if names := entries(t, cfg.CacheDir); len(names) != 1 {
		t.Errorf("the cache folder holds %v", names)
	}
}

func TestFailedDownloadLeavesNothing(t *testing.T) {
	t.Parallel()
	wrong := newRepository(t, "good")
	wrong.checksum = strings.Repeat("0", 64)
	without := newRepository(t, "good")
	without.noSum = true
	broken := newRepository(t, "good")
	broken.jar = broken.jar[:len(broken.jar)/2]
	sum := sha256.Sum256(broken.jar)
	broken.checksum = hex.EncodeToString(sum[:])
	for name, c := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"checksum":    {wrong, "SHA-256"},
		"no checksum": {without, "404"},
		"no zip":      {broken, "open the download"},
		"not there":   {http.NotFoundHandler(), "404"},
		"dotdot":      {newRepository(t, "dotdot"), "leads out"},
		"absolute":    {newRepository(t, "absolute"), "leads out"},
		"link":        {newRepository(t, "link"), "unpack"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			cfg := Config{CacheDir: filepath.Join(base, "cache"), Repository: serve(t, c.handler)}
			_, err := download(t.Context(), cfg, nil, fakeMajor)
			var unavailable *UnavailableError
			if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want an UnavailableError with %q", err, c.want)
			}
			if names := entries(t, cfg.CacheDir); len(names) != 0 {
				t.Errorf("the cache folder holds %v", names)
			}
			if names := entries(t, base); len(names) != 1 {
				t.Errorf("something got out of the cache folder: %v", names)
			}
		})
	}
}

func TestUnfinishedDownloadIsDoneAgain(t *testing.T) {
	t.Parallel()
	cfg := Config{CacheDir: t.TempDir(), Repository: serve(t, newRepository(t, "good"))}
	name := "16.15.0-" + platform(runtime.GOOS, runtime.GOARCH, usesMusl())
	for _, dir := range []string{temporaryPrefix + name, filepath.Join(name, "bin")} {
		if err := os.MkdirAll(filepath.Join(cfg.CacheDir, dir, "left"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := download(t.Context(), cfg, nil, fakeMajor); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.CacheDir, name, "bin", "left")); err == nil {
		t.Error("the broken download is still there")
	}
}

func TestRealDownload(t *testing.T) {
	t.Parallel()
	if os.Getenv("FAULTWIRE_TEST_DOWNLOAD") != "1" {
		//nolint:forbidigo // a download is absent unless asked for
		t.Skip("loads 15 MB from Maven Central: set FAULTWIRE_TEST_DOWNLOAD=1")
	}
	dir := openDir(t)
	began := time.Now()
	cfg := Config{CacheDir: dir, Log: func(line string) { t.Log(line) }}
	who, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	got, err := download(t.Context(), cfg, who, DownloadMajor)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PostgreSQL %s after %s", got.version, time.Since(began))
	s := &Server{cfg: cfg, install: got, who: who, password: "secret"}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	execute(t, s, "SELECT pg_create_logical_replication_slot('x', 'pgoutput')")
	if got := execute(t, s, "SELECT current_setting('server_version')"); got != s.Version() {
		t.Errorf("the server is %v, want %s", got, s.Version())
	}
}
