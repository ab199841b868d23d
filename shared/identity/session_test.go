package identity

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func begun() time.Time { return time.Date(2027, 1, 11, 9, 0, 0, 0, time.UTC) }

func aSession() Session {
	return Session{ID: "e1", Account: "a1", CreatedAt: begun(), AuthenticatedAt: begun(), UsedAt: begun(), Rights: 3,
		Current: "h0", Version: 1}
}

func TestARefreshTokenIsUsedOnce(t *testing.T) {
	t.Parallel()
	at := func(after time.Duration) time.Time { return begun().Add(after) }
	first, err := aSession().Refresh("h0", "h1", at(time.Minute))
	if err != nil || first.Current != "h1" || first.Previous != "h0" || !first.UsedAt.Equal(at(time.Minute)) {
		t.Fatalf("%+v, %v", first, err)
	}
	// The reply with h1 was lost: h0 comes again, and once more.
	second, err := first.Refresh("h0", "h2", at(time.Minute+LostReply/2))
	if err != nil || second.Current != "h2" {
		t.Fatalf("a client whose reply was lost: %+v, %v", second, err)
	}
	third, err := second.Refresh("h0", "h3", at(time.Minute+LostReply))
	if err != nil || third.Current != "h3" {
		t.Fatalf("a client whose reply was lost twice: %+v, %v", third, err)
	}
	for name, c := range map[string]struct {
		s     Session
		token Hash
		after time.Duration
		want  error
	}{
		"the one before, too late":             {first, "h0", time.Minute + LostReply + 1, ErrReused},
		"ten seconds are not prolonged":        {third, "h0", time.Minute + LostReply + 1, ErrReused},
		"one that was replaced before its use": {third, "h1", time.Minute + LostReply, ErrReused},
		"one of before the one before": {must(first.Refresh("h1", "h4", at(2*time.Minute))), "h0", 121 * time.Second,
			ErrReused},
		"a guess":                               {first, "h9", 2 * time.Minute, ErrReused},
		"none":                                  {first, "", 2 * time.Minute, ErrReused},
		"of a session that was revoked":         {first.Revoke(at(2 * time.Minute)), "h1", 3 * time.Minute, ErrSessionEnded},
		"of one that is over":                   {first, "h1", StudentSession, ErrSessionEnded},
		"of one that was idle":                  {first, "h1", time.Minute + StudentIdle, ErrSessionEnded},
		"of one that does not exist":            {Session{}, "h1", 0, ErrSessionEnded},
		"the current one, just before it idles": {first, "h1", StudentIdle, nil},
	} {
		if _, err := c.s.Refresh(c.token, "next", at(c.after)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func must(s Session, err error) Session {
	if err != nil {
		panic(err)
	}
	return s
}

func TestSessionsOfStaffAreShort(t *testing.T) {
	t.Parallel()
	s := aSession()
	s.Staff = true
	if s.Live(begun().Add(StaffIdle)) || !s.Live(begun().Add(StaffIdle-1)) {
		t.Error("a session of staff that is idle for an hour has to end")
	}
	for at := begun(); at.Before(begun().Add(StaffSession)); at = at.Add(StaffIdle / 2) {
		var err error
		if s, err = s.Refresh(s.Current, s.Current+"x", at); err != nil {
			t.Fatal(err)
		}
	}
	if s.Live(begun().Add(StaffSession)) {
		t.Error("a session of staff has to end after a day, however often it is used")
	}
}

func TestASessionIsJudgedForAChange(t *testing.T) {
	t.Parallel()
	who := Principal{Kind: KindPerson, ID: "a1", Session: "e1", Rights: 3}
	raised, other := aSession(), aSession()
	raised.Rights++
	other.Account = "a2"
	for name, c := range map[string]struct {
		s    Session
		who  Principal
		want error
	}{
		"good":                   {aSession(), who, nil},
		"revoked":                {aSession().Revoke(begun()), who, ErrSessionEnded},
		"gone":                   {Session{}, who, ErrSessionEnded},
		"of somebody else":       {other, who, ErrSessionEnded},
		"other rights":           {raised, who, ErrRightsChanged},
		"no session, no account": {Session{}, Principal{Kind: KindPerson}, ErrSessionEnded},
		"a machine has none":     {Session{}, Principal{Kind: KindClient, ID: "c1"}, nil},
		"the system has none":    {Session{}, SystemPrincipal("imports-apply"), nil},
	} {
		if err := c.s.Judge(c.who, begun().Add(time.Minute)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestAThiefAndTheOwnerCannotBothGoOn: whoever of two that hold one refresh token uses it, and in whatever order they
// go on, the session ends once the other's turn comes after the ten seconds.
func TestAThiefAndTheOwnerCannotBothGoOn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s, now, made := aSession(), begun(), 0
		holds := [2]Hash{s.Current, s.Current}
		last := -1
		for range rapid.IntRange(2, 12).Draw(r, "refreshes") {
			who := rapid.IntRange(0, 1).Draw(r, "who")
			now = now.Add(time.Duration(rapid.IntRange(11, 900).Draw(r, "seconds")) * time.Second)
			made++
			next := Hash("n" + string(rune('0'+made)))
			renewed, err := s.Refresh(holds[who], next, now)
			if last >= 0 && who != last {
				if !errors.Is(err, ErrReused) {
					r.Fatalf("both go on: %v", err)
				}
				return
			}
			if err != nil {
				r.Fatalf("the one that holds the current token is refused: %v", err)
			}
			s, holds[who], last = renewed, next, who
		}
	})
}

func TestTwoFactors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		methods []Method
		want    bool
	}{
		{nil, false}, {[]Method{MethodPassword}, false}, {[]Method{MethodOTP}, false}, {[]Method{MethodProvider}, false},
		{[]Method{MethodPassword, MethodOTP}, true}, {[]Method{MethodPassword, MethodRecovery}, true},
		{[]Method{MethodPasskey}, true}, {[]Method{MethodProvider, MethodMulti}, true},
	} {
		if got := TwoFactors(c.methods); got != c.want {
			t.Errorf("TwoFactors(%v) = %v", c.methods, got)
		}
		for _, role := range AllRoles() {
			a := Account{Roles: []Role{role}}
			if got, want := a.NeedsSecondFactor(c.methods), role != RoleStudent && !c.want; got != want {
				t.Errorf("%s by %v: needs a second factor: %v", role, c.methods, got)
			}
		}
	}
	a := Account{Roles: []Role{RoleStudent}, TOTP: TOTP{Confirmed: true}}
	if !a.NeedsSecondFactor([]Method{MethodPassword}) {
		t.Error("a student who registered a second factor has to be asked for it")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := Limit{Burst: 3, Every: time.Minute}
	var until time.Time
	take := func(after time.Duration) time.Duration {
		now := begun().Add(after)
		left := l.Left(until, now)
		kept, wait := l.Take(until, now)
		if (wait == 0) != (left > 0) {
			t.Errorf("after %v: %d are left, and one more waits for %v", after, left, wait)
		}
		if wait == 0 {
			until = kept
		}
		return wait
	}
	got := []time.Duration{take(0), take(0), take(0), take(0), take(30 * time.Second), take(time.Minute),
		take(time.Minute),
		take(time.Hour), take(time.Hour), take(time.Hour), take(time.Hour)}
	want := []time.Duration{0, 0, 0, time.Minute, 30 * time.Second, 0, time.Minute, 0, 0, 0, time.Minute}
	if !slices.Equal(got, want) {
		t.Errorf("waits: %v, want %v", got, want)
	}
	rapid.Check(t, func(r *rapid.T) {
		l := Limit{Burst: rapid.IntRange(1, 20).Draw(r, "burst"),
			Every: time.Duration(rapid.IntRange(1, 100).Draw(r, "every"))}
		var until time.Time
		now, took := begun(), 0
		for range 200 {
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(r, "pause")))
			kept, wait := l.Take(until, now)
			if wait > 0 {
				if _, still := l.Take(until, now.Add(wait)); still > 0 {
					r.Fatalf("who waits for %v still has to wait", wait)
				}
				continue
			}
			until = kept
			took++
			if most := l.Burst + int(now.Sub(begun())/l.Every); took > most {
				r.Fatalf("%d in %v", took, now.Sub(begun()))
			}
		}
	})
}
