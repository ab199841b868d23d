// Package identity is who acts and what they may do: accounts, roles, sessions, one-time tokens, second factors, and
// the one table that says which role may do what ([Table]).
//
// It is rules alone, like shared/registrar: it knows neither AWS nor HTTP, reads no clock and no random source by
// itself, and imports only the standard library and shared/registrar. What needs a library stands below it: passwords
// (argon2id), tokens (JWT), passkeys (WebAuthn).
//
// The words are NIST's (SP 800-63B-4) and OAuth's: an account has authenticators (a password, a TOTP device, passkeys,
// recovery codes); a sign-in with them begins a session; a session is used with access tokens, which last minutes, and
// with refresh tokens, each of which is used once. Start with [Principal], which is what every operation sees.
package identity
