# make run     install if needed; then prepare, inspect, check, train, listen on the embedded corpus
# make test    install if needed; then all tests, in two processes
# make lab     JupyterLab
# make ui      the MLflow UI
# make live    the restorer in a browser, on a file or the microphone; needs npm
# make sweep   a search over parameters: make sweep SWEEP=params/sweep/quick.yaml N=2
# make doctor  what this machine has and lacks, before anything is installed
# make install TORCH=installed   keep the torch and torchaudio that .venv has already
# make lint    ruff, and notebooks without outputs

PYTHON ?= python3.11
VENV   ?= .venv
TORCH  ?= pinned
PORT   ?= 5000
SWEEP  ?= params/sweep/quick.yaml
N      ?= 2
BIN    := $(VENV)/bin
READY  := $(VENV)/installed
DONE   := runs/main
STEPS  := prepare inspect check train listen
PAGE   := lib/live/page
CHAIN  := runs/cache/chain.onnx

.PHONY: run test lint lab ui live sweep install doctor
.DEFAULT_GOAL := run

run: $(DONE)/listen.ipynb
	@$(BIN)/python -m lib.evaluation.latest_scores

# A step that finished leaves its executed notebook. An unfinished notebook has another name, so
# that the next step waits for a complete one.
$(DONE)/inspect.ipynb: $(DONE)/prepare.ipynb
$(DONE)/check.ipynb: $(DONE)/inspect.ipynb
$(DONE)/train.ipynb: $(DONE)/check.ipynb
$(DONE)/listen.ipynb: $(DONE)/train.ipynb
$(DONE)/%.ipynb: notebooks/%.ipynb | $(READY)
	@mkdir -p $(DONE)
	@echo "== step $$(echo $(STEPS) | tr ' ' '\n' | grep -nx $* | cut -d : -f 1) of 5: $*"
	$(BIN)/papermill $< $(DONE)/$*.unfinished.ipynb $(if $(filter listen,$*),-p run latest)
	@mv $(DONE)/$*.unfinished.ipynb $@

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
		--durations=10

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --extra-keys "metadata.papermill cell.metadata.papermill" \
		notebooks/*.ipynb

lab: $(READY)
	$(BIN)/jupyter lab --ip 127.0.0.1 notebooks

ui: $(READY)
	@$(BIN)/python -m lib.tracking.ui $(PORT)

live: PORT = 5010
live: $(READY) $(PAGE)/node_modules/.package-lock.json $(CHAIN)
	@$(BIN)/python -m lib.live.server $(CHAIN) $(PORT)

# npm writes this file last. No script of a package is run.
$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package-lock.json
	@command -v npm > /dev/null || { echo "npm is missing: apt install npm; make live needs it"; \
		exit 1; }
	cd $(PAGE) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

CHAIN_FROM := lib/inference/chain*.py lib/deepfilter/*.py lib/models/*.py lib/weights/*.safetensors
$(CHAIN): $(wildcard $(CHAIN_FROM)) | $(READY)
	@mkdir -p $(@D)
	$(BIN)/python -m lib.restore --export $@ --overwrite

sweep: $(READY)
	$(BIN)/python -m lib.sweep $(SWEEP) --n-processes $(N)

install: $(READY)
	@echo "installed: source $(BIN)/activate, then python -m lib.restore noisy.wav restored.wav"

doctor:
	@$(PYTHON) -m lib.runtime.doctor

# With TORCH=installed all versions but those of torch and its CUDA packages are pinned.
$(READY): pyproject.toml .ci/constraints.txt
	@$(PYTHON) -m lib.runtime.doctor | grep ^missing || true
	$(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),installed)
	@$(BIN)/python -c "import torch, torchaudio" || { echo "TORCH=installed: expected torch and" \
		"torchaudio in $(VENV); install them with $(BIN)/python -m pip"; exit 1; }
	grep -vE '^(torch|torchaudio|triton|nvidia-.*|cuda-.*)==' .ci/constraints.txt \
		> $(VENV)/constraints.txt
else
	cp .ci/constraints.txt $(VENV)/constraints.txt
endif
	@echo "installing: pip unpacks up to 6 GB, and says nothing for minutes"
	$(BIN)/python -m pip install --disable-pip-version-check -c $(VENV)/constraints.txt \
		-e ".[demo,dask,dev]" || { echo "make doctor says what this machine lacks"; exit 1; }
	-$(BIN)/python -m lib.metrics.warm_up
	-$(BIN)/python -m lib.inference.light_models
	@touch $@
