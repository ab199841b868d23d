package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"example.com/registrar/functions"
	"example.com/registrar/shared/queue"
)

// What `make run` calls its things; a test holds them to package cloud's.
const (
	localTable     = "registrar"
	localBucket    = "registrar-imports"
	localCursorKey = "local-cursor-key-not-a-secret"
	localAccount   = "000000000000"

	localMailSender       = "Registrar <registrar@example.edu>"
	localConfigurationSet = "registrar"
	localUnsubscribeKey   = "local-unsubscribe-key-not-a-secret"
)

// defaultPort is where `make run` serves the API if nobody says otherwise.
const defaultPort = 8080

// engines are the services that `make run` stands for, on the ports behind the API's.
func engines() []string { return []string{"DYNAMODB", "SQS", "S3", "SESV2"} }

// machine is this machine as a container calls it, with the port of the API of `make run`.
type machine struct {
	host string
	port int
}

// engine is the address of a service's engine.
func (m machine) engine(service string) (string, error) {
	i := slices.Index(engines(), service)
	if i < 0 {
		return "", fmt.Errorf("no engine of `make run` stands for %s", service)
	}
	return fmt.Sprintf("http://%s:%d", m.host, m.port+1+i), nil
}

// Environment is the file of variables for `sam local`: it points the functions at the engines of a `make run` on the
// port. What is the same for all functions stands under Parameters, as SAM has it.
func Environment(all []functions.Function, host string, port int) ([]byte, error) {
	m := machine{host, port}
	file := map[string]map[string]string{"Parameters": {}}
	for _, f := range all {
		own := map[string]string{}
		for name, value := range f.Environment() {
			text, shared, err := m.value(value)
			if err != nil {
				return nil, fmt.Errorf("function %s: %w", f.Name, err)
			}
			if shared {
				file["Parameters"][name] = text
			} else {
				own[name] = text
			}
		}
		for _, service := range f.Services() {
			address, err := m.engine(service)
			if err != nil {
				return nil, fmt.Errorf("function %s: %w", f.Name, err)
			}
			file["Parameters"][endpoint(service)] = address
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

// value is what a variable holds locally, and whether it is the same for all functions.
func (m machine) value(v functions.Value) (text string, shared bool, err error) {
	switch v.Kind {
	case functions.TableName:
		return localTable, true, nil
	case functions.BucketName:
		return localBucket, true, nil
	case functions.CursorKey:
		return localCursorKey, true, nil
	case functions.QueueURL, functions.DeadLetterURL, functions.QueueURLPrefix:
		queues, err := m.engine("SQS")
		name := map[functions.ValueKind]string{
			functions.QueueURL: v.Of, functions.DeadLetterURL: queue.DeadLetterName(v.Of),
		}[v.Kind]
		return queues + "/" + localAccount + "/" + name, v.Kind == functions.QueueURLPrefix, err
	case functions.MailSender:
		return localMailSender, true, nil
	case functions.MailConfigurationSet:
		return localConfigurationSet, true, nil
	case functions.UnsubscribeKey:
		return localUnsubscribeKey, true, nil
	case functions.APIURL: // as whoever reads a mail reaches it
		return fmt.Sprintf("http://127.0.0.1:%d", m.port), true, nil
	case functions.Text:
	}
	return v.Of, false, nil
}

// architectures are Lambda's words for processors, by Go's.
func architectures() map[string]string { return map[string]string{"arm64": "arm64", "amd64": "x86_64"} }

// Config is samconfig.toml: what the SAM CLI takes for granted on this machine, whose binaries of that GOARCH lie in
// .build/sam.
func Config(goarch string) ([]byte, error) {
	declared, ok := architectures()[goarch]
	if !ok {
		return nil, fmt.Errorf("the processor %q: Lambda has %v", goarch, slices.Sorted(maps.Keys(architectures())))
	}
	// A container on Linux does not know this machine by the name that Docker Desktop gives it.
	const document = `# Written by "make sam-env", which "make build" ends with. Functions run in Docker, and use the
# engines of "make run" (HOST=0.0.0.0 make run, so that a container reaches them). .sam-env.json says on which port.
version = 0.1

[default.global.parameters]
region = "us-east-1"
parameter_overrides = ["Architecture=%[1]s"]

[default.build.parameters]
cached = false

[default.local_invoke.parameters]
env_vars = ".sam-env.json"
add_host = ["host.docker.internal:host-gateway"]

[default.local_start_api.parameters]
env_vars = ".sam-env.json"
add_host = ["host.docker.internal:host-gateway"]
`
	return fmt.Appendf(nil, document, declared), nil
}
