# make run    install if needed, then the main job on the embedded corpus: prepare, inspect, check, train, listen
# make test   install if needed, then all tests, in two processes
# make lab    JupyterLab;  make ui: the MLflow UI;  make sweep: a search over parameters;  make lint: ruff and clean notebooks

PYTHON ?= python3.11
VENV   ?= .venv
PORT   ?= 5000
SWEEP  ?= params/sweep/quick.yaml
N      ?= 2
BIN    := $(VENV)/bin
READY  := $(VENV)/installed
DONE   := runs/main

.PHONY: run test lint lab ui sweep install
.DEFAULT_GOAL := run

run: $(DONE)/listen.ipynb
	@$(BIN)/python -m lib.evaluation.listening_page

# A step that is done leaves its executed notebook; only a complete one gets the name that the next step waits for.
$(DONE)/inspect.ipynb: $(DONE)/prepare.ipynb
$(DONE)/check.ipynb: $(DONE)/inspect.ipynb
$(DONE)/train.ipynb: $(DONE)/check.ipynb
$(DONE)/listen.ipynb: $(DONE)/train.ipynb
$(DONE)/%.ipynb: notebooks/%.ipynb | $(READY)
	@mkdir -p $(DONE)
	@echo "== $*"
	$(BIN)/papermill $< $(DONE)/$*.unfinished.ipynb $(if $(filter listen,$*),-p run latest)
	@mv $(DONE)/$*.unfinished.ipynb $@

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --extra-keys "metadata.papermill cell.metadata.papermill" notebooks/*.ipynb

lab: $(READY)
	$(BIN)/jupyter lab --ip 127.0.0.1 notebooks

ui: $(READY)
	@echo "training runs and charts: http://127.0.0.1:$(PORT)/#/experiments/4/runs?workflowType=machine_learning&compareRunsMode=CHART"
	cd runs && MLFLOW_DISABLE_TELEMETRY=true MLFLOW_BACKEND_STORE_URI="$$(../$(BIN)/python -c "from lib.tracking import store; print(store.uri())")" \
		../$(BIN)/mlflow ui --host 127.0.0.1 --port $(PORT)

sweep: $(READY)
	$(BIN)/python -m lib.sweep $(SWEEP) --n-processes $(N)

install: $(READY)

$(READY): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c .ci/constraints.txt -e ".[demo,dask,dev]"
	@touch $@
