# Octolith on one machine, from nothing: `make demo`, `make test`. `make help` lists the rest.
# Everything is installed into .venv here; nothing outside this folder changes.

PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# The folder of real rocks, where there is one (docs/sources.md).
ROCK_DATA ?= $(OCTOLITH_ROCK_DATA)
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Linux without an NVIDIA driver: PyTorch for the CPU, a tenth of the download. Where that index
# cannot be reached, pip goes on with the others.
ifeq ($(shell uname -s),Linux)
ifeq ($(shell command -v nvidia-smi),)
TORCH_INDEX ?= --extra-index-url https://download.pytorch.org/whl/cpu --retries 1
endif
endif

DEMO := results/demo/phantom
SNAKEMAKE := snakemake --profile local --cores $(CORES)

.DEFAULT_GOAL := help
.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

# ---- installation ----------------------------------------------------------------------------

$(VENV)/installed-%: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Octolith needs Python 3.11 or newer, this is %s: make PYTHON=python3.11 ..." \
		% sys.version.split()[0])'
	@echo "Installing into $(VENV): PyTorch (1 of 2)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -q torch $(TORCH_INDEX)
	@echo "Installing into $(VENV): everything else (2 of 2); one to three minutes"
	@$(PIP) -e '.[$*]'
	@touch $@

.PHONY: install
install: $(VENV)/installed-workflow ## The workflow and the octolith command, into .venv

# ---- the chain -------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/installed-workflow ## A phantom sandstone from grey scan to report: 20 minutes to an hour on two cores
	@echo "1/2  A phantom sandstone, its coarse scan and its microscope images"
	@test -f $(DEMO)/samples.tsv || octolith phantom $(DEMO) --recipe demo --images 12 --image-size 384
	@echo "2/2  Super-resolving it"
	@$(SNAKEMAKE) --configfile config/demo/config.yaml $(DEMO)/segmentation.yaml
	@echo
	@echo "Done. Open the report in a browser:  $(CURDIR)/results/demo/index.html"

.PHONY: demo-real
demo-real: $(VENV)/installed-workflow ## The same on real rock: make demo-real ROCK_DATA=folder [QUICK=1]
	@for rock in berea-ct berea-lsm sandstone-grey-volume; do test -d "$(ROCK_DATA)/$$rock" || { \
		echo "Where is $$rock/? make demo-real ROCK_DATA=folder (docs/sources.md)"; exit 1; }; done
	@mkdir -p results/real
	@sed 's|ROCK_DATA|$(abspath $(ROCK_DATA))|g' config/real/samples.tsv > results/real/samples.tsv
	@$(SNAKEMAKE) --configfile config/real/config.yaml $(if $(QUICK),config/real/quick.yaml)
	@echo
	@echo "Done. Open the report in a browser:  $(CURDIR)/results/real/index.html"

# ---- checks ----------------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/installed-dev ## The tests, in under 15 minutes on two cores
	@pytest -n auto --maxprocesses 4 --dist loadfile -m "not slow and not slurm and not gpu"
	@pytest -q --doctest-modules src

.PHONY: test-slow
test-slow: $(VENV)/installed-dev ## The slow tests, and those that need Slurm
	@pytest -m "slow or slurm"

.PHONY: test-gpu
test-gpu: $(VENV)/installed-dev ## The tests that need a CUDA device: half a minute
	@pytest -m gpu

.PHONY: lint
lint: $(VENV)/installed-dev ## Style, types, and the workflow's own rules
	@ruff check .
	@ruff format --check .
	@mypy
	@snakefmt --check --line-length 100 Snakefile rules
	@test -f results/lint/samples.tsv || octolith phantom results/lint --recipe demo --size 16 --images 4 \
		--image-size 80
	@snakemake --lint --configfile config/demo/config.yaml results/lint/segmentation.yaml \
		--config samples=results/lint/samples.tsv

.PHONY: pins
pins: $(VENV)/installed-dev ## The versions of this environment into constraints.txt and envs/
	@python envs/pin.py

# ---- benchmarks ------------------------------------------------------------------------------

.PHONY: bench-octree bench-descriptors bench-smoothing bench-scale network-rocks validate learn experiments
bench-octree: $(VENV)/installed-dev ## Octree engines against each other
	@python benchmarks/bench_octree.py
bench-descriptors: $(VENV)/installed-dev ## Descriptors against porespy and friends
	@python benchmarks/bench_descriptors.py
bench-smoothing: $(VENV)/installed-dev ## The categorical median against scipy's
	@python benchmarks/bench_smoothing.py
bench-scale: $(VENV)/installed-dev ## 16x to 1024³ voxels, out of core: five minutes on two cores
	@python benchmarks/bench_scale.py
network-rocks: $(VENV)/installed-dev ## Pore networks of real rocks: make network-rocks ROCK_DATA=folder
	@OCTOLITH_ROCK_DATA=$(abspath $(ROCK_DATA)) python benchmarks/network_rocks.py
validate: $(VENV)/installed-dev ## Is the rock truer? Rocks of known truth: make validate ROCK_DATA=folder
	@OCTOLITH_ROCK_DATA=$(abspath $(ROCK_DATA)) python benchmarks/validate.py --threads $(CORES)
learn: $(VENV)/installed-dev ## Does the preset learn, stage by stage? On the phantom, against interpolation
	@python benchmarks/learn.py phantom
experiments: $(VENV)/installed-dev ## Layered rock and few images, measured: make experiments ROCK_DATA=folder
	@OCTOLITH_ROCK_DATA=$(abspath $(ROCK_DATA)) python benchmarks/experiments.py

.PHONY: clean
clean: ## Remove results and the environment
	@rm -rf results $(VENV) .snakemake
