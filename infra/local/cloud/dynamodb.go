package cloud

import (
	"context"
	"errors"
	"net/http"

	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/journal"
)

// ReportPath is where the embedded DynamoDB's address tells what it was used for and what that would cost: GET, and
// with ?format=json for programs.
const ReportPath = "/_report"

// dynamoDB makes the embedded DynamoDB, unless it stands.
func (c *Cloud) dynamoDB(ctx context.Context, o Options) error {
	c.Engines.DynamoDB, c.Engines.Usage = o.Engines.DynamoDB, o.Engines.Usage
	if c.Engines.DynamoDB == nil {
		if o.Contention != nil && o.DataDir != "" {
			return errors.New("contention does not go with a data directory: its journal carries out changes one after the " +
				"other, so that nothing would conflict")
		}
		clock := &journal.Clock{System: o.System.Clock}
		usage := dynamodb.NewLedger(o.System.Clock)
		engine := dynamodb.Options{Region: Region, Now: clock.Now, Contention: o.Contention, Access: c.Engines.Access,
			Observe: func(u dynamodb.Usage) {
				if clock.Reading() { // it was used for that before
					return
				}
				usage.Observe(u)
				if o.Observe != nil {
					o.Observe(u)
				}
			}}
		if o.Contention != nil {
			engine.IndexLag = o.Contention.Staleness // reads of a global index are eventually consistent, all of them
		}
		c.Engines.Usage = usage
		var err error
		if c.Engines.DynamoDB, err = c.keep(ctx, o, "dynamodb", dynamodb.New(engine), journal.DynamoDBChanges,
			clock); err != nil {
			return err
		}
	}
	injected := o.Faults.Handler("dynamodb", c.Engines.DynamoDB)
	c.DynamoDB = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == ReportPath && c.Engines.Usage != nil {
			c.Engines.Usage.ServeHTTP(w, r)
			return
		}
		injected.ServeHTTP(w, r)
	})
	return nil
}
