// Package sdk reads the AWS SDK's configuration, which takes milliseconds: once in each function, whose main hands it
// to all adapters. Start with [Load].
package sdk

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Load reads region, credentials and endpoints (AWS_ENDPOINT_URL_…) from where every AWS SDK looks for them.
func Load(ctx context.Context) (aws.Config, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return c, fmt.Errorf("configuration of the AWS SDK: %w", err)
	}
	return c, nil
}
