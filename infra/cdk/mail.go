package main

import (
	"fmt"
	"net/mail"
	"strings"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

// sender is as whom the system sends mail.
type sender struct {
	address  string // "registrar@example.edu"
	identity string // that is verified in SES: the address, or its domain
}

// senderOf reads the context: "sender", an address, and "identity", its domain without one. SES sends no mail of an
// identity that its account has not verified, as that of the default.
func senderOf(app awscdk.App) (sender, error) {
	s := sender{address: "registrar@registrar.example.com"}
	if given := app.Node().TryGetContext(jsii.String("sender")); given != nil {
		s.address = fmt.Sprint(given)
	}
	parsed, err := mail.ParseAddress(s.address)
	if err != nil || parsed.Address != s.address {
		return s, fmt.Errorf("sender %q: one e-mail address, without a name", s.address)
	}
	_, s.identity, _ = strings.Cut(s.address, "@")
	if given := app.Node().TryGetContext(jsii.String("identity")); given != nil {
		s.identity = fmt.Sprint(given)
	}
	if s.identity != s.address && !strings.HasSuffix(s.address, "@"+s.identity) &&
		!strings.HasSuffix(s.address, "."+s.identity) {
		return s, fmt.Errorf("identity %q: must be the sender's address or a domain of it", s.identity)
	}
	return s, nil
}

// newOutbox makes the configuration set that mail names, and has what becomes of mail told to the queues that ask for
// it: SES publishes to a topic, and the topic delivers to the queue.
func newOutbox(stack awscdk.Stack, n names, all []functions.Function) {
	set := n.all()
	configuration := awsses.NewCfnConfigurationSet(stack, jsii.String("MailConfigurationSet"),
		&awsses.CfnConfigurationSetProps{
			Name:              &set,
			ReputationOptions: &awsses.CfnConfigurationSet_ReputationOptionsProperty{ReputationMetricsEnabled: jsii.Bool(true)},
		})
	topic := awssns.NewCfnTopic(stack, jsii.String("MailFeedbackTopic"), &awssns.CfnTopicProps{
		TopicName: jsii.String(n.of(feedbackTopic)),
	})
	policy := newTopicPolicy(stack, "MailFeedbackTopicPolicy", topic, n.topicARN(feedbackTopic), "ses.amazonaws.com",
		map[string]any{"aws:SourceAccount": n.account, "aws:SourceArn": n.arn("ses", "configuration-set/"+set)})
	destination := awsses.NewCfnConfigurationSetEventDestination(stack, jsii.String("MailFeedback"),
		&awsses.CfnConfigurationSetEventDestinationProps{
			ConfigurationSetName: configuration.Ref(),
			EventDestination: &awsses.CfnConfigurationSetEventDestination_EventDestinationProperty{
				Name: jsii.String("feedback"), Enabled: jsii.Bool(true), MatchingEventTypes: jsii.Strings("BOUNCE", "COMPLAINT"),
				SnsDestination: &awsses.CfnConfigurationSetEventDestination_SnsDestinationProperty{TopicArn: topic.Ref()},
			},
		})
	destination.AddResourceDependency(policy, nil) // SES tries the topic when it is told of it
	for _, f := range all {
		if f.Queue != nil && f.Queue.Feedback {
			awssns.NewCfnSubscription(stack, jsii.String(identifier(f.Queue.Name)+"Subscription"),
				&awssns.CfnSubscriptionProps{
					TopicArn: topic.Ref(), Protocol: jsii.String("sqs"), Endpoint: jsii.String(n.queueARN(f.Queue.Name)),
				})
		}
	}
}

// newTopicPolicy lets a service publish to a topic, under a condition, and nobody without encryption on the way.
func newTopicPolicy(
	stack awscdk.Stack, id string, topic awssns.CfnTopic, arn, service string, onBehalf map[string]any,
) awssns.CfnTopicPolicy {
	return awssns.NewCfnTopicPolicy(stack, &id, &awssns.CfnTopicPolicyProps{
		Topics: &[]*string{topic.Ref()}, PolicyDocument: document(
			map[string]any{
				"Effect": "Allow", "Principal": map[string]any{"Service": service}, "Action": "sns:Publish", "Resource": arn,
				"Condition": map[string]any{"StringEquals": onBehalf},
			},
			onlyTLS("sns:Publish", arn),
		),
	})
}
