package main

import (
	"fmt"
	"net/mail"
	"strings"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
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

// outbox is what mail goes through.
type outbox struct {
	sender
	configuration awsses.CfnConfigurationSet
	stack         awscdk.Stack
}

// newOutbox makes the configuration set that mail names, and has what becomes of mail told to the queues that ask for
// it: SES publishes to a topic, and the topic delivers to the queue.
func newOutbox(stack awscdk.Stack, d data, all []functions.Function, from sender) outbox {
	o := outbox{sender: from, stack: stack}
	scope := constructs.NewConstruct(stack, jsii.String("Mail"))
	o.configuration = awsses.NewCfnConfigurationSet(scope, jsii.String("ConfigurationSet"),
		&awsses.CfnConfigurationSetProps{
			ReputationOptions: &awsses.CfnConfigurationSet_ReputationOptionsProperty{ReputationMetricsEnabled: jsii.Bool(true)},
		})
	topic := awssns.NewTopic(scope, jsii.String("FeedbackTopic"), nil)
	policy := awssns.NewTopicPolicy(scope, jsii.String("FeedbackTopicPolicy"),
		&awssns.TopicPolicyProps{Topics: &[]awssns.ITopic{topic}})
	policy.Document().AddStatements(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("ses.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"), Resources: &[]*string{topic.TopicArn()},
		Conditions: &map[string]any{"StringEquals": map[string]any{
			"aws:SourceAccount": stack.Account(), "aws:SourceArn": o.arn("configuration-set/" + *o.configuration.Ref()),
		}},
	}))
	destination := awsses.NewCfnConfigurationSetEventDestination(scope, jsii.String("Feedback"),
		&awsses.CfnConfigurationSetEventDestinationProps{
			ConfigurationSetName: o.configuration.Ref(),
			EventDestination: &awsses.CfnConfigurationSetEventDestination_EventDestinationProperty{
				Name: jsii.String("feedback"), Enabled: jsii.Bool(true), MatchingEventTypes: jsii.Strings("BOUNCE", "COMPLAINT"),
				SnsDestination: &awsses.CfnConfigurationSetEventDestination_SnsDestinationProperty{TopicArn: topic.TopicArn()},
			},
		})
	destination.Node().AddDependency(policy) // SES tries the topic when it is told of it
	for _, f := range all {
		if f.Queue != nil && f.Queue.Feedback {
			subscribe(scope, identifier(f.Queue.Name), d.queues[f.Queue.Name].messages, topic)
		}
	}
	return o
}

// subscribe delivers what is published to a queue. The CDK's own subscription would put the queue's policy beside the
// queue, whose stack would then depend on the topic's.
func subscribe(scope constructs.Construct, id string, queue awssqs.Queue, topic awssns.Topic) {
	policy := awssqs.NewCfnQueuePolicy(scope, jsii.String(id+"QueuePolicy"), &awssqs.CfnQueuePolicyProps{
		Queues: &[]*string{queue.QueueUrl()},
		PolicyDocument: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("sns.amazonaws.com"), nil)},
				Actions:    jsii.Strings("sqs:SendMessage"), Resources: &[]*string{queue.QueueArn()},
				Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": topic.TopicArn()}},
			}),
		}}),
	})
	subscription := awssns.NewCfnSubscription(scope, jsii.String(id+"Subscription"), &awssns.CfnSubscriptionProps{
		TopicArn: topic.TopicArn(), Protocol: jsii.String("sqs"), Endpoint: queue.QueueArn(),
	})
	subscription.Node().AddDependency(policy)
}

// arn is that of a thing of SES.
func (o outbox) arn(thing string) string {
	return "arn:" + *o.stack.Partition() + ":ses:" + *o.stack.Region() + ":" + *o.stack.Account() + ":" + thing
}
