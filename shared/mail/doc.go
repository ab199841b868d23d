// Package mail is the bookkeeping of mails, and the rules by which they are sent: which kinds a person gets, the record
// that makes each mail go out at most once, and what an operator decides about a mail whose outcome nobody knows.
//
// It knows the domain and nothing of AWS, HTTP or tables. The packages below it do the rest: letters writes texts,
// carrier hands them to Amazon SES, feedback reads what SES reports of bounces and complaints, and unsubscribe makes
// the links in each letter. Start with mail.go; postoffice.go is how a mail is sent.
package mail
