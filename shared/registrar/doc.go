// Package registrar is the language of course registration: its things (term, course, offering, section, meeting,
// student, instructor, registration), its rules, its refusals and its events.
//
// It knows neither AWS nor HTTP nor JSON on a wire nor a table: it imports the standard library and nothing else.
// Adapters convert to and from it (shared/api and the operation packages towards clients, shared/dynamo towards the
// table), and decisions are plain functions over facts, so that every rule can be tested without I/O.
//
// Records of other work have packages of their own, which import this one: shared/intake (imports), shared/mail,
// shared/schedule (jobs) and shared/reconcile.
//
// Start with section.go and registration.go, the two things that a registration morning is about; then enrol.go, the
// decision itself; then refusal.go, the answers to requests that are not carried out.
package registrar
