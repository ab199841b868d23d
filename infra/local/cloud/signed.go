package cloud

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signed signs requests to DynamoDB's streams, of which there is no client of the SDK here: Signature Version 4.
type signed struct {
	credentials aws.CredentialsProvider
	region      string
	next        http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("sign a request: %w", err)
	}
	ctx := r.Context()
	keys, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("sign a request: %w", err)
	}
	r = r.Clone(ctx) // a RoundTripper leaves its request as it is
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "dynamodb", s.region,
		time.Now()); err != nil {
		return nil, fmt.Errorf("sign a request: %w", err)
	}
	return s.next.RoundTrip(r)
}
