package dayfile_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
)

var ten = time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*3600))

func open(t *testing.T, dir string) *dayfile.Folder {
	t.Helper()
	folder, err := dayfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func claim(t *testing.T, folder *dayfile.Folder, report string, at time.Time) *dayfile.Set {
	t.Helper()
	set, err := folder.Claim(report, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set
}

func content(report string, part dayfile.Part) string { return report + " " + string(part) + "\n" }

func write(set *dayfile.Set, report string, part dayfile.Part) error {
	file, err := set.Create(part)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write([]byte(content(report, part))); err != nil {
		return err
	}
	return file.Commit()
}

// writeReport does what the report writer does: what is missing, query_params last.
func writeReport(folder *dayfile.Folder, report string, at time.Time) error {
	set, err := folder.Claim(report, at)
	if err != nil {
		return err
	}
	for _, part := range dayfile.Parts() {
		if set.Complete() || set.Has(part) {
			continue
		}
		if err := write(set, report, part); err != nil {
			return errors.Join(err, set.Close())
		}
	}
	return set.Close()
}

// tree lists all files below dir with their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func completeSet(report, day, stamp string) map[string]string {
	return map[string]string{
		day + "/." + stamp + ".claim":                   report + "\n",
		day + "/error_logs_full_" + stamp + ".json":     content(report, dayfile.Full),
		day + "/error_logs_analysis_" + stamp + ".json": content(report, dayfile.Analysis),
		day + "/llm_analysis_" + stamp + ".txt":         content(report, dayfile.Text),
		day + "/query_params_" + stamp + ".json":        content(report, dayfile.Params),
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "output")
	folder := open(t, dir)
	if err := writeReport(folder, "live.e1.1", ten); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(completeSet("live.e1.1", "2026-11-23", "100000"), tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	set := claim(t, folder, "live.e1.1", ten)
	if !set.Complete() || set.Dir() != filepath.Join(dir, "2026-11-23") || set.Stamp() != "100000" {
		t.Errorf("set of a report that was written: complete %v, %s, %s", set.Complete(), set.Dir(), set.Stamp())
	}
	if _, err := set.Create(dayfile.Full); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error of writing a part anew = %v", err)
	}
}

func TestNothingIsThereBeforeCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	set := claim(t, open(t, dir), "a", ten)
	file, err := set.Create(dayfile.Full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(strings.Repeat("x", 1<<20))); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(set.Dir(), set.Name(dayfile.Full))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unfinished file has its name: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	for name := range tree(t, dir) {
		if strings.Contains(name, ".tmp") {
			t.Errorf("%s is left", name)
		}
	}
	if set.Has(dayfile.Full) {
		t.Error("the set has what was aborted")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	last := time.Date(2026, 11, 23, 23, 59, 58, 0, time.UTC)
	for name, test := range map[string]struct {
		there []string // files in the day's folder before
		at    time.Time
		want  []string // seconds of reports that follow each other
	}{
		"one second, three reports":      {nil, ten, []string{"100000", "100001", "100002"}},
		"a file of another tool":         {[]string{"error_logs_full_100000.json"}, ten, []string{"100001"}},
		"any file of its set":            {[]string{"llm_analysis_100000.txt", "query_params_100001.json"}, ten, []string{"100002"}},
		"the helper table's file":        {[]string{"errorlogs_full_100000.json"}, ten, []string{"100001"}},
		"other files don't matter":       {[]string{"notes_100000.md", "100000.json", "error_logs_full_0100000"}, ten, []string{"100000"}},
		"a claim without a set":          {[]string{".100000.claim"}, ten, []string{"100001"}},
		"the day's end":                  {nil, last, []string{"235958", "235959", "235957", "235956"}},
		"the day's end, taken before it": {[]string{"query_params_235957.json"}, last, []string{"235958", "235959", "235956"}},
		"another zone":                   {nil, ten.UTC(), []string{"020000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			day := filepath.Join(dir, "2026-11-23")
			if err := os.Mkdir(day, 0o750); err != nil {
				t.Fatal(err)
			}
			for _, name := range test.there {
				if err := os.WriteFile(filepath.Join(day, name), []byte("theirs"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			folder := open(t, dir)
			var got []string
			for i := range test.want {
				report := string(rune('a' + i))
				if err := writeReport(folder, report, test.at); err != nil {
					t.Fatal(err)
				}
				got = append(got, claim(t, folder, report, test.at).Stamp())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("seconds (-want +got):\n%s", diff)
			}
			for _, name := range test.there {
				if data, err := os.ReadFile(filepath.Join(day, name)); err != nil || string(data) != "theirs" {
					t.Errorf("%s was touched: %q, %v", name, data, err)
				}
			}
		})
	}
}

func TestDayFull(t *testing.T) {
	t.Parallel()
	midnight, taken := ten.Add(-10*time.Hour), map[string]bool{}
	for second := range 24 * 60 * 60 {
		taken[midnight.Add(time.Duration(second)*time.Second).Format("150405")] = true
	}
	if _, err := dayfile.FreeSecond(taken, ten); !errors.Is(err, dayfile.ErrDayFull) {
		t.Errorf("error = %v, want ErrDayFull", err)
	}
	for _, free := range []string{"000000", "095959", "100000", "235959"} {
		delete(taken, free)
		if got, err := dayfile.FreeSecond(taken, ten); err != nil || got != free {
			t.Errorf("the only free second %s: got %s, %v", free, got, err)
		}
		taken[free] = true
	}
}

func TestOneWriterASet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	set := claim(t, open(t, dir), "a", ten)
	other := open(t, dir)
	if _, err := other.Claim("a", ten); !errors.Is(err, dayfile.ErrBusy) {
		t.Errorf("error of a second writer = %v, want ErrBusy", err)
	}
	if got := claim(t, other, "b", ten).Stamp(); got != "100001" {
		t.Errorf("another report got %s", got)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(other, "a", ten); err != nil {
		t.Errorf("after the first writer closed: %v", err)
	}
}

// TestClaimsAtOnce: processes that claim the same second at once get different
// ones, those that claim for the same report the same.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const writers, reports = 24, 6
	errs := make(chan error, writers)
	for i := range writers {
		folder, report := open(t, dir), string(rune('a'+i%reports))
		go func() {
			err := writeReport(folder, report, ten)
			for errors.Is(err, dayfile.ErrBusy) || errors.Is(err, fs.ErrNotExist) {
				err = writeReport(folder, report, ten)
			}
			errs <- err
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	want := map[string]string{}
	for second := range reports {
		stamp := ten.Add(time.Duration(second) * time.Second).Format("150405")
		holder, err := os.ReadFile(filepath.Join(dir, "2026-11-23", "."+stamp+".claim"))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(want, completeSet(strings.TrimSpace(string(holder)), "2026-11-23", stamp))
	}
	got := tree(t, dir)
	for name := range got {
		if strings.HasSuffix(name, ".lock") { // of one who came last and found the set complete
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestForeignFileAfterClaim: the old tool writes at our second while we work.
func TestForeignFileAfterClaim(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := open(t, dir)
	set := claim(t, folder, "a", ten)
	if err := write(set, "a", dayfile.Full); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(set.Dir(), set.Name(dayfile.Analysis))
	if err := os.WriteFile(foreign, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write(set, "a", dayfile.Analysis); !errors.Is(err, dayfile.ErrTaken) {
		t.Fatalf("error = %v, want ErrTaken", err)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(folder, "a", ten); err != nil {
		t.Fatal(err)
	}
	want := completeSet("a", "2026-11-23", "100001")
	want["2026-11-23/"+filepath.Base(foreign)] = "theirs"
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestKilledAnywhere copies the folder before every single change of the disk, as
// a process killed there would leave it, and writes the report again on the copy.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	work, snapshots := t.TempDir(), t.TempDir()
	folder := open(t, work)
	var steps []string
	folder.OnStep(func(step string) error {
		steps = append(steps, step)
		return os.CopyFS(filepath.Join(snapshots, stepDir(len(steps))), os.DirFS(work))
	})
	if err := writeReport(folder, "a", ten); err != nil {
		t.Fatal(err)
	}
	if len(steps) < 15 {
		t.Fatalf("only %d steps: %q", len(steps), steps)
	}
	for i, step := range steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(snapshots, stepDir(i+1))
			folder := open(t, dir)
			if err := writeReport(folder, "a", ten); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(completeSet("a", "2026-11-23", "100000"), tree(t, dir)); diff != "" {
				t.Errorf("killed before %q, written again (-want +got):\n%s", step, diff)
			}
		})
	}
}

func stepDir(n int) string { return "step" + string(rune('A'+n)) }

// TestFailsAnywhere lets every single step fail: the error comes back, nothing
// temporary is left, a second try completes the set.
func TestFailsAnywhere(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("disk failure")
	for fail := 1; ; fail++ {
		dir := t.TempDir()
		folder, step := open(t, dir), 0
		folder.OnStep(func(string) error {
			if step++; step == fail {
				return errDisk
			}
			return nil
		})
		err := writeReport(folder, "a", ten)
		if step < fail {
			if err != nil || fail < 15 {
				t.Fatalf("after %d steps: %v", step, err)
			}
			return
		}
		if !errors.Is(err, errDisk) {
			t.Fatalf("step %d failed, error = %v", fail, err)
		}
		for name := range tree(t, dir) {
			if strings.HasSuffix(name, ".tmp") {
				t.Errorf("step %d failed and left %s", fail, name)
			}
		}
		if err := writeReport(folder, "a", ten); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(completeSet("a", "2026-11-23", "100000"), tree(t, dir)); diff != "" {
			t.Errorf("step %d failed, written again (-want +got):\n%s", fail, diff)
		}
	}
}

func TestPublishReserved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := open(t, dir)
	temp, final := filepath.Join(dir, "temp"), filepath.Join(dir, "final")
	for _, name := range []string{temp, temp + "2"} {
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := folder.PublishReserved(temp, final); err != nil {
		t.Fatal(err)
	}
	if err := folder.PublishReserved(temp+"2", final); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error of a name that is taken = %v", err)
	}
	if diff := cmp.Diff(map[string]string{"final": temp, "temp2": temp + "2"}, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestReservedNameIsNotAFile: a crash between the two steps of publishReserved.
func TestReservedNameIsNotAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := open(t, dir)
	if err := claim(t, folder, "a", ten).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2026-11-23", "query_params_100000.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(folder, "a", ten); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(completeSet("a", "2026-11-23", "100000"), tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestCheckNamesTheRemedy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dayfile.Check(""); !errors.Is(err, dayfile.ErrNoFolder) {
		t.Errorf("no folder: %v", err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		err := dayfile.Check(path)
		if err == nil {
			t.Fatalf("%s: no error", path)
		}
		want := "output.dir: " + path + ": not a directory (" + file + " is a file). Move it away, or set output.dir (FAULTWIRE_OUTPUT_DIR)."
		if err.Error() != want {
			t.Errorf("error\n%v, want\n%s", err, want)
		}
	}
	if err := dayfile.Check(filepath.Join(dir, "a", "b")); err != nil {
		t.Error(err)
	}
	if left := slices.Sorted(maps.Keys(tree(t, dir))); !slices.Equal(left, []string{"file"}) {
		t.Errorf("the check left %q", left)
	}
}
