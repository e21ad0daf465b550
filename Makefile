# Everything a developer does here. GNU make, POSIX sh, Go and git are enough; the pinned tools build themselves (tools/get).

SHELL := /bin/sh
.DEFAULT_GOAL := help

ifeq ($(shell command -v go),)
$(error Go 1.26 or newer is needed here: https://go.dev/dl, or your system's package)
endif

VERSION ?= $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo dev)
# PKG narrows test, bench and vet: make test PKG=./pkg/event/...
PKG ?= work
# P packages are tested at once. Each may run its own Postgres, so many cores don't mean many packages.
P ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ "$$n" -le 4 ] && echo "$$n" || echo 4)
COMPOSE ?= docker compose

# The modules of go.work, so that a new one can't be forgotten, and every program in them.
MODULES = $(shell go list -m -f '{{.Dir}}')
PATTERNS = $(addsuffix /...,$(MODULES))
MAINS = $(wildcard services/*/cmd/*)
PROGRAMS = $(addprefix bin/,$(notdir $(MAINS)))
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Go stamps programs with the commit. Where git can't tell it (no commit, a checkout owned by somebody else), that would be an error.
export GOFLAGS := $(strip $(shell go env GOFLAGS) $(shell git rev-parse HEAD >/dev/null 2>&1 || echo -buildvcs=false))
BUILD = CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: help build demo test matrix e2e bench lint fmt tidy golden verify verify-format verify-tidy verify-alone verify-golden verify-links verify-cross cross up down clean FORCE

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

build: $(PROGRAMS) ## the programs, static, into bin/

$(PROGRAMS): FORCE
	@$(BUILD) -o $@ ./$(filter %/cmd/$(notdir $@),$(MAINS))

demo: bin/faultwire ## a throwaway Postgres, real LiteLLM rows, a first report: make demo ARGS=--once
	@bin/faultwire demo $(ARGS)

test: ## all tests with the race detector; PKG=./pkg/event/... narrows, TESTFLAGS='-run X -v' is passed on
	@promtool=$$(tools/get promtool) && race=$$(tools/race) && \
	PROMTOOL=$$promtool go test $$race -shuffle=on -timeout 60m -p $(P) $(TESTFLAGS) $(PKG)

# The majors that LiteLLM may run on. P packages at once, one major after the other.
MAJORS ?= 14 15 16 17 18
matrix: ## what talks to Postgres, on every major of MAJORS="14 15 16 17 18"; TESTFLAGS='-run ^TestMatrix' is the short suite
	@race=$$(tools/race) && failed= && log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && \
	for major in $(MAJORS); do \
		begin=$$(date +%s); result=ok; \
		FAULTWIRE_TEST_POSTGRES=$$major go test $$race -shuffle=on -timeout 30m -p $(P) $(TESTFLAGS) ./services/ingest/... >"$$log" 2>&1 || \
			{ result=FAILED; failed=1; cat "$$log"; }; \
		echo "PostgreSQL $$major: $$result, $$(($$(date +%s) - begin)) s"; \
	done; [ -z "$$failed" ]

e2e: ## only the end-to-end tests, with their output
	@$(MAKE) --no-print-directory test PKG=./services/faultwire/... TESTFLAGS='-v $(TESTFLAGS)'

bench: ## benchmarks; PKG=./services/faultwire/bench is ingest against pg_recvlogical (docs/benchmarks.md)
	@go test -run '^$$' -bench . -benchmem -p 1 -timeout 60m $(TESTFLAGS) $(PKG)

lint: ## the house rules (.golangci.yml)
	@$$(tools/get golangci-lint) run $(LINTFLAGS) $(PATTERNS)

fmt: ## format, and fix what a linter can fix
	@$$(tools/get golangci-lint) fmt $(MODULES)
	@$$(tools/get golangci-lint) run --fix $(PATTERNS)

tidy: ## go mod tidy in every module
	@for m in $(MODULES); do echo "tidy $$m"; (cd "$$m" && GOWORK=off go mod tidy) || exit 1; done

golden: ## rewrite the golden files from what the code does now; look at the diff
	@tools/golden update

verify: verify-format verify-tidy verify-alone verify-golden verify-links verify-cross ## what no test sees: modules, platforms, goldens, links

verify-format:
	@bad=$$(gofmt -l $(MODULES)) && [ -z "$$bad" ] || { echo "not formatted (make fmt):"; echo "$$bad"; exit 1; }

verify-tidy:
	@for m in $(MODULES); do (cd "$$m" && GOWORK=off go mod tidy -diff) || { echo "$$m: go.mod or go.sum is not tidy (make tidy)"; exit 1; }; done

verify-alone:
	@for m in $(MODULES); do (cd "$$m" && export GOWORK=off && CGO_ENABLED=0 go build -trimpath ./... && go vet ./...) || { echo "$$m does not build alone (GOWORK=off)"; exit 1; }; done

verify-golden:
	@tools/golden check

verify-links:
	@tools/links

verify-cross:
	@for p in $(PLATFORMS); do \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -trimpath -ldflags '-s -w' $(PATTERNS) || { echo "does not build for $$p"; exit 1; }; \
	done

cross: ## the programs for every platform, into dist/OS-ARCH/
	@for p in $(PLATFORMS); do \
		d=dist/$${p%/*}-$${p#*/}; mkdir -p "$$d"; echo "$$d"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} $(BUILD) -o "$$d/" $(addprefix ./,$(MAINS)) || exit 1; \
	done

up: ## the whole of docker-compose.yml, waiting until it is healthy
	VERSION=$(VERSION) $(COMPOSE) up -d --build --wait

down: ## stop it; volumes stay
	$(COMPOSE) down

clean: ## remove what make built here; caches stay
	rm -rf bin dist
