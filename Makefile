# Every target first does what it depends on. Node 24 and all else come from npm with `make install`.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# `make test NODE=22.15.0` runs everything on that version of Node instead, which also comes from npm.
ifdef NODE
NODE_DIRECTORY := .tmp/node-$(NODE)
export PATH := $(CURDIR)/$(NODE_DIRECTORY)/node_modules/node/bin:$(PATH)
# Before 22.18 Node runs TypeScript only with this option.
export NODE_OPTIONS := --experimental-strip-types --disable-warning=ExperimentalWarning
endif

.PHONY: install build lint test soak test-bigquery test-fivetran bigquery-emulator dbt package demo bench format clean

install: node_modules/.installed $(NODE:%=.tmp/node-%/.installed)

node_modules/.installed: package.json package-lock.json
	# Not `npm ci`: it refuses a lock file in which a registry mirror left out the packages of other platforms.
	npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

.tmp/node-%/.installed:
	env -u NODE_OPTIONS npm install --prefix $(@D) --no-audit --no-fund --loglevel=error node@$*
	@touch $@

build: install
	tsc -p tsconfig.build.json

# lint/run.ts finds words to avoid, which are in lint/words.yml, and comment lines over 100 columns.
lint: install
	biome check --error-on-warnings .
	tsc --noEmit -p tsconfig.json
	node lint/run.ts

test: build lint bigquery-emulator dbt
	node test/run.ts

# Hundreds of kills, programs and sets of events, for an hour or more.
soak: build bigquery-emulator
	MIXLOAD_TEST_KILLS=200 MIXLOAD_TEST_STAGE_KILLS=40 MIXLOAD_TEST_PROGRAMS=200 MIXLOAD_TEST_RUNS=33 \
		vitest run --testTimeout 7200000 test/cmd/kill.test.ts test/faults/kill-stages.test.ts test/faults/model.test.ts test/pipeline

# Against Google's own: MIXLOAD_TEST_BIGQUERY=PROJECT/DATASET make test-bigquery
test-bigquery: install
	vitest run --config test/bigquery-real/vitest.config.ts

# The package fivetran/dbt_mixpanel, from a directory that has it as mixpanel, with fivetran_utils and dbt_utils:
# MIXLOAD_TEST_FIVETRAN=DIRECTORY make test-fivetran
test-fivetran: build dbt
	vitest run --config test/fivetran-real/vitest.config.ts

bigquery-emulator: .tmp/bigquery-emulator/.installed

.tmp/bigquery-emulator/.installed: .tmp/python/.installed test/bigquery-emulator/install.sh test/bigquery-emulator/requirements.lock
	test/bigquery-emulator/install.sh $(<D) $(@D)
	@touch $@

dbt: .tmp/dbt/.installed

.tmp/dbt/.installed: .tmp/python/.installed test/dbt/install.sh test/dbt/requirements.lock
	test/dbt/install.sh $(<D) $(@D)
	@touch $@

.tmp/python/.installed: test/python/install.sh
	test/python/install.sh $(@D)
	@touch $@

# The tarball that is published, and that Containerfile builds from.
package: build
	npm pack --ignore-scripts

demo: build
	node examples/demo/demo.ts

bench: build
	node bench/run.ts

format: install
	biome check --write .

clean:
	rm -rf dist .tmp
