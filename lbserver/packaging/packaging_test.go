// Package packaging_test checks the files that lbserver is packaged with (systemd unit, environment file, container
// file) against lbserver itself.
package packaging_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEverySettingOfThePackagesIsOneOfLbserver(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "lbserver")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/lbserver").CombinedOutput(); err != nil {
		t.Fatalf("build lbserver: %v\n%s", err, output)
	}
	help, err := exec.CommandContext(t.Context(), binary, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`LBSERVER_[A-Z_]+`)
	known := map[string]bool{}
	for _, name := range variable.FindAllString(string(help), -1) {
		known[name] = true
	}
	for _, file := range []string{"lbserver.service", "lbserver.env", "Containerfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used := variable.FindAllString(string(text), -1)
		if len(used) == 0 {
			t.Errorf("%s sets nothing", file)
		}
		for _, name := range used {
			if !known[name] {
				t.Errorf("%s has %s, which lbserver does not know", file, name)
			}
		}
	}
}

// systemd reads a value literally: a comment after it would become part of it.
func TestEveryLineOfTheEnvironmentFileIsASettingOrAComment(t *testing.T) {
	t.Parallel()
	file, err := os.Open("lbserver.env")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	line := regexp.MustCompile(`^(#.*|LBSERVER_[A-Z_]+=[^\s#]*)?$`)
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if !line.MatchString(strings.TrimRight(scanner.Text(), "\n")) {
			t.Errorf("%q", scanner.Text())
		}
	}
}

// The files that the container's build copies are enough to build with.
func TestTheContainerFileCopiesWhatItsBuildNeeds(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	source := t.TempDir()
	for _, line := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(string(text), -1) {
		for name := range strings.FieldsSeq(line[1]) {
			copied := exec.CommandContext(t.Context(), "cp", "-r", filepath.Join("..", "..", name), source)
			if output, err := copied.CombinedOutput(); err != nil {
				t.Errorf("it copies %s: %v\n%s", name, err, output)
			}
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(t.TempDir(), "lbserver"), "./lbserver/cmd/lbserver")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Errorf("build lbserver from what the container file copies: %v\n%s", err, output)
	}
}
