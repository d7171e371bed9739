package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/durable"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/faultfs"
)

func TestDirectoriesAndFilesSurviveAPowerCut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		disk := faultfs.New(seed)
		mount := disk.Mount(t)
		directory := filepath.Join(mount.Directory, "a", "b")
		if seed%2 == 0 { // by a process that was killed before it made the name durable
			if err := os.Mkdir(filepath.Dir(directory), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := durable.MakeDirectory(directory); err != nil {
			t.Fatal(err)
		}
		if err := durable.WriteFile(filepath.Join(directory, "file"), []byte("content")); err != nil {
			t.Fatal(err)
		}
		disk.Cut()
		mount.Unmount()
		copied := t.TempDir()
		if err := disk.CopyTo(copied); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(copied, "a", "b", "file")); string(got) != "content" {
			t.Errorf("seed %d: %q, %v", seed, got, err)
		}
	}
}
