// Package notifications sends people mail about what happened, and handles reports about mail that did not arrive: two
// workers, each behind a queue. Send writes and sends the mails of domain events, each at most once; Feedback stops
// mail to addresses that bounced or complained.
//
// It knows the domain, shared/consumer, letters and the unsubscribe tokens, and what it needs of a store and of a
// carrier, as small interfaces; no AWS and no HTTP. Start with send.go. What operators and clients see of mail is in
// packages mails and preferences.
package notifications
