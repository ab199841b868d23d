package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// suppression is what cdk-nag's AwsSolutions rules find and we leave so.
type suppression struct{ rule, resource, reason string }

// suppressions stand here and not at the resources, so that templates are free of them and one sees at a glance what
// was decided. Resources are regular expressions of paths.
var suppressions = []suppression{
	{
		"AwsSolutions-APIG4", `/\w+Route$`, "nobody signs in yet. Who may call will depend on the record that is asked " +
			"for, so " +
			"the operation decides and not the gateway: Access in its declaration says for whom it is meant",
	},
	{
		"AwsSolutions-IAM5", `/(ImportsCreate|ImportsApply|EventsRelay)Role$`, "the objects under a prefix of the bucket, " +
			"whose keys nobody knows before; testPolicies finds any other wildcard",
	},
	{
		"AwsSolutions-S1", `data/Bucket/Resource$`, "objects are reached only by addresses that the API signs, and logs, " +
			"and by " +
			"functions; a log of the bucket's own would need a bucket more, and says less. CloudTrail's data events do it for " +
			"an " +
			"account that has to",
	},
	{
		"AwsSolutions-SMG4", `data/(Cursor|Unsubscribe)Key/Resource$`, "these keys guard cursors and addresses to " +
			"unsubscribe " +
			"at, both in the hands of people; another key voids them. docs/operations.md says how to change one that leaked",
	},
	{"AwsSolutions-SQS3", `data/FailedRunsQueue$`, "it is a dead-letter queue, of schedules and not of a queue"},
}

// addChecks adds cdk-nag's rules of AWS's Well-Architected Framework, which write what they find beside the templates.
func addChecks(app awscdk.App) {
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{
		Reports: jsii.Bool(true), ReportFormats: &[]cdknag.NagReportFormat{cdknag.NagReportFormat_JSON},
	}), nil)
}

// testFindings holds what cdk-nag finds to the suppressions, and these to what it finds.
func (s system) testFindings(t *testing.T) {
	reports, err := filepath.Glob(filepath.Join(s.folder, "AwsSolutions-*-NagReport.json"))
	if err != nil || len(reports) != len(s.stacks) {
		t.Fatalf("%d reports of %d stacks: %v", len(reports), len(s.stacks), err)
	}
	checked, used := 0, make([]bool, len(suppressions))
	for _, name := range reports {
		var report struct {
			Lines []struct{ RuleID, ResourceID, Compliance, RuleInfo string }
		}
		convert(t, json.RawMessage(readFile(t, name)), &report)
		for _, line := range report.Lines {
			checked++
			if line.Compliance == "Compliant" {
				continue
			}
			i := slices.IndexFunc(suppressions, func(s suppression) bool {
				return s.rule == line.RuleID && regexp.MustCompile(s.resource).MatchString(line.ResourceID)
			})
			if i < 0 || line.Compliance != "Non-Compliant" {
				t.Errorf("%s: %s (%s): %s", line.ResourceID, line.RuleID, line.Compliance, line.RuleInfo)
				continue
			}
			used[i] = true
		}
	}
	for i, one := range suppressions {
		if !used[i] {
			t.Errorf("%s of %s is suppressed, and not found", one.rule, one.resource)
		}
	}
	if checked < len(s.functions) {
		t.Errorf("cdk-nag looked at %d things, of %d functions", checked, len(s.functions))
	}
}
