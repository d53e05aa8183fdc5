# Every target sets itself up from a fresh clone: a virtual environment in .venv, the pinned requirements, the package
# built in place. Stamp files in .venv/stamps keep the set-up from being repeated; `make clean` forgets it all.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
OUT ?= out
PYTEST_ARGS ?=
NIGHTLY_ARGS ?=

NATIVE := $(shell find csrc -type f ! -name budget.json)
CXX_FILES := $(filter %.cpp %.cu %.cuh %.h,$(NATIVE)) benchmarks/limits.cpp

.PHONY: help demo example test test-fast nightly sanitize clang budget lint wheels bench bench-gpu format hooks clean
