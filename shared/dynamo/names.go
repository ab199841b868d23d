package dynamo

import (
	"context"
	"strings"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/words"
)

// The kinds of natural keys. All but a CRN are unique everywhere; a CRN is in its term.
const (
	termCode         = "TERM"
	courseCode       = "COURSE"
	crn              = "CRN"
	studentNumber    = "STUDENTNUMBER"
	studentEmail     = "STUDENTEMAIL"
	instructorEmail  = "INSTRUCTOREMAIL"
	instructorNumber = "INSTRUCTORNUMBER"
	importedName     = "IMPORTEDNAME" // the name under which an import made an instructor
)

// namedKind is the kind of records with such names.
func namedKind(kind string) registrar.Kind {
	switch kind {
	case termCode:
		return registrar.KindTerm
	case courseCode:
		return registrar.KindCourse
	case crn:
		return registrar.KindSection
	case studentNumber, studentEmail:
		return registrar.KindStudent
	}
	return registrar.KindInstructor
}

// folded is the form in which natural keys are compared.
func folded(name string) string { return registrar.FoldCode(name) }

// escaped is a code in the form that keys have. Keys are split at #, which a university's codes may contain. Codes
// without it, and without %, stay as they are.
func escaped(code string) string {
	if !strings.ContainsAny(code, "%#") { // see parted
		return code
	}
	return strings.NewReplacer("%", "%25", "#", "%23").Replace(code)
}

// searched is the form in which names and titles are searched. It is cut to the length that a sort key has room for
// beside an id (DynamoDB: 1,024 bytes). A long title of letters that Unicode decomposes, such as Hangul, may be longer.
func searched(name string) string {
	const most = 900
	form := words.Searched(name)
	if len(form) > most {
		form = strings.ToValidUTF8(form[:most], "")
	}
	return form
}

// rename moves a record from one natural key to another. An empty name means none.
func (s *Store) rename(kind, before, after, owner, field string) []action {
	if folded(before) == folded(after) {
		return nil
	}
	var actions []action
	if before != "" {
		actions = append(actions, s.release(kind, folded(before), owner))
	}
	if after != "" {
		actions = append(actions, s.claim(kind, folded(after), owner, field))
	}
	return actions
}

// owners reads which records have the names, in one batch for each hundred. Names without an owner are left out.
func (s *Store) owners(ctx context.Context, kind string, names []string) (map[string]string, error) {
	byKey := make(map[string][]string, len(names))
	var keys []item
	for _, name := range names {
		f := folded(name)
		if byKey[f] == nil {
			keys = append(keys, nameKey(kind, f))
		}
		byKey[f] = append(byKey[f], name)
	}
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	owners := make(map[string]string, len(names))
	for _, i := range items {
		if i == nil {
			continue
		}
		r := read("name of kind "+kind, i)
		owner := r.mustSay("owner")
		if r.err != nil {
			return nil, r.err
		}
		for _, name := range byKey[strings.TrimPrefix(text(i["PK"]), "NAME#"+kind+"#")] {
			owners[name] = owner
		}
	}
	return owners, nil
}

// named reads the records that have the names, by name in the form that was asked for.
func named[T any](
	ctx context.Context, s *Store, kind string, names []string, key func(id string) item, from func(item) (T, error),
) (map[string]T, error) {
	owners, err := s.owners(ctx, kind, names)
	if err != nil {
		return nil, err
	}
	keys := make([]item, 0, len(owners))
	at := make(map[string]int, len(owners))
	for _, id := range owners {
		if _, ok := at[id]; !ok {
			at[id] = len(keys)
			keys = append(keys, key(id))
		}
	}
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	records := make(map[string]T, len(owners))
	for name, id := range owners {
		if i := items[at[id]]; i != nil {
			if records[name], err = from(i); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}
