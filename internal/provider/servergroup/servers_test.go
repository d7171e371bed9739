package servergroup

import "testing"

func TestServerDetailsLandOnTheServerByItsName(t *testing.T) {
	attribute := serverAttributes([]string{"a", "b"})
	for field, want := range map[string]string{
		"targetSpecs[1].ipAddress": `servers["b"].address`, "targetUpdateSpecs[0].weight": `servers["a"].weight`,
		"targetSpecs[0]": `servers["a"]`, "targetSpecs[0].nothing": `servers["a"]`, "targetSpecs[2].port": "", "targetIds[0]": "",
	} {
		at, ok := attribute(field)
		if ok != (want != "") || ok && at.String() != want {
			t.Errorf("%s is at %q, %t, want %q", field, at, ok, want)
		}
	}
}
