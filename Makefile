# Sets up what it needs in this folder and runs it; `make help` lists all.
#
# PYTHON=python3.12    another interpreter for new environments
# TORCH_INDEX=URL      package index of another torch build (CUDA, ROCm, CPU)
# FRESH=1              the demo repeats its finished stages
# RUNS=work_dirs       where `make release` finds runs; SCORE=1 scores them
# JOBS=1               processes that run tests; default: one per core, up to 4

PYTHON ?= python3
ONEDL := .venv
OPENMMLAB := .venv-openmmlab
OLDEST := .venv-oldest
PAGE := .venv-page
WHEELS := ../shared/wheels
TORCH := $(shell grep '^torch==' requirements/runtime.txt)
MMCV := $(shell grep '^mmcv==' requirements/openmmlab.txt)
JOBS ?= auto
RUNS ?= work_dirs
# Files stay together, because tests of a file share what they built. One
# thread in each process is faster than all of them fighting for the cores.
PYTEST := bin/python -m pytest -n $(JOBS) --maxprocesses 4 --dist loadfile
PIP := bin/python -m pip install -qq --no-input --disable-pip-version-check
SITE := import sysconfig; print(sysconfig.get_path("purelib"))
BUILD := setup.py pyproject.toml mmseg_missing/version.py

.PHONY: help demo test test-slow test-reliability test-gpu test-openmmlab \
	test-oldest test-peft test-page test-docs docs lint results release \
	clean again
.PRECIOUS: %/pyvenv.cfg %/.torch
.NOTPARALLEL:

help:
	@echo 'make demo              train, lose a sensor, repair: the main job'
	@echo 'make test              the tests on the maintained stack'
	@echo 'make test-slow         the tests that take minutes'
	@echo 'make test-reliability  bad input, kills, threads, memory: counted'
	@echo 'make test-gpu          what only a GPU can say, on one'
	@echo 'make test-openmmlab    the tests on the official stack'
	@echo 'make test-oldest       the tests with the lowest torch that works'
	@echo 'make test-peft         LoRA against peft, which it installs'
	@echo 'make test-page         the page, in a browser, with what it needs'
	@echo 'make lint              ruff, mypy, codespell'
	@echo 'make docs              the site, in site/; warnings are errors'
	@echo 'make test-docs         the commands of the documents that take minutes'
	@echo 'make results           what is made of configs/results.yml'
	@echo 'make release           weights, adapters, cards, wheel of RUNS=work_dirs'
	@echo 'make clean             remove build leftovers and caches'

demo: $(ONEDL)/.ready
	@$(ONEDL)/bin/python demo/run_demo.py $(if $(FRESH),--fresh)

test: $(ONEDL)/.ready
	@OMP_NUM_THREADS=1 $(ONEDL)/$(PYTEST)

test-slow: $(ONEDL)/.ready
	@$(ONEDL)/bin/python -m pytest -m 'slow and not gpu'

test-reliability: $(ONEDL)/.ready
	@$(ONEDL)/bin/python -m pytest -m 'slow and not gpu' tests/reliability -s

test-gpu: $(ONEDL)/.ready
	@$(ONEDL)/bin/python -m pytest -m gpu tests/models tests/engine

test-openmmlab: $(OPENMMLAB)/.ready
	@OMP_NUM_THREADS=1 $(OPENMMLAB)/$(PYTEST)

test-oldest: $(OLDEST)/.ready
	@OMP_NUM_THREADS=1 $(OLDEST)/$(PYTEST)

test-peft: $(ONEDL)/.peft
	@$(ONEDL)/bin/python -m pytest tests/adapters/test_low_rank.py

test-page: $(PAGE)/.ready
	@command -v chromium > /dev/null && command -v chromedriver \
		> /dev/null || { echo 'the tests of the page drive chromium, which' \
		'`apt-get install chromium chromium-driver` brings' >&2; exit 2; }
	@OMP_NUM_THREADS=1 $(PAGE)/bin/python -m pytest tests/page

lint: $(ONEDL)/.dev
	@$(ONEDL)/bin/ruff check .
	@$(ONEDL)/bin/ruff format --check .
	@$(ONEDL)/bin/mypy
	@$(ONEDL)/bin/codespell

docs: $(ONEDL)/.docs
	@NO_MKDOCS_2_WARNING=1 $(ONEDL)/bin/python -m mkdocs build --strict > \
		$(ONEDL)/docs.log 2>&1 || { cat $(ONEDL)/docs.log; exit 1; }
	@echo 'Open site/index.html'

test-docs: $(ONEDL)/.ready
	@$(ONEDL)/bin/python -m pytest -m 'slow and not gpu' tests/docs -rA

results: $(ONEDL)/.ready
	@$(ONEDL)/bin/python .dev_scripts/results.py

release: $(ONEDL)/.ready
	@$(ONEDL)/bin/python .dev_scripts/release.py $(RUNS) \
		$(if $(SCORE),--score)

clean:
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	@find mmseg_missing tests tools configs demo -name __pycache__ \
		-prune -exec rm -rf {} + 2>/dev/null || true

# --- environments; their stamps (.torch, .ready, ...) lie in them ---

%/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		2>/dev/null || { echo '$(PYTHON) is not Python 3.10 or newer;' \
		'name one that is, as in `make $(MAKECMDGOALS) PYTHON=python3.12`' \
		>&2; exit 2; }
	@echo 'Creating $* ...'
	@$(PYTHON) -m venv $*

# A new TORCH_INDEX installs torch again; without one, what is there stays.
ifneq ($(TORCH_INDEX),)
FROM_INDEX = --index-url $(TORCH_INDEX) $(if $(wildcard $@),--force-reinstall)
$(foreach env,$(ONEDL) $(OPENMMLAB),$(if $(filter \
	$(TORCH_INDEX),$(shell cat $(env)/.torch 2>/dev/null)),,$(eval \
	$(env)/.torch: again)))
endif

%/.torch: %/pyvenv.cfg requirements/runtime.txt
	@echo 'Installing $(TORCH) into $* (a large download) ...'
	@$*/$(PIP) $(FROM_INDEX) $(TORCH)
	@echo '$(TORCH_INDEX)' > $@

# Machines without libGL (servers, containers) get OpenCV's headless build.
define install
@$(1)/$(PIP) -r requirements/$(2).txt -r requirements/test.txt
@$(1)/bin/python -c 'import cv2' 2>/dev/null || \
	{ echo 'Installing the headless build: OpenCV finds no libGL here ...'; \
	$(1)/$(PIP) --force-reinstall --no-deps \
	$$(sed -n 's/^opencv-python=/opencv-python-headless=/p' \
	requirements/$(if $(filter oldest,$(2)),oldest,runtime).txt); }
@$(1)/$(PIP) --no-deps --no-build-isolation -e .
@touch $(1)/.ready
endef

$(ONEDL)/.ready: $(ONEDL)/.torch requirements/onedl.txt \
		requirements/test.txt $(BUILD)
	@echo 'Installing the maintained stack and this project into $(ONEDL) ...'
	$(call install,$(ONEDL),onedl)

$(OPENMMLAB)/.ready: $(OPENMMLAB)/.mmcv requirements/test.txt $(BUILD)
	@echo 'Installing the official stack and this project into' \
		'$(OPENMMLAB) ...'
	$(call install,$(OPENMMLAB),openmmlab)

$(OLDEST)/.ready: $(OLDEST)/pyvenv.cfg requirements/oldest.txt \
		requirements/oldest_mmcv_ext.py requirements/test.txt $(BUILD)
	@echo 'Installing the lowest versions and this project into $(OLDEST)' \
		'(a large download) ...'
	@$(OLDEST)/$(PIP) -r requirements/oldest.txt
	@cp requirements/oldest_mmcv_ext.py "$$($(OLDEST)/bin/python -c \
		'import sysconfig; print(sysconfig.get_path("purelib"))')/mmcv/_ext.py"
	$(call install,$(OLDEST),oldest)

$(OPENMMLAB)/.mmcv: $(OPENMMLAB)/.torch requirements/openmmlab.txt
	@if $(OPENMMLAB)/$(PIP) --no-deps --no-index --find-links $(WHEELS) \
		$(MMCV) 2>/dev/null; then echo 'Took $(MMCV) from $(WHEELS)'; \
	else echo 'No wheel of $(MMCV) for this platform in $(WHEELS):' \
		'compiling it, which takes 20 minutes and more on two cores ...' && \
	$(OPENMMLAB)/$(PIP) $$(grep '^setuptools' requirements/openmmlab.txt) \
		ninja numpy wheel && \
	$(OPENMMLAB)/$(PIP) --no-deps --no-build-isolation $(MMCV); fi
	@touch $@

# Gradio wants other versions of what the tests are pinned to, so it has an
# environment of its own, which borrows all else from the first.
$(PAGE)/.ready: $(ONEDL)/.ready requirements/page.txt
	@echo 'Installing gradio and selenium into $(PAGE) ...'
	@$(ONEDL)/bin/python -m venv $(PAGE)
	@echo "import site; site.addsitedir('$$($(ONEDL)/bin/python -c \
		'$(SITE)')')" > "$$($(PAGE)/bin/python -c '$(SITE)')/borrow.pth"
	@$(PAGE)/$(PIP) -r requirements/page.txt
	@touch $@

$(ONEDL)/.dev: $(ONEDL)/.ready requirements/dev.txt
	@echo 'Installing ruff, mypy and codespell into $(ONEDL) ...'
	@$(ONEDL)/$(PIP) -r requirements/dev.txt
	@touch $@

$(ONEDL)/.docs: $(ONEDL)/.ready requirements/docs.txt
	@echo 'Installing mkdocs into $(ONEDL) ...'
	@$(ONEDL)/$(PIP) -c requirements/runtime.txt -r requirements/docs.txt
	@touch $@

$(ONEDL)/.peft: $(ONEDL)/.ready requirements/peft.txt
	@echo 'Installing peft into $(ONEDL) ...'
	@$(ONEDL)/$(PIP) -c requirements/runtime.txt -r requirements/peft.txt
	@touch $@
