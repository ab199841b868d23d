package notifications

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/feedback"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
)

// FeedbackStore is what feedback on mail needs of the store.
type FeedbackStore interface {
	Suppress(ctx context.Context, p mail.Suppression) error
}

// oldestReport is the greatest age of a report that is read now: the longest time that a queue keeps a message, and the
// same in the dead letters. A time outside of it is not used.
const oldestReport = 2 * 14 * 24 * time.Hour

// Feedback makes the work of the function notifications-feedback. Suppressing an address twice makes no difference, so
// reports need no claim.
func Feedback(s consumer.Settings, store FeedbackStore) consumer.Handler {
	return consumer.Each(s, consumer.Work[feedback.Report]{
		Name: "notifications-feedback",
		Read: func(m consumer.Message) (feedback.Report, error) {
			r, err := feedback.Read(m.Body)
			r.Correlation = cmp.Or(r.Correlation, m.ID)
			return r, err
		},
		Cause: func(r feedback.Report) request.Info {
			return request.Info{Correlation: r.Correlation}
		},
		Do: func(ctx context.Context, r feedback.Report) error {
			now, strange := s.Clock(), false
			for _, p := range r.Suppressions {
				if p.At.Before(now.Add(-oldestReport)) || p.At.After(now.Add(time.Minute)) {
					p.At, strange = registrar.Instant(now), true
				}
				if err := store.Suppress(ctx, p); err != nil {
					return fmt.Errorf("suppress an address: %w", err)
				}
			}
			if strange {
				s.Log.WarnContext(ctx, "the time of feedback is not near the function's clock, which is used instead",
					"kind", r.Kind, "mail", r.Mail)
			}
			s.Log.InfoContext(ctx, "feedback on a mail", "kind", r.Kind, "detail", r.Detail, "mail", r.Mail, "suppressed",
				len(r.Suppressions))
			return nil
		},
	})
}
