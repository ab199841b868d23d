// Package emulator holds the test that the CDK app can be deployed: the CDK's own command line deploys all of it into
// MiniStack, an emulator of AWS that other people wrote, and then what was deployed is used as its users do: README's
// walk-through, an import, dead letters, mail, and every function with its event of events/.
//
// It knows the manifest, the API over HTTP and AWS's wire protocols. What MiniStack does otherwise than AWS is not
// tested here, and named in leftOut. Start with deploy_test.go; `make test-deploy` runs it.
//
// # What the second pass shows
//
// With AUTH=true MiniStack gives each function the credentials of its role, and evaluates IAM policies as it reads
// AWS's documentation: actions and resources, with indexes, queues, objects' prefixes; all operators that the policies
// use, ForAllValues, ForAnyValue, StringLike, StringEquals and Null; each item of a transaction by its own action with
// dynamodb:EnclosingOperation; the queue's policy when S3 announces an upload, and the bucket's, which refuses what
// comes without TLS. The roles of `cdk bootstrap` are judged, too: the deployment itself runs under them. So all that
// the test does was allowed by somebody else's reading of the policies, nothing was denied on the way, and a role with
// one action or its key prefixes less is denied.
//
// MiniStack does not know which partition keys a request names (dynamodb:LeadingKeys), from whom a mail is, and that
// batches of SQS go by the single action: .ci/tools/ministack-start.py tells it, so these facts are this project's
// reading, and what follows from them is not. Not judged is what Lambda does with a role by itself, to read what feeds
// a function and to write its log: there MiniStack's own parts act, with all rights. Whether a policy allows too much
// is not asked here: a test of the manifest holds the grants to what functions do.
package emulator
