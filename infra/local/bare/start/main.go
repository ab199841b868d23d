// Command start is the least function there is: aws-lambda-go and nothing else. `make bench-start` compares the starts
// of the real ones with its.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() {
	lambda.Start(func() error { return nil })
}
