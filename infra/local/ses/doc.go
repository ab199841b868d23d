// Package ses is the mail service of the local cloud: Amazon SES v2's SendEmail over the REST protocol that the SDK
// speaks, a mailbox page that shows what was sent, and the feedback that SES gives by way of SNS.
//
// It knows nothing of Registrar. The rules are those of the Amazon SES API Reference (v2), and of the developer guide,
// "Using the mailbox simulator", "Contents of event data that Amazon SES publishes to Amazon SNS".
//
// Faithful: SendEmail of simple content, its limits, and its errors with their codes and statuses; senders that must be
// verified, configuration sets that must exist, a sending rate; mail to bounce@, complaint@, ooto@ and
// suppressionlist@simulator.amazonses.com (with labels, "bounce+7@", too) gives feedback as events of the configuration
// set, in the envelope of SNS. Not faithful: nothing leaves the machine, and mail to any other address counts as
// delivered; feedback comes at once, and only of bounces and complaints; envelopes are not signed; there is no sandbox,
// no quota of a day and no suppression list of the account; raw and templated content, attachments and list management
// are refused by name. Of what was sent the latest are kept, up to a number and a size, and nothing outlives the
// process.
//
// Start with [New]; send.go is the way in, mailbox.go the page.
package ses
