package main

import (
	"encoding/json"
	"fmt"

	"example.com/registrar/functions"
)

// What `make run` calls its things; a test holds them to package cloud's. From inside SAM's container this machine is
// host.docker.internal.
const (
	localTable     = "registrar"
	localBucket    = "registrar-imports"
	localCursorKey = "local-cursor-key-not-a-secret"
	localAccount   = "000000000000"
	localHost      = "http://host.docker.internal:"

	localMailSender       = "Registrar <registrar@example.edu>"
	localConfigurationSet = "registrar"
	localUnsubscribeKey   = "local-unsubscribe-key-not-a-secret"
	localAPI              = "http://127.0.0.1:8080" // as whoever reads a mail reaches it
)

func localPorts() map[string]int {
	return map[string]int{"DYNAMODB": 8081, "SQS": 8082, "S3": 8083, "SESV2": 8084}
}

// Environment is the file of variables for `sam local invoke`: it points the functions at the engines of `make run`.
// What is the same for all functions stands under Parameters, as SAM has it.
func Environment(all []functions.Function) ([]byte, error) {
	file := map[string]map[string]string{"Parameters": {}}
	for _, f := range all {
		own := map[string]string{}
		for name, value := range f.Environment() {
			if text, shared := localValue(value); shared {
				file["Parameters"][name] = text
			} else {
				own[name] = text
			}
		}
		for _, service := range f.Services() {
			port, ok := localPorts()[service]
			if !ok {
				return nil, fmt.Errorf("function %s: no engine of `make run` stands for %s", f.Name, service)
			}
			file["Parameters"]["AWS_ENDPOINT_URL_"+service] = fmt.Sprint(localHost, port)
		}
		if len(own) > 0 {
			file[f.LogicalID()] = own
		}
	}
	document, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the environment: %w", err)
	}
	return append(document, '\n'), nil
}

// localValue is what a variable holds locally, and whether it is the same for all functions.
func localValue(v functions.Value) (text string, shared bool) {
	queue := fmt.Sprint(localHost, localPorts()["SQS"], "/", localAccount, "/")
	switch v.Kind {
	case functions.TableName:
		return localTable, true
	case functions.BucketName:
		return localBucket, true
	case functions.CursorKey:
		return localCursorKey, true
	case functions.QueueURL:
		return queue + v.Of, false
	case functions.DeadLetterURL:
		return queue + v.Of + "-dead", false
	case functions.MailSender:
		return localMailSender, true
	case functions.MailConfigurationSet:
		return localConfigurationSet, true
	case functions.UnsubscribeKey:
		return localUnsubscribeKey, true
	case functions.APIURL:
		return localAPI, true
	case functions.Text:
	}
	return v.Of, false
}
