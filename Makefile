# Everything a user runs; `make` alone lists it. All paths are relative, so that the project may lie
# in a folder whose name has spaces.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# Where the environment is made. An existing one is used as it is: VENV="$CONDA_PREFIX".
VENV ?= .venv
# The interpreter it is made with; by default the first of these that works.
PYTHON ?=
PYTHONS := python3.11 python3.12 python3.13 python3
USABLE := 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
# The corpus that is built, trained on or cleaned: demo, or maps for those who have MAPS.
CORPUS ?= demo
# Where MAPS is; PARTIAL=1 goes on without what is missing or broken in it.
MAPS ?= $(PIANOALIGN_MAPS)
PARTIAL ?=
export PIANOALIGN_MAPS := $(MAPS)
export PIANOALIGN_PARTIAL := $(PARTIAL)
# More options for `dvc repro`: --force computes again what is up to date.
DVC_FLAGS ?=
# PART=1 verifies a few recordings only, in minutes.
PART ?=
# Processes that run tests side by side.
WORKERS ?= 2

PIPELINE := $(if $(filter maps,$(CORPUS)),maps/dvc.yaml,dvc.yaml)
GET_MAPS := give its folder (make repro CORPUS=maps MAPS=/path/to/MAPS), or fetch it first (about \
    310 MB): pianoalign data fetch --corpus maps

# A user's own Python settings must not reach into the environment.
unexport PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Stages call `pianoalign`, so the environment's programs come first.
ACTIVATE = export PATH="$$(cd "$(VENV)" && pwd)/bin:$$PATH"
# DVC asks for a git repository unless told that there is none, as in an unpacked archive.
SCM = $$(if [ -e .git ]; then echo git; else echo none; fi)

# DVC cannot watch a folder outside of the project, so MAPS is checked again every time it is named.
define CHECK_MAPS
if [ "$(CORPUS)" = maps ]; then
    if [ -n "$$PIANOALIGN_MAPS" ] || [ -d data/maps/sources ]; then
        python -m dvc repro --force --single-item maps/dvc.yaml:render
    elif [ ! -e data/maps/eval/recordings.csv ]; then
        echo "make: MAPS is not here: $(GET_MAPS)" >&2
        exit 1
    fi
fi
endef

.PHONY: help setup peers repro verify retrain test lab site clean distclean

help:  ## list the targets (default)
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

setup:  ## create .venv and install the locked packages, unless that is done
	@want="$$(cat pyproject.toml requirements.lock | cksum) $(SCM) $$(pwd -P)"
	stamp="$(VENV)/.pianoalign-installed"
	if [ -x "$(VENV)/bin/python" ] && [ "$$(cat "$$stamp" 2>/dev/null)" = "$$want" ]; then exit 0; fi
	rm -f "$$stamp"
	place="$(VENV)/.pianoalign-place"  # written into an environment made here, and only there
	if [ -f "$$place" ] && [ "$$(cat "$$place")" != "$$(pwd -P)" ]; then
	    rm -rf "$(VENV)"  # moved or copied: its programs point to the old folder
	fi
	if ! "$(VENV)/bin/python" -c 'import pip' 2>/dev/null; then
	    python="$(PYTHON)"
	    for name in $(PYTHONS); do
	        if [ -z "$$python" ] && "$$name" -c $(USABLE) >/dev/null 2>&1; then python="$$name"; fi
	    done
	    if [ -z "$$python" ]; then
	        echo "make: no Python 3.11, 3.12 or 3.13 with venv found (Debian: apt-get install" \
	            "python3-venv); install one or name it: make PYTHON=/path/to/python3.11" >&2
	        exit 1
	    fi
	    echo "Creating $(VENV) with $$("$$python" --version)"
	    if [ -f "$$place" ]; then rm -rf "$(VENV)"; fi  # its Python is gone
	    "$$python" -m venv "$(VENV)"
	    pwd -P > "$$place"
	fi
	# --no-compile: Python compiles what is imported at its first import, a small part of it all.
	echo "Installing PyTorch (1 of 3)"
	"$(VENV)/bin/python" -m pip install --quiet --no-compile -c requirements.lock setuptools torch
	echo "Installing the other packages of requirements.lock (2 of 3)"
	"$(VENV)/bin/python" -m pip install --quiet --no-compile --no-deps -r requirements.lock
	echo "Installing pianoalign (3 of 3)"
	"$(VENV)/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable . \
	    --config-settings editable_mode=compat  # `studies` is found from anywhere, too
	if [ "$(SCM)" = none ]; then
	    "$(VENV)/bin/python" -m dvc config --local core.no_scm true
	elif grep -qs no_scm .dvc/config.local; then
	    "$(VENV)/bin/python" -m dvc config --local --unset core.no_scm
	fi
	echo "$$want" > "$$stamp"

peers: setup  ## install the other tools of table 7, for `python -m benchmarks.field`
	"$(VENV)/bin/python" -m pip install --quiet --no-deps -r requirements-peers.lock

repro: setup  ## rebuild every table and figure from the shipped checkpoints, then print the tables
	@$(ACTIVATE)
	$(CHECK_MAPS)
	python -m dvc repro $(DVC_FLAGS) $(PIPELINE)
	python -m companion tables --corpus $(CORPUS)
	echo
	echo "Report: $$(pwd)/results/$(CORPUS)/report.html"
	if [ "$(CORPUS)" != maps ]; then echo "MAPS, the paper's data, was skipped: $(GET_MAPS)"; fi

verify: setup  ## compute again what is neither trained nor frozen, compare each number with the committed one, print a receipt
	@$(ACTIVATE)
	$(CHECK_MAPS)
	python -m tools.verify --corpus $(CORPUS) $(if $(PART),--part)

# The commands of the stage `train` of training/dvc.yaml, which is frozen: DVC never runs it by itself.
retrain: setup  ## train all variants from scratch (resumable), release their checkpoints, rebuild the tables
	@$(ACTIVATE)
	$(CHECK_MAPS)
	python -m dvc repro $(PIPELINE):render
	unfinished="data/$(CORPUS)/retraining"
	if [ ! -e "$$unfinished" ]; then
	    rm -rf "data/$(CORPUS)/resume"
	    touch "$$unfinished"
	fi
	pianoalign data render --corpus $(CORPUS) --split train
	pianoalign train --corpus $(CORPUS)
	pianoalign release --corpus $(CORPUS)
	python -m dvc commit --force training/dvc.yaml:train@$(CORPUS)
	rm "$$unfinished"
	python -m dvc repro $(PIPELINE)

test: setup  ## run linter, type checker and the whole test suite
	@$(ACTIVATE)
	export OMP_NUM_THREADS=1
	ruff check .
	mypy
	python -m pytest -n $(WORKERS)

lab: setup  ## open JupyterLab on the notebooks
	@$(ACTIVATE)
	# What is uploaded in a notebook is one message; without this, 10 MB are the most, and more is lost.
	exec python -m jupyterlab $$(if [ "$$(id -u)" = 0 ]; then echo --allow-root; fi) \
	    --ServerApp.tornado_settings="{'websocket_max_message_size': 1000000000}" notebooks

site: setup  ## build the static pages: how-tos, notebooks, tables, references
	@$(ACTIVATE)
	python -m tools.site

clean:  ## delete what the pipeline can make again quickly (keeps training runs, results and .venv)
	rm -rf "data/$(CORPUS)/sources" "data/$(CORPUS)/eval" "data/$(CORPUS)/train" "data/$(CORPUS)/predictions"
	rm -rf .dvc/cache .dvc/tmp .mypy_cache .ruff_cache .pytest_cache .hypothesis

distclean: clean  ## clean, and delete .venv
	rm -rf .venv
