// Package notifications is what tells people by mail what happened, and what hears of mail that did not arrive: two
// workers, each behind a queue. Send writes and sends the mails of domain events, each at most once; Feedback stops
// mail to addresses that bounced or complained.
//
// It knows the domain, the consumer kit, letters and the tokens to unsubscribe with, and what it needs of a store and
// of a carrier, as small interfaces; no AWS and no HTTP. Start with send.go. What operators and clients see of mail is
// in packages mails and preferences.
package notifications
