// Package imports takes files from other systems: a client asks for an import and gets an address to upload to, the
// object's arrival is announced through a queue, and the worker applies the file row by row.
//
// It knows the domain, shared/api, the file readers of shared/intake/files and what it needs of a store, as small
// interfaces; no AWS. Start with apply.go, the worker; create.go and get.go are the operations that a client sees.
package imports
