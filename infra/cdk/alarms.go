package main

import (
	"fmt"
	"net/mail"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/jsii-runtime-go"
)

// newTopic is where alarms go: registrar-<stage>-alarms, and from there to the address, if there is one. It is not
// encrypted with a key, which CloudWatch could not use; an alarm tells nothing of anybody.
func newTopic(stack awscdk.Stack, address any) (awssns.Topic, error) {
	topic := awssns.NewTopic(stack, jsii.String("AlarmTopic"), &awssns.TopicProps{
		TopicName: stack.StackName(), DisplayName: jsii.String("Registrar: alarms"),
	})
	if address == nil {
		return topic, nil
	}
	text := fmt.Sprint(address)
	if parsed, err := mail.ParseAddress(text); err != nil || parsed.Address != text {
		return nil, fmt.Errorf("alarmAddress %q is no e-mail address", text)
	}
	topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(&text, nil))
	return topic, nil
}

// addAlarms adds the alarms of the manifest: each beside its function, those of all with the workers.
func (s site) addAlarms(stacks map[string]awscdk.Stack, all []functions.Function) error {
	of := map[string]string{}
	for _, f := range all {
		of[f.Name] = stackName(f)
	}
	for _, a := range functions.Alarms(all) {
		name := of[a.Function]
		if a.Function == "" {
			name = workers
		}
		stack, ok := stacks[name]
		if !ok {
			return fmt.Errorf("alarm %s: there is no stack for the function %q", a.ID, a.Function)
		}
		dimensions := make([]any, len(a.Dimensions))
		for i, d := range a.Dimensions {
			dimensions[i] = &awscloudwatch.CfnAlarm_DimensionProperty{Name: &d.Name, Value: s.dimension(d)}
		}
		comparison, missing := "GreaterThanThreshold", "notBreaching"
		if a.Below {
			comparison, missing = "LessThanThreshold", "breaching"
		}
		awscloudwatch.NewCfnAlarm(stack, &a.ID, &awscloudwatch.CfnAlarmProps{
			AlarmDescription: jsii.String(a.Description()), AlarmActions: &[]*string{s.topic.TopicArn()},
			Namespace: &a.Namespace, MetricName: &a.Metric, Statistic: &a.Statistic, Dimensions: &dimensions,
			Period: jsii.Number(a.Period.Seconds()), EvaluationPeriods: jsii.Number(a.Periods), DatapointsToAlarm: jsii.Number(
				a.Breaching),
			Threshold: jsii.Number(a.Threshold), ComparisonOperator: &comparison, TreatMissingData: &missing,
		})
	}
	return nil
}

func (s site) dimension(d functions.Dimension) *string {
	switch d.Kind {
	case functions.OfQueue:
		return s.data.queues[d.Of].messages.QueueName()
	case functions.OfDeadLetters:
		return s.data.queues[d.Of].dead.QueueName()
	case functions.OfFunction:
		return s.functions[d.Of].FunctionName()
	case functions.OfMapping:
		return s.mappings[d.Of].EventSourceMappingId()
	case functions.OfAPI:
	}
	return s.api.ApiId()
}
