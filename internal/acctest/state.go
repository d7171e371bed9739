package acctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// State is what Terraform knows after an apply. Its file is read when a method is called for the first time, which takes no
// other run of Terraform.
type State struct {
	runner *runner
	read   *stateFile
}

// stateFile is Terraform's file of a state, version 4.
type stateFile struct {
	Outputs map[string]struct {
		Value any `json:"value"`
	} `json:"outputs"`
	Resources []struct {
		Module    string `json:"module"`
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			Key        any            `json:"index_key"`
			Attributes map[string]any `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

func (s *State) load() *stateFile {
	s.runner.t.Helper()
	if s.read != nil {
		return s.read
	}
	text, err := os.ReadFile(filepath.Join(s.runner.folder.Dir, "terraform.tfstate"))
	if err != nil {
		s.runner.t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	s.read = &stateFile{}
	if err := decoder.Decode(s.read); err != nil {
		s.runner.t.Fatal(err)
	}
	return s.read
}

// Resources returns the attributes of all resources and data sources by their address in the root module.
func (s *State) Resources() map[string]map[string]any {
	s.runner.t.Helper()
	all := map[string]map[string]any{}
	for _, one := range s.load().Resources {
		if one.Module != "" {
			continue
		}
		address := one.Type + "." + one.Name
		if one.Mode == "data" {
			address = "data." + address
		}
		for _, instance := range one.Instances {
			switch key := instance.Key.(type) {
			case nil:
				all[address] = instance.Attributes
			case string:
				all[fmt.Sprintf("%s[%q]", address, key)] = instance.Attributes
			default:
				all[fmt.Sprintf("%s[%v]", address, key)] = instance.Attributes
			}
		}
	}
	return all
}

// Attributes returns the attributes of a resource; without it, the test fails.
func (s *State) Attributes(address string) map[string]any {
	s.runner.t.Helper()
	attributes, ok := s.Resources()[address]
	if !ok {
		s.runner.t.Fatalf("the state does not have %s", address)
	}
	return maps.Clone(attributes)
}

// ID returns the id of a resource; without it, the test fails.
func (s *State) ID(address string) string {
	s.runner.t.Helper()
	id, ok := s.Attributes(address)["id"].(string)
	if !ok {
		s.runner.t.Fatalf("%s has no id", address)
	}
	return id
}

// Output returns an output; without it, the test fails.
func (s *State) Output(name string) any {
	s.runner.t.Helper()
	output, ok := s.load().Outputs[name]
	if !ok {
		s.runner.t.Fatalf("the state has no output %q", name)
	}
	return output.Value
}
