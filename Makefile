# Everything from nothing but Python 3.11 and make: each target first makes what it needs (.venv, from the lock).
# Words after ARGS= are passed on:  make demo ARGS=--check   make test ARGS="tests/local -x"

ARGS ?=
SEEDS ?= 5000
PROFILE ?= smoke
BIN := .venv/bin
SETUP := infra/local/bootstrap.sh
PACKAGES := sdk/python api backbone bellwire gateway infra loadtests benchmarks chaos drill conformance examples tests
LOCKED := pyproject.toml sdk/python/pyproject.toml uv.lock $(SETUP)
# Killing make ends the demo too: what the recipe becomes gets SIGTERM when make is gone.
WITH_MAKE = exec $(BIN)/python -I -S infra/local/leash.py $$PPID 15 $$(id -u) $$(id -g)
# Tests run in processes side by side, each with servers of its own; a file stays in one. LANES=0 is one after another.
LANES ?= 2
PYTEST = exec $(BIN)/pytest -n $(LANES) --dist loadfile --no-loadscope-reorder --durations=10
# Tests of the pure parts: no server, no socket, no clock.
PURE := core contract $(addprefix api/test_, card_numbers.py migration_files.py money.py rules.py strict_json.py text.py webhook_rules.py) \
	$(addprefix gateway/test_, drain.py plain_frames.py turned_away.py) $(addprefix sdk/test_, core.py machine.py vectors.py)
# What the lock says, with the hash of each file, for those who install without uv: everything, the image's part, what
# builds the wheel there, and uv itself.
EXPORT := $(BIN)/uv export --quiet --locked --no-header --no-emit-workspace
EXPORTS := "requirements.txt --all-extras" "infra/images/requirements.txt --no-dev --extra otel" \
	"infra/images/load.txt --no-dev --extra load --extra otel" \
	"infra/images/build.txt --only-group build" "infra/local/uv.txt --only-group uv"

# What builds a wheel is known by its hash.
WHEEL := $(BIN)/uv build --quiet --wheel --build-constraints infra/images/build.txt --require-hashes \
	--python $(BIN)/python --no-create-gitignore --out-dir dist/machine

# A user without a home: uv keeps here what it has downloaded.
ifeq ($(UV_CACHE_DIR)$(XDG_CACHE_HOME)$(shell [ ! -w "$$HOME" ] && [ ! -w "$$HOME/.cache" ] || echo home),)
export UV_CACHE_DIR := $(CURDIR)/.venv/.uv-cache
endif

# Many containers forbid bytecode in the tree. Compiled anew in each process, a pod's imports take 1.9 s of CPU and not
# 0.7: then it is kept in .venv.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/.venv/bytecode
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-all cov simulate check load chaos drill conformance bench screenshots fmt lock audit-deps wheels image image-digests clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/.demo ## run the whole cluster on http://127.0.0.1:8080; Ctrl-C stops all of it
	@$(WITH_MAKE) $(BIN)/python -m infra.local $(ARGS)

test: .venv/.all ## run the tests against real servers, all but those that are marked as long
	@$(PYTEST) -m "not long" $(ARGS)

test-all: .venv/.all ## run all tests, the long ones too
	@$(PYTEST) $(ARGS)

cov: .venv/.all ## hold the pure parts to full branch coverage, by their own quick tests
	@$(BIN)/coverage run -m pytest -q --hypothesis-profile coverage $(addprefix tests/, $(PURE)) $(ARGS)
	@exec $(BIN)/coverage report

simulate: .venv/.all ## run the simulator: make simulate SEEDS=50000, or SEEDS="1 4711" for one seed alone
	@exec $(BIN)/python -m tests.simulation $(SEEDS)

check: .venv/.all ## check format, lint, types and the lock
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy --python-version 3.10 --package bellwire_terminal
	@for each in $(EXPORTS); do set -- $$each; file=$$1; shift; \
		$(EXPORT) "$$@" | diff "$$file" - || { echo "$$file differs from the lock: make lock"; exit 1; }; done

# Another cluster than the running demo: make load PROFILE=ramp ARGS="--host … --operator-key-file … --remote …"
load: .venv/.all ## put load on the running demo, or OWN=1 on a cluster of its own, and judge it; bellwire-load list
	@$(if $(OWN),$(WITH_MAKE) $(BIN)/python -m infra.local.loaded,exec $(BIN)/bellwire-load run) $(PROFILE) $(ARGS)

chaos: .venv/.all ## break a cluster of its own in every way under load, and count what was lost
	@mkdir -p .bellwire
	@$(WITH_MAKE) $(BIN)/python -m chaos $(ARGS)

drill: .venv/.all ## break a cluster of its own before a real Prometheus: which alerts come, when, and end
	@mkdir -p .bellwire
	@$(WITH_MAKE) $(BIN)/python -m drill $(ARGS)

conformance: .venv/.all ## put the WebSocket protocol before the Autobahn testsuite; ARGS=--quick without its long cases
	@$(WITH_MAKE) nice $(BIN)/python -m conformance $(ARGS)

bench: .venv/.all ## run the benchmarks and print ratios
	@$(WITH_MAKE) $(BIN)/python -m benchmarks $(ARGS)

screenshots: .venv/.all ## take the README's pictures of the pages; ARGS="wall shop" for some of them
	@$(WITH_MAKE) $(BIN)/python -m infra.screenshots $(ARGS)

fmt: .venv/.all ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

lock: .venv/.uv ## take the newest versions that pyproject.toml allows, and lock them
	@$(BIN)/uv lock --upgrade
	@for each in $(EXPORTS); do set -- $$each; file=$$1; shift; $(EXPORT) "$$@" > "$$file" || exit 1; done

audit-deps: .venv/.uv ## is a weakness known of what is locked? 1: yes; 2: it could not be looked up
	@UV_PYTHON_DOWNLOADS=never exec $(BIN)/uv run --quiet --isolated --locked --only-group audit \
		--python $(BIN)/python python -m infra.supply.audit

image-digests: .venv/.all ## ask the registry which images the base images' tags stand for; 2: it cannot be reached
	@exec $(BIN)/python -m infra.supply.digests $(ARGS)

wheels: .venv/.uv ## build what a machine of yours installs, into dist/machine: our wheels, and the lock of what they need
	@$(WHEEL) --clear . && $(WHEEL) sdk/python
	@cp infra/images/requirements.txt dist/machine && ls dist/machine/*

image: .venv/.all ## build the image with docker, podman or buildah, and list what is in it
	@exec $(BIN)/python -m infra.images.build $(ARGS)

clean: ## remove everything that make made and can make again
	rm -rf gateway/fanout/libfanout.so .tools .bellwire .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -L .venv ] || { [ -d .venv ] && [ ! -e .venv/.bootstrap ]; }; then echo "left .venv, which was not made here"; \
		else echo rm -rf .venv; rm -rf .venv; fi

# Whose Python is gone, as after an upgrade of the system's, is made again.
ifneq ($(shell .venv/bin/python -I -S -c '' 2>/dev/null || echo gone),)
.PHONY: .venv/.uv .venv/.demo .venv/.all
endif

.venv/.uv: $(SETUP)
	@sh $(SETUP)

.venv/.demo: $(LOCKED)
	@sh $(SETUP) demo

.venv/.all: $(LOCKED)
	@sh $(SETUP) demo dev load bench
	@touch .venv/.demo
