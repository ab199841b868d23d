package carrier

import (
	"errors"
	"net/http"
	"strconv"

	"example.com/registrar/shared/mail"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// judge decides what became of a mail from the error of its one request. What is not certain is unknown.
func judge(err error, keptBack bool) *mail.HandoverError {
	failed := &mail.HandoverError{Outcome: mail.Unknown, Reason: "no answer", Err: err}
	var answer *smithyhttp.ResponseError // the SDK makes one without a status when there was no answer
	if !errors.As(err, &answer) || answer.HTTPStatusCode() == 0 {
		if keptBack { // no name, no connection, no credentials, or no time before it was sent
			failed.Outcome, failed.Reason = mail.Released, "not reached"
		}
		return failed
	}
	status := answer.HTTPStatusCode()
	failed.Reason = "HTTP " + strconv.Itoa(status)
	var said smithy.APIError
	if !errors.As(err, &said) || status < http.StatusBadRequest || status >= http.StatusInternalServerError {
		// An answer that is not from SES, a success that cannot be read, or a failure of the server, which may come after it
		// took the mail.
		return failed
	}
	if outcome := outcomeOf(said.ErrorCode()); outcome != mail.Unknown {
		failed.Outcome, failed.Reason = outcome, said.ErrorCode()
	} else if status == http.StatusTooManyRequests {
		failed.Outcome = mail.Released
	}
	return failed
}

// outcomeOf is the meaning of a code of SES (SES API reference v2, "SendEmail", and "Common errors").
func outcomeOf(code string) mail.State {
	switch code {
	case "MessageRejected", "BadRequestException", "ValidationException":
		return mail.Refused
	case "TooManyRequestsException", "LimitExceededException", "Throttling", "ThrottlingException", "RequestLimitExceeded",
		// What an operator has to repair outside the mail, and what holds for the whole account or its domain. The mail waits
		// in the queue, and then among the dead letters, from where all are sent again at once.
		"AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException",
		"NotFoundException", "AccessDeniedException", "NotAuthorized", "OptInRequired", "IncompleteSignature",
		"InvalidClientTokenId",
		"UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch",
		"InvalidSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException":
		return mail.Released
	}
	return mail.Unknown
}
