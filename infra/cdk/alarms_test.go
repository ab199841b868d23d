package main

import (
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"github.com/google/go-cmp/cmp"
)

// alarmAddress is where the test's alarms go.
const alarmAddress = "operators@example.edu"

// testAlarms holds the alarms in both descriptions to the manifest's.
func (s system) testAlarms(t *testing.T) {
	synthesized, sam := s.alarms(), map[string]resource{}
	for id, r := range s.sam {
		if r.Type == "AWS::CloudWatch::Alarm" {
			sam[id] = r
		}
	}
	for place, alarms := range map[string]map[string]resource{"the CDK app": synthesized, "template.yaml": sam} {
		got, want := map[string]properties{}, map[string]properties{}
		for id, r := range alarms {
			got[id] = propertiesOf(t, r.Properties)
		}
		for _, a := range functions.Alarms(functions.All()) {
			var dimensions []properties
			for _, d := range a.Dimensions {
				dimensions = append(dimensions, properties{"Name": d.Name, "Value": watched(d, place)})
			}
			comparison, missing := "GreaterThanThreshold", "notBreaching"
			if a.Below {
				comparison, missing = "LessThanThreshold", "breaching"
			}
			want[a.ID] = asRead(t, properties{
				"AlarmDescription": a.Description(), "AlarmActions": []string{"AlarmTopic"}, "Namespace": a.Namespace,
				"MetricName": a.Metric,
				"Statistic":  a.Statistic, "Dimensions": dimensions, "Period": a.Period.Seconds(), "EvaluationPeriods": a.Periods,
				"DatapointsToAlarm": a.Breaching, "Threshold": a.Threshold, "ComparisonOperator": comparison,
				"TreatMissingData": missing,
			})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("alarms in %s (-want +got):\n%s", place, diff)
		}
	}
}

// alarms are the synthesized ones, by id: the CDK appends no hash to what is made at this level.
func (s system) alarms() map[string]resource {
	all := map[string]resource{}
	for _, stack := range s.stacks {
		for id, r := range stack.resources {
			if r.Type == "AWS::CloudWatch::Alarm" {
				all[id] = r
			}
		}
	}
	return all
}

// watched is how [name] calls what an alarm watches.
func watched(d functions.Dimension, place string) string {
	id := functions.Function{Name: d.Of}.LogicalID
	switch d.Kind {
	case functions.OfQueue:
		return id() + "Queue.QueueName"
	case functions.OfDeadLetters:
		return id() + "DeadLetterQueue.QueueName"
	case functions.OfMapping:
		if place == "template.yaml" {
			return id() + "Stream"
		}
		return id() + "Mapping"
	case functions.OfFunction:
		return id()
	case functions.OfAPI:
	}
	return "Api"
}

// testEverythingIsWatched holds the synthesized queues and functions themselves to the project's rule: none without
// alarms.
func (s system) testEverythingIsWatched(t *testing.T) {
	watched := map[string][]string{} // metrics by what they are of
	for _, r := range s.alarms() {
		p := propertiesOf(t, r.Properties)
		for _, d := range list(p["Dimensions"]) {
			of := d.(properties)
			watched[said(of["Value"])] = append(watched[said(of["Value"])], said(p["MetricName"]))
		}
	}
	for _, stack := range s.stacks {
		for id, r := range stack.resources {
			var want []string
			of := plain(id)
			switch p := propertiesOf(t, r.Properties); r.Type {
			case "AWS::Lambda::Function":
				want = []string{"Errors", "Throttles"}
			case "AWS::SQS::Queue":
				of += ".QueueName"
				want = []string{"ApproximateNumberOfMessagesVisible"}
				if p["RedrivePolicy"] != nil {
					want = append(want, "ApproximateAgeOfOldestMessage")
				}
			case "AWS::Lambda::EventSourceMapping":
				if strings.HasSuffix(said(p["EventSourceArn"]), ".StreamArn") {
					want = []string{"OnFailureDestinationDeliveredEventCount", "DroppedEventCount"}
				}
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
	topics := s.all("AWS::SNS::Topic")
	if p := propertiesOf(t, topics["AlarmTopic"].Properties); p["TopicName"] != "registrar-test-alarms" {
		t.Errorf("alarms go to %v", p)
	}
	subscribed := 0
	for _, r := range s.all("AWS::SNS::Subscription") {
		if p := propertiesOf(t, r.Properties); p["TopicArn"] == "AlarmTopic" && p["Protocol"] == "email" &&
			p["Endpoint"] == alarmAddress {
			subscribed++
		}
	}
	if subscribed != 1 {
		t.Errorf("%s is subscribed to the alarms %d times", alarmAddress, subscribed)
	}
	p := propertiesOf(t, s.sam["AlarmSubscription"].Properties)
	if p["TopicArn"] != "AlarmTopic" || p["Protocol"] != "email" || p["Endpoint"] != "AlarmAddress" {
		t.Errorf("template.yaml subscribes %v", p)
	}
}
