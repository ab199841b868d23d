package simulate

import (
	"context"
	"fmt"
	"net/http"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// countEvents counts the events of registrations that changed, by looking at every item.
func countEvents(ctx context.Context, engine http.Handler) (int, error) {
	client := dynamodb.New(dynamodb.Options{
		Region: cloud.Region, Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
		BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(engine),
	})
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{
		TableName: aws.String(cloud.Table), Select: types.SelectCount,
		FilterExpression:         aws.String("begins_with(PK, :event) AND begins_with(#type, :registration)"),
		ExpressionAttributeNames: map[string]string{"#type": "type"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":event": &types.AttributeValueMemberS{Value: dynamo.EventPrefix}, ":registration": &types.AttributeValueMemberS{
				Value: "registration."},
		},
	})
	count := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("count the events: %w", err)
		}
		count += int(page.Count)
	}
	return count, nil
}
