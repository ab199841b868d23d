package main

import (
	"slices"
	"testing"

	"example.com/registrar/functions"
	"github.com/google/go-cmp/cmp"
)

// alarmAddress is where the test's alarms go.
const alarmAddress = "operators@example.edu"

// testAlarms holds the alarms to the manifest's.
func (s system) testAlarms(t *testing.T) {
	want, got := map[string]properties{}, map[string]properties{}
	for id, r := range s.all("AWS::CloudWatch::Alarm") {
		got[id] = propertiesOf(t, r.Properties)
		delete(got[id], "Tags")
	}
	for _, a := range functions.Alarms(s.functions) {
		var dimensions []properties
		for _, d := range a.Dimensions {
			dimensions = append(dimensions, properties{"Name": d.Name, "Value": watched(d)})
		}
		comparison, missing := "GreaterThanThreshold", "notBreaching"
		if a.Below {
			comparison, missing = "LessThanThreshold", "breaching"
		}
		p := properties{
			"AlarmName": "registrar-test-" + a.ID, "AlarmDescription": a.Description(),
			"AlarmActions": []string{arn("sns", "alarms")}, "EvaluationPeriods": a.Periods,
			"DatapointsToAlarm": a.Breaching, "Threshold": a.Threshold, "ComparisonOperator": comparison,
			"TreatMissingData": missing,
		}
		switch {
		case a.Of != "":
			metric := func(id, name string) properties {
				return properties{"Id": id, "ReturnData": false, "MetricStat": properties{
					"Period": a.Period.Seconds(), "Stat": a.Statistic,
					"Metric": properties{"Namespace": a.Namespace, "MetricName": name, "Dimensions": dimensions},
				}}
			}
			p["Metrics"] = []properties{
				metric("part", a.Metric), metric("whole", a.Of),
				{"Id": "share", "Expression": "IF(whole >= 1000, 100 * part / whole, 0)", "ReturnData": true},
			}
		case a.Statistic == "p99":
			p["ExtendedStatistic"] = "p99"
		default:
			p["Statistic"] = a.Statistic
		}
		if a.Of == "" {
			p["Namespace"], p["MetricName"], p["Dimensions"] = a.Namespace, a.Metric, dimensions
			p["Period"] = a.Period.Seconds()
		}
		want[a.ID] = asRead(t, p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}

// watched is how [name] calls what an alarm watches.
func watched(d functions.Dimension) string {
	const all = "registrar-test-"
	switch d.Kind {
	case functions.OfQueue, functions.OfFunction:
		return all + d.Of
	case functions.OfDeadLetters:
		return all + d.Of + "-dead"
	case functions.OfFailedRuns:
		return all + "failed-runs"
	case functions.OfMapping:
		return functions.Function{Name: d.Of}.LogicalID() + "Mapping.Id"
	case functions.OfAPI:
	}
	return "ApiId"
}

// testEverythingIsWatched holds the synthesized queues and functions themselves to the project's rule: none without
// alarms.
func (s system) testEverythingIsWatched(t *testing.T) {
	watched := map[string][]string{} // metrics by what they are of
	for _, r := range s.all("AWS::CloudWatch::Alarm") {
		p := propertiesOf(t, r.Properties)
		dimensions, _ := p["Dimensions"].([]any)
		for _, d := range dimensions {
			of, _ := d.(properties)
			watched[said(of["Value"])] = append(watched[said(of["Value"])], said(p["MetricName"]))
		}
	}
	for _, stack := range s.stacks {
		for id, r := range stack.resources {
			var want []string
			of := ""
			switch p := propertiesOf(t, r.Properties); r.Type {
			case "AWS::Lambda::Function":
				of, want = said(p["FunctionName"]), []string{"Errors", "Throttles"}
			case "AWS::SQS::Queue":
				of, want = said(p["QueueName"]), []string{"ApproximateNumberOfMessagesVisible"}
				if p["RedrivePolicy"] != nil {
					want = append(want, "ApproximateAgeOfOldestMessage")
				}
			case "AWS::Lambda::EventSourceMapping":
				if said(p["EventSourceArn"]) == "StreamArn" {
					of, want = id+".Id", []string{"OnFailureDestinationDeliveredEventCount", "DroppedEventCount"}
				}
			case "AWS::ApiGatewayV2::Stage":
				of, want = "ApiId", []string{"5xx", "Latency"}
			}
			for _, metric := range want {
				if !slices.Contains(watched[of], metric) {
					t.Errorf("no alarm watches %s of %s", metric, of)
				}
			}
		}
	}
}

func (s system) testTopic(t *testing.T) {
	want := map[string]properties{
		"AlarmTopic": {"TopicName": "registrar-test-alarms", "DisplayName": "Registrar (test): alarms"},
		"AlarmTopicPolicy": topicPolicy("AlarmTopic", "alarms", "cloudwatch.amazonaws.com",
			properties{"aws:SourceAccount": "AWS::AccountId"}),
		"AlarmSubscription": {"TopicArn": "AlarmTopic", "Protocol": "email", "Endpoint": alarmAddress},
	}
	for id, p := range want {
		got := propertiesOf(t, s.stacks["alarms"].resources[id].Properties)
		delete(got, "Tags")
		if diff := cmp.Diff(asRead(t, p), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}
