package main

import (
	"fmt"
	"net/mail"
	"strings"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

// newTopic is where alarms go: registrar-<stage>-alarms, and from there to the address, if there is one. It is not
// encrypted with a key, which CloudWatch could not use; an alarm tells nothing of anybody.
func newTopic(stack awscdk.Stack, n names, address any) error {
	topic := awssns.NewCfnTopic(stack, jsii.String("AlarmTopic"), &awssns.CfnTopicProps{
		TopicName: jsii.String(n.of(alarmTopic)), DisplayName: jsii.String("Registrar (" + n.stage + "): alarms"),
	})
	newTopicPolicy(stack, "AlarmTopicPolicy", topic, n.topicARN(alarmTopic), "cloudwatch.amazonaws.com",
		map[string]any{"aws:SourceAccount": n.account})
	if address == nil {
		return nil
	}
	text := fmt.Sprint(address)
	if parsed, err := mail.ParseAddress(text); err != nil || parsed.Address != text {
		return fmt.Errorf("alarmAddress %q is no e-mail address", text)
	}
	awssns.NewCfnSubscription(stack, jsii.String("AlarmSubscription"), &awssns.CfnSubscriptionProps{
		TopicArn: topic.Ref(), Protocol: jsii.String("email"), Endpoint: &text,
	})
	return nil
}

// addAlarms adds the alarms of the manifest: each beside its function, those of all with the API's stage.
func (s site) addAlarms(stacks map[string]awscdk.Stack, all []functions.Function) error {
	of := map[string]string{"": lastStack}
	for _, f := range all {
		of[f.Name] = f.Resource()
	}
	for _, a := range functions.Alarms(all) {
		stack, ok := stacks[of[a.Function]]
		if !ok {
			return fmt.Errorf("alarm %s: there is no stack for the function %q", a.ID, a.Function)
		}
		s.addAlarm(stack, a)
	}
	return nil
}

func (s site) addAlarm(stack awscdk.Stack, a functions.Alarm) {
	dimensions := make([]any, len(a.Dimensions))
	for i, d := range a.Dimensions {
		dimensions[i] = &awscloudwatch.CfnAlarm_DimensionProperty{Name: &d.Name, Value: s.dimension(stack, d)}
	}
	comparison, missing := "GreaterThanThreshold", "notBreaching"
	if a.Below {
		comparison, missing = "LessThanThreshold", "breaching"
	}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName: jsii.String(s.names.of(a.ID)), AlarmDescription: jsii.String(a.Description()),
		AlarmActions:      &[]any{s.names.topicARN(alarmTopic)},
		EvaluationPeriods: jsii.Number(a.Periods), DatapointsToAlarm: jsii.Number(a.Breaching),
		Threshold: jsii.Number(a.Threshold), ComparisonOperator: &comparison, TreatMissingData: &missing,
	}
	if a.Of == "" {
		props.Namespace, props.MetricName, props.Dimensions = &a.Namespace, &a.Metric, &dimensions
		props.Period = jsii.Number(a.Period.Seconds())
		if strings.HasPrefix(a.Statistic, "p") { // a percentile
			props.ExtendedStatistic = &a.Statistic
		} else {
			props.Statistic = &a.Statistic
		}
		awscloudwatch.NewCfnAlarm(stack, &a.ID, props)
		return
	}
	query := func(id, metric string) *awscloudwatch.CfnAlarm_MetricDataQueryProperty {
		return &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: &id, ReturnData: jsii.Bool(false), MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{
					Namespace: &a.Namespace, MetricName: &metric, Dimensions: &dimensions,
				},
				Period: jsii.Number(a.Period.Seconds()), Stat: &a.Statistic,
			},
		}
	}
	props.Metrics = &[]any{
		query("part", a.Metric), query("whole", a.Of),
		&awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String("share"), Expression: jsii.String(a.Expression()), ReturnData: jsii.Bool(true),
		},
	}
	awscloudwatch.NewCfnAlarm(stack, &a.ID, props)
}

func (s site) dimension(stack awscdk.Stack, d functions.Dimension) *string {
	switch d.Kind {
	case functions.OfQueue:
		return jsii.String(s.names.of(d.Of))
	case functions.OfDeadLetters:
		return jsii.String(s.names.of(dead(d.Of)))
	case functions.OfFailedRuns:
		return jsii.String(s.names.of(failedRuns))
	case functions.OfFunction:
		return jsii.String(s.names.of(d.Of))
	case functions.OfMapping:
		return s.mappings[d.Of].AttrId()
	case functions.OfAPI:
	}
	return s.ask(stack, apiID)
}
