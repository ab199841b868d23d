# Every command of the project. `make` lists them; each line's text is the help.
.DEFAULT_GOAL := help
SHELL := bash

# infra/cdk needs Node and a large module, so it is in no list but its own.
PACKAGES = $(shell go list ./... | grep -v /infra/cdk)

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

.PHONY: test
test: ## all tests that need Go alone
	@test -z "$$(gofmt -l shared $(wildcard functions infra))" || { echo "gofmt would change:"; gofmt -l shared $(wildcard functions infra); exit 1; }
	go vet $(PACKAGES)
	go test $(PACKAGES)

.PHONY: test-race
test-race: ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race $(PACKAGES)
