// Package password hashes passwords with argon2id (RFC 9106), and knows which are too common. It is apart from package
// identity because a hash wants memory and time of its own: it belongs into the functions that sign people in, and into
// no other.
package password

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"

	"example.com/registrar/shared/registrar"
	"github.com/alexedwards/argon2id"
)

// parameters are OWASP's minimum (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane). The lanes are not the number
// of processors, which a function's memory size would decide.
func parameters() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Hash hashes a password, with a salt of its own, in PHC's string format.
func Hash(password registrar.Secret) (registrar.Secret, error) {
	hash, err := argon2id.CreateHash(password.Reveal(), parameters())
	if err != nil {
		return registrar.Secret{}, fmt.Errorf("hash a password: %w", err)
	}
	return registrar.NewSecret(hash), nil
}

// Verdict is what came of comparing a password.
type Verdict struct {
	Right bool
	// Rehash: the hash was made with weaker parameters than today's.
	Rehash bool
}

// nobodys is the hash of a random text that was thrown away, with the parameters of today.
const nobodys = "$argon2id$v=19$m=19456,t=2,p=1$3kofPUjhnMdZ45uU42SmYQ$wK4Dg1UVtRwdZMAe8vjxitxTdmkGlFKU3CRlamz89/Y"

// Check compares a password with its hash. Without a hash it compares with one that nobody knows the password of, so
// that an account that does not exist, or has no password, takes as long as another.
func Check(hash, password registrar.Secret) (Verdict, error) {
	text := hash.Reveal()
	if text == "" {
		text = nobodys
	}
	right, params, err := argon2id.CheckHash(password.Reveal(), text)
	if err != nil {
		return Verdict{}, errors.New("a password's hash cannot be read") // its own text could quote the hash
	}
	want := parameters()
	return Verdict{Right: right && hash.Reveal() != "", Rehash: right && (params.Memory < want.Memory ||
		params.Iterations < want.Iterations)}, nil
}

// common is the list that common.md tells of. It is read only when a password is set.
//
//go:embed common.txt.gz
var common []byte

// Common reports whether a password, in lower case, is on the list. It is an [identity.Common].
func Common(password string) bool {
	text, err := gzip.NewReader(bytes.NewReader(common))
	if err != nil {
		return true // the list is part of the program; without it no password is safe
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		if line := lines.Text(); line >= password {
			return line == password
		}
	}
	return lines.Err() != nil
}
