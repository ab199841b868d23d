package identity

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what RFC 6238 and every authenticator app use; HMAC-SHA1 has no known weakness
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
)

const (
	totpSecretBytes = 20               // as long as HMAC-SHA1's result (RFC 4226 section 4, R6)
	totpStep        = 30 * time.Second // RFC 6238 section 5.2
	totpDigits      = 6
	totpSkew        = 1 // steps before and after the present one (RFC 6238 section 5.2: at most one for the network)
)

// TOTP is a time-based one-time password device (RFC 6238): SHA-1, 6 digits, 30 seconds, as all apps have it.
type TOTP struct {
	Secret    registrar.Secret // 20 bytes in base32 without padding
	Confirmed bool             // a first code was right; before that it counts for nothing
	LastStep  int64            // of the last code that was right: no code is taken twice
}

// NewTOTP makes a device that is still to be confirmed.
func NewTOTP(random Random) TOTP {
	return TOTP{Secret: registrar.NewSecret(
		base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random(totpSecretBytes)))}
}

// URI is what the QR code holds: otpauth://totp/Issuer:account?secret=…, as Google Authenticator's "Key URI Format" has
// it.
func (t TOTP) URI(issuer string, account registrar.Personal) registrar.Secret {
	query := url.Values{"secret": {t.Secret.Reveal()}, "issuer": {issuer}}
	return registrar.NewSecret("otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(string(account)) + "?" +
		strings.ReplaceAll(query.Encode(), "+", "%20"))
}

// Use takes a code: the device as it is to be, confirmed and with the code's time step used up, or [ErrWrongCode].
func (t TOTP) Use(code string, now time.Time) (TOTP, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(t.Secret.Reveal())
	if err != nil || len(key) == 0 {
		return t, fmt.Errorf("the device's secret cannot be read: %w", ErrWrongCode)
	}
	present := now.Unix() / int64(totpStep/time.Second)
	found := int64(0)
	for step := present - totpSkew; step <= present+totpSkew; step++ { // all of them, whichever fits
		if subtle.ConstantTimeCompare([]byte(totpCode(key, step)), []byte(code)) == 1 && step > t.LastStep {
			found = step
		}
	}
	if found == 0 {
		return t, ErrWrongCode
	}
	t.Confirmed, t.LastStep = true, found
	return t, nil
}

// totpCode is the code of a time step (RFC 4226 section 5.3).
func totpCode(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	value := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, value%1_000_000)
}

// RecoveryCodes are how many codes somebody gets to stand in for a lost second factor, each once.
const RecoveryCodes = 10

// NewRecoveryCodes makes [RecoveryCodes] codes of 120 random bits each, such as "ABCD-EFGH-JKLM-NPQR-STUV-WX23".
func NewRecoveryCodes(random Random) []registrar.Secret {
	const codeBytes, group = 15, 4
	codes := make([]registrar.Secret, RecoveryCodes)
	for i := range codes {
		text := base32.StdEncoding.EncodeToString(random(codeBytes))
		var groups []string
		for ; len(text) > 0; text = text[group:] {
			groups = append(groups, text[:group])
		}
		codes[i] = registrar.NewSecret(strings.Join(groups, "-"))
	}
	return codes
}

// HashOfRecoveryCode is the hash of a code as people type it: in any case, with or without hyphens and spaces.
func HashOfRecoveryCode(typed registrar.Secret) Hash {
	return HashOf(registrar.NewSecret(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(typed.Reveal()))))
}

// UseRecoveryCode takes a code out of those that are left: [ErrWrongCode] when it is none of them.
func UseRecoveryCode(left []Hash, typed registrar.Secret) ([]Hash, error) {
	presented, at := HashOfRecoveryCode(typed), -1
	for i, h := range left {
		if h.Is(presented) {
			at = i
		}
	}
	if at < 0 {
		return left, ErrWrongCode
	}
	return append(append([]Hash{}, left[:at]...), left[at+1:]...), nil
}
