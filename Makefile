# make help lists the verbs.
VENV ?= .venv
PYTHON ?= python3
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# pip compiles what it installs unless this is set; without it, every start takes three times as long.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

sample: $(VENV)/ready ## run the workflow on data_sample and say what was found
	snakemake results/sample/report/report.html --quiet rules
	@echo
	@cat results/sample/report/answer.txt
	@echo
	@echo "Report:  results/sample/report/report.html"
	@echo "Figures: results/sample/draw/<model>/<figure>.svg"

test: $(VENV)/ready ## run the whole test suite, but for test-cluster
	tests/browser/install.sh
	python -m pytest -n auto -m "not cluster"

test-cluster: $(VENV)/ready ## run the sample through a Slurm of its own, with faults (root; else it is skipped)
	tests/cluster/slurm/install.sh
	python -m pytest -n 0 -m cluster tests/cluster

check: $(VENV)/ready ## style, types, and the lint of the workflow
	ruff format --check src tests benchmarks website
	ruff check src tests benchmarks website
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint

format: $(VENV)/ready ## put code and rules into the house style
	ruff format src tests benchmarks website
	ruff check --fix src tests benchmarks website
	snakefmt Snakefile workflow

reference: $(VENV)/ready ## regenerate the reference pages and the schemas
	connect reference

recipes = $(notdir $(basename $(wildcard config/figures/*.yaml)))

docs: $(VENV)/ready ## build the documentation as a site, with every figure of the sample: site/index.html
	snakemake $(recipes:%=figures/%.svg) --quiet rules
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --config-file website/mkdocs.yml
	@echo "Site: site/index.html"

bench: $(VENV)/ready ## time reading and inference against their peers
	python benchmarks/parcellate.py
	python benchmarks/compare.py
	python benchmarks/relate.py

scale: $(VENV)/ready ## measure planning, overhead and memory up to 10,000 scans
	python benchmarks/scale.py

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs,slurm,cluster-generic]'
	touch $@

.PHONY: help sample test test-cluster check format reference docs bench scale
