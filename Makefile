# `make tune` and `make test` are all that a new user needs; each builds the environment first.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: tune test check thorough format clean

tune: .venv/ready            ## tune a CNN on digit images; ARGS="--num-trials 60" to go further
	$(BIN)/python -m experiments.tune cnn --num-trials 30 --seed 0 --out runs/cnn $(ARGS)

test: .venv/ready            ## the default tests
	$(BIN)/python -m pytest -n 2 -m "not thorough" $(ARGS)

thorough: .venv/ready        ## the long tests: many seeds, many kills, 50 times the examples
	JBO_THOROUGH=1 $(BIN)/python -m pytest -n 2 -m "thorough or hypothesis" $(ARGS)

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

clean:
	rm -rf .venv runs .pytest_cache .ruff_cache .hypothesis
