package identity

import "time"

// Limit bounds how often something may happen: Burst times at once, and once each Every after that. It is the generic
// cell rate algorithm, which keeps a single instant and so costs a single conditional write.
type Limit struct {
	Burst int
	Every time.Duration
}

// window is how far ahead of the present the kept instant may be.
func (l Limit) window() time.Duration { return time.Duration(l.Burst-1) * l.Every }

// Take asks for one more, where until is what was kept of the ones before. It gives what is to be kept, or, when it is
// too soon, how long to wait.
func (l Limit) Take(until, now time.Time) (kept time.Time, wait time.Duration) {
	if until.Before(now) {
		until = now
	}
	if ahead := until.Sub(now); ahead > l.window() {
		return until, ahead - l.window()
	}
	return until.Add(l.Every), 0
}

// Left is how many more there may be at once.
func (l Limit) Left(until, now time.Time) int {
	ahead := max(0, until.Sub(now))
	if ahead > l.window() {
		return 0
	}
	return int((l.window()-ahead)/l.Every) + 1
}

// Limits are those of signing in and of everything else. Sign-in counts failures alone.
type Limits struct {
	// Pair: one account from one address, or from one device that has signed in before. Five mistakes, then one a minute.
	Pair Limit
	// Account: one account from all devices that have never signed in to it. At most 100 failures in a row are allowed
	// (NIST SP 800-63B-4 section 3.2.2). Devices that it knows, and passkeys, do not count here, so that a stranger locks
	// nobody out.
	Account Limit
	// Address: all accounts from one address. A campus of ten thousand sits behind one, and mistypes a few hundred times
	// in a rush.
	Address Limit
	// Mails that somebody has sent to one address: of a reset, a verification.
	Mails Limit
	// Principal: every other operation.
	Principal Limit
}

// StandardLimits are the limits of a stage that sets none of its own.
func StandardLimits() Limits {
	return Limits{
		Pair:      Limit{Burst: 5, Every: time.Minute},
		Account:   Limit{Burst: 50, Every: 72 * time.Second}, // 50 an hour after the first 50
		Address:   Limit{Burst: 300, Every: 2 * time.Second},
		Mails:     Limit{Burst: 3, Every: 10 * time.Minute},
		Principal: Limit{Burst: 60, Every: 100 * time.Millisecond},
	}
}
