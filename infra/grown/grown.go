// Package grown is the manifest as it may be one day: tests hold the templates of 250 functions to the quotas of AWS
// and to what the SAM CLI takes, long before there are so many.
//
// It knows functions/manifest.go alone. Start with [Manifest].
package grown

import (
	"fmt"
	"slices"
	"strings"

	"example.com/registrar/functions"
	"example.com/registrar/shared/api"
)

// Manifest is a manifest of size functions: the real ones, and as many copies of them as it takes, each with resources,
// routes and queues of its own. What has to do with all queues has with those of the copies, too.
func Manifest(size int) []functions.Function {
	today := functions.All()
	all := slices.Clone(today)
	for n := 2; len(all) < size; n++ {
		from := today
		if size-len(all) < len(today) { // a part of a copy: only what needs no queue of a function that may be left out
			from = slices.DeleteFunc(slices.Clone(today), func(f functions.Function) bool {
				return f.Queue != nil || len(f.Sends) > 0
			})
		}
		for _, f := range from[:min(len(from), size-len(all))] {
			all = append(all, copyOf(f, n))
		}
	}
	var queues []functions.Queue
	var subscribed []string
	for _, f := range all {
		if f.Queue != nil {
			queues = append(queues, *f.Queue)
		}
		if f.Queue != nil && len(f.Queue.Events) > 0 {
			subscribed = append(subscribed, f.Queue.Name)
		}
	}
	for i := range all {
		if all[i].All != nil {
			all[i].All = queues
		}
		if all[i].Stream != nil {
			all[i].Sends = slices.Sorted(slices.Values(subscribed))
		}
	}
	return all
}

// copyOf is the function of another resource: courses-create becomes courses2-create.
func copyOf(f functions.Function, n int) functions.Function {
	f.Name = another(f.Name, n)
	if operations := f.Operations; operations != nil {
		f.Operations = func(a functions.Adapters) []api.Operation {
			all := slices.Clone(operations(a))
			for i := range all {
				all[i].ID, all[i].Path = another(all[i].ID, n), fmt.Sprintf("/%d%s", n, all[i].Path)
			}
			return all
		}
	}
	f.Sends = slices.Clone(f.Sends)
	for i, name := range f.Sends {
		f.Sends[i] = another(name, n)
	}
	if f.Queue != nil {
		q := *f.Queue
		q.Name = another(q.Name, n)
		if q.Uploads != "" {
			q.Uploads = another(strings.TrimSuffix(q.Uploads, "/"), n) + "/"
		}
		f.Queue = &q
	}
	return f
}

// another puts a number behind the first word of a name.
func another(name string, n int) string {
	first, rest, found := strings.Cut(name, "-")
	if found {
		rest = "-" + rest
	}
	return fmt.Sprintf("%s%d%s", first, n, rest)
}
