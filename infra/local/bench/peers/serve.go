package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/logs"
	"example.com/registrar/shared/api"
)

// headersIn is how long a client may take for its headers.
const headersIn = 10 * time.Second

func serve(listener net.Listener, handler http.Handler) error {
	return (&http.Server{Handler: handler, ReadHeaderTimeout: headersIn}).Serve(listener)
}

func listen(ctx context.Context) (net.Listener, string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	return listener, "http://" + listener.Addr().String(), nil
}

// serveStore is the embedded DynamoDB with what a snapshot holds, until the process is ended.
func serveStore(ctx context.Context, snapshot string) error {
	engine := dynamodb.New(dynamodb.Options{})
	file, err := os.Open(snapshot)
	if err != nil {
		return err
	}
	if err := engine.Restore(file); err != nil {
		return err
	}
	_ = file.Close() // it was read
	listener, address, err := listen(ctx)
	if err != nil {
		return err
	}
	fmt.Println(address)
	return serve(listener, engine)
}

// serveRegistrar is the local cloud on the DynamoDB that the environment names. Only what requests call runs: events
// stay in the table's stream, as with the peers. Its throttles are off. Log lines are written, and dropped.
func serveRegistrar(ctx context.Context, functions string) error {
	listener, address, err := listen(ctx)
	if err != nil {
		return err
	}
	queues, queuesAt, err := listen(ctx)
	if err != nil {
		return err
	}
	c, err := cloud.Open(ctx, cloud.Options{
		Getenv: os.Getenv, FindOnly: true, Log: logs.New(io.Discard), System: api.RealSystem(), APIAddress: address,
		SQSAddress: queuesAt, S3Address: "http://s3.local", Unthrottled: true, Processes: functions, Output: io.Discard,
	})
	if err != nil {
		return err
	}
	go func() { _ = serve(queues, c.SQS) }() // ends with the process
	fmt.Println(address)
	return serve(listener, c.API)
}
