# make test is the one command that shows that everything works; the other targets are its parts, or builds.

GO       ?= go
FUZZTIME ?= 5s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X main.version=$(VERSION)
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
BENCH     := $(GO) test -run '^$$' -bench 'Respond|Steps|Find|Draw|Pour' -benchtime 0.1s -count 6 -benchmem \
	./dnsserver ./zones ./snapshot ./policy

# What the tests need beyond Go, as "command=Debian package": a real dig and named-checkzone, and a C compiler for the
# race detector.
TOOLS := dig=bind9-dnsutils named-checkzone=bind9-utils gcc=gcc ld=binutils git=git redis-server=redis-server redis-sentinel=redis-sentinel redis-cli=redis-tools ip=iproute2 systemd-analyze=systemd

.DEFAULT_GOAL := help
.PHONY: help build test tools fmt vet fuzz bench bench-record lint generate docker clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

build: ## build bin/meridian, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/meridian ./cmd/meridian

test: tools fmt vet fuzz ## everything: format, vet, a little fuzzing, then all tests with the race detector
	$(GO) test -race -timeout 15m ./...

tools:
	@missing=""; for tool in $(TOOLS); do \
	  command -v "$${tool%%=*}" >/dev/null || missing="$$missing $${tool#*=}"; \
	done; \
	[ -e /usr/include/stdlib.h ] || missing="$$missing libc6-dev"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get update -q && apt-get install -q -y --no-install-recommends $$missing; } >/tmp/meridian-apt.log 2>&1 || \
	    { cat /tmp/meridian-apt.log >&2; exit 1; }; \
	else \
	  echo "The tests need$$missing. On Debian or Ubuntu run:" >&2; \
	  echo "  sudo apt-get install -y --no-install-recommends$$missing" >&2; \
	  exit 1; \
	fi

fmt:
	@changed=$$(gofmt -l $$(git ls-files '*.go')); \
	[ -z "$$changed" ] || { echo "gofmt would change (run: gofmt -w FILE):"; echo "$$changed"; exit 1; } >&2

vet:
	$(GO) vet ./...

fuzz: ## each fuzz target for FUZZTIME
	@set -e; \
	$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | while read -r pkg dir; do \
	  for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$dir"/*_test.go); do \
	    echo "fuzz $$pkg $$target $(FUZZTIME)"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" </dev/null; \
	  done; \
	done

bench: ## the query path's benchmarks, compared with the record in test/bench
	@new=$$(mktemp); trap 'rm -f "$$new"' EXIT; \
	$(BENCH) >"$$new" && $(GO) run $(BENCHSTAT) record=test/bench/record.txt now="$$new"

bench-record: ## measure the record of bench anew, on an idle machine
	$(BENCH) >test/bench/record.txt

lint: ## golangci-lint, at the version that .golangci.yml is written for
	$(GO) run $(LINT) run ./...

generate: ## the files that are made from others: demo database, configuration schema
	$(GO) generate ./...

docker: ## build the container image
	docker build --build-arg VERSION=$(VERSION) -t meridian:$(VERSION) .

clean:
	rm -rf bin
