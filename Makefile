# Octolith on one machine, from nothing: `make demo`, `make test`. `make help` lists the rest.
# Everything is installed into .venv here; nothing outside this folder changes.

PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
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
demo: $(VENV)/installed-workflow ## A phantom sandstone from grey scan to report: 15 minutes on two cores
	@echo "1/2  A phantom sandstone, its coarse scan and its microscope images"
	@test -f results/demo/phantom/samples.tsv || octolith phantom results/demo/phantom --recipe demo \
		--images 12 --image-size 384
	@echo "2/2  Super-resolving it"
	@$(SNAKEMAKE) --configfile config/demo/config.yaml
	@echo
	@echo "Done. Open the report in a browser:  $(CURDIR)/results/demo/index.html"
