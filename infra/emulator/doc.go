// Package emulator holds the test that the CDK app can be deployed: the CDK's own command line deploys all of it into
// MiniStack, an emulator of AWS that other people wrote, and then what was deployed is used as its users do. With
// MiniStack's IAM evaluator switched on, the roles' policies are judged by somebody else than their author.
//
// It knows the manifest, the API over HTTP and AWS's wire protocols. What MiniStack does otherwise than AWS is not
// tested here, and named in leftOut. Start with deploy_test.go; `make test-deploy` runs it.
package emulator
