package provider_test

import (
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// pluginStarted finds the process of the provider in Terraform's log.
var pluginStarted = regexp.MustCompile(`plugin started: path=\S*terraform-provider-alb\S* pid=(\d+)`)

// showNoSecret applies, fails and crashes, all with the most talkative logs, and looks for the secret key and for signatures
// in all that Terraform, the provider and lbserver print or leave behind.
func showNoSecret(t *testing.T) {
	t.Helper()
	const secret = "hidden-from-everybody-0123456789"
	var serverLog acctest.Transcript
	lb := acctest.Start(t, func(config *lbserver.Config) {
		config.AccessKey, config.SecretKey = "AKHIDDEN", secret
		config.Log = slog.New(slog.NewTextHandler(&serverLog, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	spoiled, proxy := lb.Behind()
	configuration := strings.Replace(fleet(spoiled, 3, 1), strconv.Quote(secret), "var.secret_key", 1) +
		"variable \"secret_key\" {\n  type      = string\n  sensitive = true\n}\n"
	w := acctest.NewWorkspace(t, configuration, "TF_VAR_secret_key="+secret, "TF_LOG=TRACE", "GOTRACEBACK=all").
		WithBuiltProvider(t)

	printed := map[string]string{"apply": w.Run(t, "apply", "-auto-approve")}
	if log := printed["apply"]; !strings.Contains(log, "Called the control API") || !strings.Contains(log, `operation="create server group \"g-1\""`) {
		t.Errorf("the log does not show the calls:\n%s", log)
	}

	proxy.On("^PATCH ", 1000, acctest.Refuse(lbapi.Internal, 0))
	failing := w.Start(t, "apply", "-auto-approve", "-replace=alb_backend_service.each[0]")
	if err := failing.Wait(); err == nil || !strings.Contains(failing.Output(), "Error: ") {
		t.Fatalf("the apply that should fail ended with %v:\n%s", err, failing.Output())
	}
	printed["failing apply"] = failing.Output()
	proxy.Clear()

	held, release := make(chan struct{}), make(chan struct{})
	proxy.On("^GET .*/targetGroups/tg-", 1, acctest.Hold(held, release, acctest.Deliver))
	crashing := w.Start(t, "plan")
	receive(t, held, crashing)
	started := pluginStarted.FindAllStringSubmatch(crashing.Output(), -1)
	if len(started) == 0 {
		t.Fatalf("the log does not name the provider's process:\n%s", crashing.Output())
	}
	process, err := strconv.Atoi(started[len(started)-1][1])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(process, syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if err := crashing.Wait(); err == nil {
		t.Errorf("the plan survived a crash:\n%s", crashing.Output())
	}
	close(release)
	printed["crash"] = crashing.Output()
	if !strings.Contains(printed["crash"], "SIGABRT") || !strings.Contains(printed["crash"], "goroutine ") {
		t.Errorf("this is not the output of a crash:\n%s", printed["crash"])
	}

	printed["lbserver's log"] = serverLog.String()
	maps.Copy(printed, left(t, w.Dir))
	if _, ok := printed["terraform.tfstate"]; !ok {
		t.Error("there is no state")
	}
	for name, text := range printed {
		for _, hidden := range []string{secret, "Signature=", "JDCLOUD2-HMAC"} {
			if i := strings.Index(text, hidden); i >= 0 {
				t.Errorf("%s holds %q: …%s…", name, hidden, text[max(0, i-200):min(len(text), i+200)])
			}
		}
	}
}

// left are the files in a folder, by name.
func left(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
