package acctest

import (
	"maps"

	tfjson "github.com/hashicorp/terraform-json"
)

// State is what Terraform knows after an apply. It is read when a method is called for the first time.
type State struct {
	runner *runner
	read   *tfjson.State
}

func (s *State) load() *tfjson.State {
	s.runner.t.Helper()
	if s.read == nil {
		var state tfjson.State
		state.UseJSONNumber(true)
		if err := s.runner.show(&state); err != nil {
			s.runner.t.Fatal(err)
		}
		s.read = &state
	}
	return s.read
}

// Resources returns the attributes of all resources and data sources by their address in the root module.
func (s *State) Resources() map[string]map[string]any {
	s.runner.t.Helper()
	all := map[string]map[string]any{}
	if values := s.load().Values; values != nil {
		for _, one := range values.RootModule.Resources {
			all[one.Address] = one.AttributeValues
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
	if values := s.load().Values; values != nil {
		if output, ok := values.Outputs[name]; ok {
			return output.Value
		}
	}
	s.runner.t.Fatalf("the state has no output %q", name)
	return nil
}
