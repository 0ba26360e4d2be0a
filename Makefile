# Every target first does what it depends on. Node 24 and all else come from npm with `make install`.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: install build lint test demo bench format clean

install: node_modules/.installed

node_modules/.installed: package.json package-lock.json
	# Not `npm ci`: it refuses a lock file in which a registry mirror left out the packages of other platforms.
	npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

build: install
	tsc -p tsconfig.build.json

lint: install
	biome check --error-on-warnings .
	tsc --noEmit -p tsconfig.json

test: build lint
	node test/run.ts

demo: build
	node bench/demo.ts

bench: build
	node bench/run.ts

format: install
	biome check --write .

clean:
	rm -rf dist .tmp
