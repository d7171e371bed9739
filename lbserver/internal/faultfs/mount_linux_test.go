package faultfs_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/faultfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcomes cuts the power after some work, with each of many seeds, and counts what is on the disk then: the content of
// each file by its name, in one line.
func outcomes(t *testing.T, work func(t *testing.T, disk *faultfs.Disk, directory string)) map[string]int {
	t.Helper()
	found := map[string]int{}
	for seed := range uint64(40) {
		disk := faultfs.New(seed)
		mount := disk.Mount(t)
		work(t, disk, mount.Directory)
		disk.Cut()
		if _, err := os.ReadDir(mount.Directory); !errors.Is(err, syscall.EIO) {
			t.Errorf("without power: %v", err)
		}
		mount.Unmount()
		found[list(t, disk)]++
	}
	return found
}

// list describes what a disk has.
func list(t *testing.T, disk *faultfs.Disk) string {
	t.Helper()
	copied := t.TempDir()
	if err := disk.CopyTo(copied); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := filepath.WalkDir(copied, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		text.WriteString(strings.TrimPrefix(path, copied+"/") + "=")
		for i := 0; i < len(content); i += 512 { // each sector is filled with one letter
			text.WriteString(strings.ReplaceAll(string(content[i]), "\x00", "0"))
		}
		text.WriteString(" ")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func sectors(letters string) []byte {
	var content []byte
	for _, letter := range letters {
		content = append(content, []byte(strings.Repeat(string(letter), 512))...)
	}
	return content
}

// put writes a file at some place, and syncs it if it should.
func put(t *testing.T, path string, at int64, content []byte, sync bool) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(content, at)
	if sync && err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

func syncDirectory(t *testing.T, path string) {
	t.Helper()
	directory, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(directory.Sync(), directory.Close()); err != nil {
		t.Fatal(err)
	}
}

func expectOnly(t *testing.T, found map[string]int, want ...string) {
	t.Helper()
	rest := maps.Clone(found)
	for _, outcome := range want {
		if found[outcome] == 0 {
			t.Errorf("never %q", outcome)
		}
		delete(rest, outcome)
	}
	if len(rest) > 0 {
		t.Errorf("also %v", rest)
	}
}

func TestWhatWasSyncedSurvives(t *testing.T) {
	t.Parallel()
	expectOnly(t, outcomes(t, func(t *testing.T, _ *faultfs.Disk, directory string) {
		put(t, directory+"/a", 0, sectors("abc"), true)
		syncDirectory(t, directory)
	}), "a=abc ")
}

func TestNamesOfAnUnsyncedDirectoryMayBeLost(t *testing.T) {
	t.Parallel()
	expectOnly(t, outcomes(t, func(t *testing.T, _ *faultfs.Disk, directory string) {
		put(t, directory+"/a", 0, sectors("abc"), true)
	}), "", "a=abc ")
}

func TestADirectoryThatIsLostTakesItsFilesAlong(t *testing.T) {
	t.Parallel()
	expectOnly(t, outcomes(t, func(t *testing.T, _ *faultfs.Disk, directory string) {
		if err := os.Mkdir(directory+"/d", 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, directory+"/d/a", 0, sectors("abc"), true)
		syncDirectory(t, directory+"/d")
	}), "", "d/a=abc ")
}

func TestARenameIsDoneAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	expectOnly(t, outcomes(t, func(t *testing.T, _ *faultfs.Disk, directory string) {
		put(t, directory+"/a", 0, sectors("a"), true)
		put(t, directory+"/b", 0, sectors("b"), true)
		syncDirectory(t, directory)
		if err := os.Rename(directory+"/b", directory+"/a"); err != nil {
			t.Fatal(err)
		}
	}), "a=a b=b ", "a=b ")
}

func TestALinkIsASecondNameOfTheFile(t *testing.T) {
	t.Parallel()
	expectOnly(t, outcomes(t, func(t *testing.T, _ *faultfs.Disk, directory string) {
		put(t, directory+"/a", 0, sectors("a"), true)
		if err := errors.Join(os.Link(directory+"/a", directory+"/b"), os.Remove(directory+"/a")); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(directory+"/b", directory+"/b"); !errors.Is(err, os.ErrExist) {
			t.Errorf("a link to a name that is taken: %v", err)
		}
		syncDirectory(t, directory)
		put(t, directory+"/b", 0, sectors("b"), true)
	}), "b=b ")
}

func TestUnsyncedWritesAreLostTornAndReordered(t *testing.T) {
	t.Parallel()
	found := outcomes(t, func(t *testing.T, _ *faultfs.Disk, directory string) {
		put(t, directory+"/a", 0, sectors("--------........"), true)
		syncDirectory(t, directory)
		put(t, directory+"/a", 0, sectors("11111111"), false)
		put(t, directory+"/a", 4096, sectors("22222222"), false)
		put(t, directory+"/a", 8192, sectors("333"), false)
	})
	kinds := map[string]int{}
	for outcome, times := range found {
		first, second := strings.Count(outcome, "1"), strings.Count(outcome, "2")
		switch {
		case first == 8 && second == 8:
			kinds["kept"] += times
		case first == 0 && second == 0:
			kinds["lost"] += times
		case first == 0 && second == 8:
			kinds["reordered"] += times
		case first == 8 && second == 0:
			kinds["in order"] += times
		default:
			kinds["torn"] += times
		}
		switch {
		case strings.HasSuffix(outcome, "000 "):
			kinds["size without data"] += times
		case len(outcome) == len("a= ")+16:
			kinds["old size"] += times
		}
	}
	for _, kind := range []string{"kept", "lost", "reordered", "in order", "torn", "size without data", "old size"} {
		if kinds[kind] == 0 {
			t.Errorf("nothing was ever %s: %v", kind, found)
		}
	}
}

func TestWhatAFailedSyncLeftIsNotWrittenByTheNext(t *testing.T) {
	t.Parallel()
	for _, evict := range []bool{false, true} {
		shown := map[string]int{}
		found := outcomes(t, func(t *testing.T, disk *faultfs.Disk, directory string) {
			put(t, directory+"/a", 0, sectors("--------"), true)
			syncDirectory(t, directory)
			disk.Fail(faultfs.Fault{Sync: syscall.EIO, Times: 1, Evict: evict})
			file, err := os.OpenFile(directory+"/a", os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteAt(sectors("1"), 0); err != nil {
				t.Fatal(err)
			}
			if err := file.Sync(); !errors.Is(err, syscall.EIO) {
				t.Fatalf("the sync ended with %v", err)
			}
			if _, err := file.WriteAt(sectors("2"), 512); err != nil {
				t.Fatal(err)
			}
			if err := file.Sync(); err != nil {
				t.Fatal(err)
			}
			first := make([]byte, 1)
			if _, err := file.ReadAt(first, 0); err != nil {
				t.Fatal(err)
			}
			shown[string(first)]++
		})
		expectOnly(t, found, "a=-2------ ", "a=12------ ")
		if evict != (shown["-"] == found["a=-2------ "]) || shown["1"] == 0 {
			t.Errorf("evicted %v: the page cache showed %v, the disk has %v", evict, shown, found)
		}
	}
}

func TestAFullDiskRefusesWrites(t *testing.T) {
	t.Parallel()
	disk := faultfs.New(1)
	mount := disk.Mount(t)
	put(t, mount.Directory+"/a", 0, sectors("a"), true)
	syncDirectory(t, mount.Directory)
	disk.Fail(faultfs.Fault{Write: syscall.ENOSPC})
	file, err := os.OpenFile(mount.Directory+"/a", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(sectors("b"), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a write: %v", err)
	}
	if err := os.Mkdir(mount.Directory+"/d", 0o700); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a new directory: %v", err)
	}
	disk.Fail(faultfs.Fault{})
	if _, err := file.WriteAt(sectors("c"), 512); err != nil {
		t.Error(err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		t.Error(err)
	}
	mount.Unmount()
	if got := list(t, disk); got != "a=ac " {
		t.Errorf("the disk has %q", got)
	}
}
