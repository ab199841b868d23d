# Every command of the project. `make` lists them; each line's text is the help.
.DEFAULT_GOAL := help
SHELL := bash

# infra/cdk needs Node and a large module, so it has targets of its own.
PACKAGES = $(shell go list ./... | grep -v /infra/cdk)
FUNCTIONS = $(patsubst functions/%/main.go,%,$(wildcard functions/*/*/main.go))
HOST_ARCH = $(shell go env GOHOSTARCH)

# A function's binary for Lambda: without C, symbols and Lambda's old RPC, and without this machine's paths and commit, so that
# equal sources give equal packages. TAGS=otel adds OpenTelemetry: spans of requests, messages and calls, which are exported over
# OTLP/HTTP to OTEL_EXPORTER_OTLP_ENDPOINT.
comma = ,

# The Runtime API, DynamoDB, SQS, S3 and SES are spoken to in HTTP/1.1: HTTP/2 would be 4 % of a function's package.
LEAN = lambda.norpc,nethttpomithttp2
BUILD = CGO_ENABLED=0 go build -buildvcs=false -tags $(LEAN)$(if $(TAGS),$(comma)$(TAGS)) -trimpath -ldflags "-s -w"

# program builds one of the project's own commands and runs it: $(call program,local/follow) is infra/local/follow.
program = go build -o .build/bin/$(notdir $(1)) ./infra/$(1) && .build/bin/$(notdir $(1))

# Without this CDK's bridge to Node prints a long warning that it will not support this version of Node for ever.
NODE_QUIET = JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

## --- use it

.PHONY: run
run: ## start everything on this machine, with sample data (PORT, HOST, SEED=none, LAMBDA=processes, CONTENTION=aws, FAULTS, DATA_DIR, LOG=json, AWS_ENDPOINT_URL_*)
	@$(if $(filter processes,$(LAMBDA)),$(MAKE) --no-print-directory build-local)
	@test -e .build/bin/local || echo "building the local cloud (infra/local), which takes about a minute the first time"
	@export LAMBDA=$(LAMBDA) LOG=$(LOG) LOG_LEVEL=$(LOG_LEVEL) LOG_FILE=$(LOG_FILE); $(call program,local)

# The log has the port in its name, so that two systems on one machine write to two files.
LOG_FILE ?= .build/run-$(PORT).log

.PHONY: follow
follow: ## all log lines of `make run` that one request caused, in any function: make follow ID=<its X-Correlation-Id>
	@$(call program,local/follow) -log $(LOG_FILE) -id "$(ID)"

# One build for this machine, of all functions, for LAMBDA=processes.
.PHONY: build-local
build-local:
	@echo "building $(words $(FUNCTIONS)) functions for this machine, which takes some minutes the first time"
	@printf '%s\n' $(FUNCTIONS) | xargs -P 2 -I '{}' bash -c 'f="{}"; $(BUILD) -o .build/local/$${f/\//-}/bootstrap ./functions/$$f'

# Where `make run` is, for the commands that speak to it: the API, and the engines on the next four ports, if not those that the
# environment names.
PORT ?= 8080
API ?= http://127.0.0.1:$(PORT)
engine = AWS_ENDPOINT_URL_$(1)=$${AWS_ENDPOINT_URL_$(1):-http://127.0.0.1:$$(($(PORT)+$(2)))}
ENGINES = AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local \
  $(call engine,DYNAMODB,1) $(call engine,SQS,2) $(call engine,S3,3) $(call engine,SESV2,4)

.PHONY: import
import: ## import a file: make import FILE=… (KIND, CODE of the term, FORMAT, MAPPING, COMPLETE=1, DRY=1, THRESHOLD=5, SHIFT=years)
	@$(call program,local/import) -api $(API) -file "$(FILE)" $(if $(KIND),-kind "$(KIND)") $(if $(CODE),-term "$(CODE)") \
	  $(if $(FORMAT),-format "$(FORMAT)") $(if $(MAPPING),-mapping "$(MAPPING)") $(if $(COMPLETE),-complete) $(if $(DRY),-dry) $(if $(THRESHOLD),-threshold "$(THRESHOLD)") \
	  $(if $(SHIFT),-shift "$(SHIFT)")

.PHONY: replay
replay: ## register all students of the imported term again, 64 at a time, and check the counts: make replay FILE=…
	@$(call program,local/replay) -api $(API) $(if $(FILE),-file "$(FILE)") $(if $(CODE),-term "$(CODE)")

.PHONY: invoke
invoke: ## run one function's real binary with its event: make invoke FN=courses-create
	@$(call program,local/invoke) -check -function "$(FN)" $(if $(EVENT),-event "$(EVENT)")
	@$(BUILD) -o .build/local/$(FN)/bootstrap ./functions/$(subst -,/,$(FN))
	@.build/bin/invoke -function $(FN) $(if $(EVENT),-event "$(EVENT)")

.PHONY: trigger
trigger: ## start now, in the running system, what a schedule starts: make trigger FN=audit-reconcile
	@export $(ENGINES); $(call program,local/invoke) -check -trigger -function "$(FN)" $(if $(EVENT),-event "$(EVENT)")
	@export $(ENGINES); $(MAKE) --no-print-directory invoke FN=$(FN)

## --- look after it: `make run` on this machine, or with STACK=registrar-prod-data a stack on AWS

.PHONY: redrive
redrive: ## move all dead letters of a queue back to it: make redrive QUEUE=imports (RATE=10 a second, STACK=…)
	@$(if $(STACK),,export $(ENGINES);) $(call program,redrive) -queue "$(QUEUE)" $(if $(RATE),-rate "$(RATE)") $(if $(STACK),-stack "$(STACK)")

.PHONY: republish
republish: ## send events to their queues again: make republish FROM=2026-11-24T09:00:00Z TO=… (SUBJECT=section/…, DRY=1, STACK=…)
	@$(if $(STACK),,export $(ENGINES);) $(call program,republish) -from "$(FROM)" -to "$(TO)" -subject "$(SUBJECT)" $(if $(DRY),-dry) $(if $(STACK),-stack "$(STACK)")

## --- build it

.PHONY: build
build: ## every function for arm64 and amd64, and their sizes (TAGS=otel: with OpenTelemetry)
	@for arch in arm64 amd64; do for f in $(FUNCTIONS); do echo "$$arch $$f"; done; done | \
	  xargs -P 2 -L 1 bash -c 'GOOS=linux GOARCH=$$0 $(BUILD) -o .build/$$0/$${1/\//-}/bootstrap ./functions/$$1'
	@$(MAKE) --no-print-directory sam-env
	@go run ./infra/budget

# The processor whose binaries the SAM CLI runs, in Go's word.
SAM_ARCH ?= $(HOST_ARCH)

.PHONY: sam-env
sam-env: ## tell the SAM CLI of this machine: samconfig.toml and .sam-env.json for the engines of `make run` on PORT=8080 (SAM_ARCH, SAM_HOST)
	@mkdir -p .build && ln -sfn $(SAM_ARCH) .build/sam
	@go run ./infra/sam -arch $(SAM_ARCH) -port $(PORT) $(if $(SAM_HOST),-host "$(SAM_HOST)")

.PHONY: budget
budget: build ## write the sizes of the functions into functions/budget.txt
	@go run ./infra/budget -write >/dev/null

.PHONY: generate
generate: ## write template.yaml and the OpenAPI document from the manifest
	go run ./infra/openapi
	go run ./infra/sam

.PHONY: synth
synth: ## synthesize the CDK app into .build/cdk.out (needs Node; make build first)
	rm -rf .build/cdk.out
	$(NODE_QUIET) go run ./infra/cdk

## --- test it

# Tests are short-lived: a larger heap saves a fifth of their processor time, and a little of the compiler's.
test: export GOGC = 400
.PHONY: test
test: ## all tests that need Go alone
	@test -z "$$(gofmt -l shared functions infra)" || { echo "gofmt would change:"; gofmt -l shared functions infra; exit 1; }
	@echo go vet; go vet $(PACKAGES)
	@go test $(PACKAGES) | grep -v "no test files"; exit $${PIPESTATUS[0]}
	@go vet -tags otel ./shared/lambdahost && go test -tags otel ./shared/lambdahost

.PHONY: test-race
test-race: ## the same tests under the race detector (needs a C compiler)
	@CGO_ENABLED=1 go test -race $(PACKAGES) | grep -v "no test files"; exit $${PIPESTATUS[0]}

.PHONY: test-integration
test-integration: ## on an independent DynamoDB and SQS; boto3 and the aws CLI on ours; every built binary with its event, and in Docker by `sam local`; generated clients; Schemathesis (make build first)
	.ci/tools/engines run $(MAKE) --no-print-directory test-engines
	tools=$$(.ci/tools/sam) && TOOLS=$$tools go test -count=1 -run TestClients ./infra/local/cloud
	BINARIES=.build/$(HOST_ARCH) go test -count=1 ./infra/local/invoke
	SAM=../../.ci/tools/sam BINARIES=.build/$(HOST_ARCH) go test -count=1 -v -run TestSAMLocal ./infra/sam
	node=$$(.ci/tools/openapi) && NODE=$$node go test -count=1 -run TestGeneratedClients ./infra/openapi
	schemathesis=$$(.ci/tools/schemathesis) && SCHEMATHESIS=$$schemathesis go test -count=1 -timeout 30m -v -run TestSchemathesis ./infra/openapi

# The store, the API and the engines' suites, on the engines that AWS_ENDPOINT_URL_* name.
.PHONY: test-engines
test-engines:
	go test -count=1 -v -run TestPath ./infra/local/cloud # first: a relay begins with whatever the stream holds
	go test -count=1 -skip TestPath ./shared/dynamo ./infra/local/cloud
	go test -count=1 -run TestSuite_ ./infra/local/dynamodb ./infra/local/sqs

.PHONY: test-infra
test-infra: ## assertions on the synthesized CDK app (needs Node)
	go vet ./infra/cdk/... && $(NODE_QUIET) go test -count=1 ./infra/cdk/...

# MiniStack runs functions as processes of this machine, so the app that is deployed there is for its processor.
CDK_ARCHITECTURE = $(if $(filter amd64,$(HOST_ARCH)),x86_64,$(HOST_ARCH))
ASSEMBLY = $(CURDIR)/.build/deploy
TEST_DEPLOY = AWS_CDK=$$cdk ASSEMBLY=$(ASSEMBLY) .ci/tools/ministack run \
  go test -count=1 -timeout 20m -v -run TestDeploy ./infra/emulator

.PHONY: test-deploy
test-deploy: ## the CDK CLI deploys the app into MiniStack, where it is used; again with IAM policies enforced (Linux, Node, Python; make build first)
	@rm -rf $(ASSEMBLY)
	cd infra/cdk && $(NODE_QUIET) ../../.ci/tools/cdk synth --quiet --output $(ASSEMBLY) \
	  --context sender=registrar@example.edu --context architecture=$(CDK_ARCHITECTURE)
	cdk=$$(.ci/tools/cdk) && $(TEST_DEPLOY)
	cdk=$$(.ci/tools/cdk) && AUTH=true $(TEST_DEPLOY)

.PHONY: template-check
template-check: ## template.yaml and the OpenAPI document are up to date with the manifest; linters of SAM and CloudFormation
	SAM=../../.ci/tools/sam go test -count=1 ./infra/sam ./infra/openapi
	.ci/tools/sam sam validate --lint
	.ci/tools/sam sam build

.PHONY: lint-openapi
lint-openapi: ## Redocly and Spectral on the OpenAPI document; each must find a planted fault first (needs Node)
	@mkdir -p .build
	@sed 's/"operationId": "courses-get"/"operationId": "courses-list"/' functions/docs/openapi.json > .build/planted.json
	@if $(REDOCLY) .build/planted.json >/dev/null 2>&1; then echo "Redocly missed a planted fault"; exit 1; fi
	@if $(SPECTRAL) .build/planted.json >/dev/null 2>&1; then echo "Spectral missed a planted fault"; exit 1; fi
	$(REDOCLY) functions/docs/openapi.json
	$(SPECTRAL) functions/docs/openapi.json

REDOCLY = .ci/tools/openapi redocly lint --config infra/openapi/redocly.yaml
SPECTRAL = .ci/tools/openapi spectral lint --ruleset infra/openapi/spectral.yaml --fail-severity hint

.PHONY: cfn-lint
cfn-lint: ## cfn-lint on the synthesized templates; it must find a planted fault first (make synth first)
	@printf 'Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {VisibilityTimeout: often}\n' > .build/planted.yaml
	@if .ci/tools/sam cfn-lint -t .build/planted.yaml >/dev/null; then echo "cfn-lint missed a planted fault"; exit 1; fi
	.ci/tools/sam cfn-lint -t .build/cdk.out/*.template.json

.PHONY: budget-check
budget-check: ## no function is larger than functions/budget.txt allows (make build first)
	@go run ./infra/budget -check >/dev/null

.PHONY: lint
lint: ## golangci-lint, the pinned version
	.ci/tools/golangci-lint run ./shared/... ./functions/... ./infra/...

ROUNDS ?= 20

.PHONY: soak
soak: ## tests of races, histories, message orders and kills, many times, under the race detector: ROUNDS=20
	CGO_ENABLED=1 SOAK=$(ROUNDS) go test -race -count=1 -timeout 0 -run 'Race|Histories|FIFO_Order|Killed|Committed' \
	  ./infra/local/cloud ./infra/local/histories ./infra/local/sqs ./infra/local
	CGO_ENABLED=1 go test -race -count=$(ROUNDS) -timeout 0 ./shared/dynamo ./infra/local/dynamodb

REGISTRATIONS ?= 10000

.PHONY: kill
kill: build-local ## functions, messages and the whole of `make run` are killed while REGISTRATIONS=10000 are made; then all is counted
	KILL=$(REGISTRATIONS) go test -count=1 -timeout 60m -v -run TestNothingIsLost ./infra/local/kill

SEEDS ?= 100
SEED ?= 1

.PHONY: simulate
simulate: ## the whole local cloud in simulated time, with faults and restarts, and an audit: SEEDS=100 SEED=1
	@SEEDS=$(SEEDS) SEED=$(SEED) go test -count=1 -timeout 0 -v -run TestSimulate ./infra/local/simulate | \
	  grep -vE '^ *(===|--- PASS)'; exit $${PIPESTATUS[0]}

SIZES ?= 1000,100000,1000000

GROWTH ?= 5860,58600,586000

.PHONY: bench
bench: ## the embedded DynamoDB at SIZES=1000,100000,1000000 items beside dynoxide, and moto at 1,000 (AGAINST=none: alone); what GROWTH=5860,58600,586000 items cost it, and a tenth of them the other engines
	go run ./infra/local/bench -growth $(GROWTH)
ifeq ($(AGAINST),none)
	go run ./infra/local/bench -sizes $(SIZES)
else
	.ci/tools/engines run .ci/tools/moto run bash -c 'go run ./infra/local/bench -sizes $(SIZES) \
	  -against "dynoxide=$$AWS_ENDPOINT_URL_DYNAMODB,moto=$$MOTO_ENDPOINT@1000"'
endif

TURNS ?= 4
TURN ?= 2500ms

.PHONY: bench-peers
bench-peers: ## ratios: an enrolment and a read by Flask, FastAPI, Go with pgx on PostgreSQL, and Registrar, in one run (TURNS=4 of TURN=2500ms each)
	@for f in registrations-create sections-get; do $(BUILD) -o .build/local/$$f/bootstrap ./functions/$${f/-//} || exit 1; done
	@go build -o .build/peers/ ./infra/local/bench/peers ./infra/local/bench/peers/pgxserver
	@tools=$$(.ci/tools/peers) && .build/peers/peers -tools "$$tools" -functions .build/local \
	  -pgxserver .build/peers/pgxserver -rounds $(TURNS) -long $(TURN)

BASE ?= main
PAIRS ?= 200
MOST ?= 1.03
MOST_BARE ?= 1.65

.PHONY: bench-start
bench-start: ## ratios: a function's start against the least function there is, and against itself at another commit: BASE=main (none: without) FN=registrations-create PAIRS=200
	@test -f functions/$(subst -,/,$(or $(FN),registrations-create))/main.go || \
	  { echo "FN=$(FN) is no function; 'make invoke' lists them"; exit 2; }
	@rm -rf .build/start && mkdir -p .build/start/tree
ifneq ($(BASE),none)
	@git archive "$(BASE)" | tar -x -C .build/start/tree
	@cd .build/start/tree && $(BUILD) -o ../base/bootstrap ./functions/$(subst -,/,$(or $(FN),registrations-create))
endif
	@$(subst $(LEAN),lambda.norpc,$(BUILD)) -o .build/start/bare/bootstrap ./infra/local/bare/start
	@$(BUILD) -o .build/start/head/bootstrap ./functions/$(subst -,/,$(or $(FN),registrations-create))
	@go run ./infra/local/starts -bare .build/start/bare/bootstrap $(if $(filter none,$(BASE)),,-base .build/start/base/bootstrap) \
	  -head .build/start/head/bootstrap -function $(or $(FN),registrations-create) -pairs $(PAIRS) -most $(MOST) -most-bare $(MOST_BARE)

.PHONY: bench-warm
bench-warm: ## ratios: the processor time of enrolling and of reading a section, against handlers by hand on the same store: PAIRS=200
	@for name in enrol section; do $(BUILD) -o .build/warm/$$name/bootstrap ./infra/local/bare/$$name; done
	@for name in registrations-create sections-get; do $(BUILD) -o .build/warm/$$name/bootstrap ./functions/$${name/-//}; done
	@go run ./infra/local/warm -binaries .build/warm -pairs $(PAIRS) -most-enrol 1.10 -most-read 1.12
