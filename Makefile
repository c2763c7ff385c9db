# Everything that a newcomer, CI or a release runs, each by one word.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
COMPILE := uv pip compile --no-strip-extras --universal --generate-hashes --no-header --python-version 3.11

.PHONY: demo test golden lint check soak mutants bench deploy-check container-check pictures lock fuzz clean

demo: $(READY)          ## the tour: a local API, the example repository, a plan, a sync, drift, a prune
	$(BIN)/syncer demo

test: $(READY)          ## the tests, in parallel; in CI with coverage, which makes them slower
	$(BIN)/pytest -n auto $(if $(CI),--cov --cov-report=term:skip-covered)

golden: $(READY)        ## writes anew what tests keep for people to read (reports, --help); look at the difference
	SYNCER_UPDATE_GOLDEN=1 $(BIN)/pytest tests/report/test_golden.py tests/cli/test_cli_help.py

lint: $(READY)          ## style, types and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test        ## what CI runs

deploy-check: $(READY)  ## every manifest, workflow and action against its schema, the rules against what is sent; offline
	$(BIN)/pytest tests/deploy -n 2

container-check: $(READY) ## the install steps of the image, without a container engine, and a run as a pod's user
	$(BIN)/python container/check.py

soak: $(READY)          ## runs through faults of every kind, by seeds that nobody tried yet; MINUTES=10
	$(BIN)/python tests/faults/soak.py --minutes $(or $(MINUTES),10)

mutants: $(READY)       ## mutants of diff, plan, apply and the pager, each against the tests that reach it; takes an hour; JOBS=1
	$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	nice -n 15 $(BIN)/python tests/mutants.py --jobs $(or $(JOBS),1)

bench: $(READY)         ## what a run costs, against a floor; takes minutes, wants a quiet machine
	$(BIN)/python -m benchmarks

SECONDS ?= 60
fuzz: $(READY)          ## coverage-guided fuzzing of each parser for SECONDS=60; TARGETS="manifests page plan undo"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/fuzz.lock
	for target in $(or $(TARGETS),manifests page plan undo); do \
	    $(BIN)/python tests/fuzz/fuzz.py $$target -max_total_time=$(SECONDS) || exit 1; done

pictures: $(READY)      ## draws the pictures of the README anew (needs Chromium); look at them
	$(BIN)/python docs/pictures.py

lock:                   ## pins every dependency anew, with hashes (needs uv)
	$(COMPILE) --extra serve --extra metrics --group dev pyproject.toml -o requirements.lock
	$(COMPILE) --extra metrics --constraint requirements.lock pyproject.toml -o container/runtime.lock
	$(COMPILE) --group fuzz -o tests/fuzz/fuzz.lock
	$(COMPILE) --group build --constraint requirements.lock -o container/build.lock

# A lock file names all that there is to install: --no-deps, else pip looks for releases that came out since.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) demo-output
