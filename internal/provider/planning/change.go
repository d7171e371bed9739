package planning

// Action is what a plan does with one resource.
type Action int

// The actions. Of a replacement, Terraform plans the creation of the new resource separately, as a Create after it.
const (
	Create Action = iota
	Update
	Replace
	Delete
)

// Change is what a plan does with one resource. Before is the zero value of a resource that is created, After that of
// one that is deleted.
type Change[Model any] struct {
	Action        Action
	Before, After Model
}
