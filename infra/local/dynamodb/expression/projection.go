package expression

import (
	"slices"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Projection is a compiled projection expression.
type Projection struct {
	paths []path
}

// ParseProjection compiles a projection expression.
func ParseProjection(src string, holders *Placeholders) (*Projection, error) {
	p, err := newParser("ProjectionExpression", src, holders)
	if err != nil {
		return nil, err
	}
	var paths []path
	for {
		one, err := p.path()
		if err != nil {
			return nil, err
		}
		paths = append(paths, one)
		more, err := p.accept(",")
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	return &Projection{paths: paths}, checkPaths("ProjectionExpression", paths)
}

// Apply gives the parts of the item that the projection names.
func (p *Projection) Apply(item attr.Attributes) attr.Item { return project(item, p.paths) }

// tree is a set of paths by their first steps; a leaf has no branches and stands for the whole value.
type tree struct {
	steps    []step
	branches []*tree
}

func (t *tree) add(p path) {
	for _, s := range p {
		i := slices.Index(t.steps, s)
		if i < 0 {
			t.steps, t.branches = append(t.steps, s), append(t.branches, &tree{})
			i = len(t.steps) - 1
		}
		t = t.branches[i]
	}
}

// project keeps what the paths lead to, inside the maps and lists around it; the elements kept of a list close up in
// the order in which they stood.
func project(item attr.Attributes, paths []path) attr.Item {
	root := &tree{}
	for _, p := range paths {
		root.add(p)
	}
	kept := attr.Item{}
	for i, s := range root.steps {
		if v, ok := item.Get(s.name); ok {
			if part, ok := root.branches[i].keep(v); ok {
				kept[s.name] = part
			}
		}
	}
	return kept
}

func (t *tree) keep(v attr.Value) (attr.Value, bool) {
	if len(t.steps) == 0 {
		return v, true
	}
	switch v.Kind {
	case attr.Map:
		kept := attr.Item{}
		for i, s := range t.steps {
			if inner, ok := v.Map[s.name]; ok && s.name != "" {
				if part, ok := t.branches[i].keep(inner); ok {
					kept[s.name] = part
				}
			}
		}
		return attr.Value{Kind: attr.Map, Map: kept}, len(kept) > 0
	case attr.List:
		var kept []attr.Value
		for index, inner := range v.List {
			if i := slices.Index(t.steps, step{index: index}); i >= 0 {
				if part, ok := t.branches[i].keep(inner); ok {
					kept = append(kept, part)
				}
			}
		}
		return attr.Value{Kind: attr.List, List: kept}, len(kept) > 0
	default:
		return v, false
	}
}

// Names are the top-level attributes that the projection names.
func (p *Projection) Names() []string {
	names := make([]string, len(p.paths))
	for i, path := range p.paths {
		names[i] = path[0].name
	}
	return names
}
