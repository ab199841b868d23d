package dynamodb

// describeLimits gives the quotas of an account that has asked for no higher ones (developer guide, "Quotas in Amazon
// DynamoDB", throughput default quotas). Nothing here enforces them.
func (e *Engine) describeLimits(*struct{}) (any, error) {
	const ofTable, ofAccount = 40_000, 80_000
	return map[string]any{
		"AccountMaxReadCapacityUnits": ofAccount, "AccountMaxWriteCapacityUnits": ofAccount,
		"TableMaxReadCapacityUnits": ofTable, "TableMaxWriteCapacityUnits": ofTable,
	}, nil
}

// describeEndpoints gives the address that was asked: a client that looks for endpoints comes back to it.
func describeEndpoints(host string) any {
	const day = 24 * 60
	return map[string]any{"Endpoints": []any{map[string]any{"Address": host, "CachePeriodInMinutes": day}}}
}

// describeContinuousBackups says of a table what holds for one whose point-in-time recovery nobody has switched on.
func (e *Engine) describeContinuousBackups(in *tableName) (any, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if _, err := e.find(in.TableName); err != nil {
		if hasCode(err, "ResourceNotFoundException") {
			err = newFault("TableNotFoundException", "Table not found: %s", in.TableName)
		}
		return nil, err
	}
	return map[string]any{"ContinuousBackupsDescription": map[string]any{
		"ContinuousBackupsStatus":        "ENABLED",
		"PointInTimeRecoveryDescription": map[string]any{"PointInTimeRecoveryStatus": "DISABLED"},
	}}, nil
}
