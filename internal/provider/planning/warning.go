package planning

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// SessionsWillMove is the summary of every warning that counts sessions.
const SessionsWillMove = "Sessions will move"

// WarnAt warns at an attribute, or at the resource if the path is empty.
func WarnAt(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	if at.Equal(path.Empty()) {
		diags.AddWarning(summary, detail)
		return
	}
	diags.AddAttributeWarning(at, summary, detail)
}

// NameAndID names an object in a message: `"web" (tg-a2b3c4d5e6)`, or the name alone if there is no id yet.
func NameAndID(name, id string) string {
	text := strconv.Quote(name)
	if id != "" {
		text += " (" + id + ")"
	}
	return text
}

// Counted returns a number of things in words: "1 session", "2 sessions".
func Counted(number int, thing string) string {
	if number == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", number, thing)
}
