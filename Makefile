# Every target sets up first; when nothing changed, that takes a moment.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Dozens of processes of a test run would each compile all that they import.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# Where the tests write down which function called what of AWS.
RECORDED := $(CURDIR)/.local-permissions
# The raw data of `make demo`; passed as a variable of the shell, so blanks and quotes are safe.
export FILE ?=
# The patient of `make erase`.
export PATIENT ?=
# 1 lets `make test-sam-local` take images that are here.
export SKIP_PULL ?=
# What `make invoke` runs.
export FUNCTION ?=
export EVENT ?=
# A folder with DAGs of your own, for `make up` and `make demo`.
export DAGS ?=
# The contract of ScanHub in which the stand-in speaks, for `make up` and `make demo`: 2025-03 or 2026-02.
export SCANHUB_CONTRACT ?= $(SCANHUB)
# What `make dag-test` runs, and what the DAG is told; also the reconstruction of `make workflow`.
export DAG ?=
export PARAMETERS ?=
# The name of `make new-dag`.
export NAME ?=
# What processes the image of `make workflow`.
export PROCESSING ?=
# Where `make sample` and `make dag-test` write to.
export OUT ?= .
# Where `make deploy` deploys to: an environment of samconfig.toml.
export TO ?=
# What `make smoke` examines, if it is neither that nor the laptop stack: an API's URL.
export URL ?=
# Any Python that can run the setup; local/interpreter.py then looks for the newest.
# DAGs that somebody tries below dags/ are not the project's: git does not have them.
define FIND_FOREIGN_DAGS
foreign=(); while IFS= read -r -d '' file; do foreign+=(--extend-exclude "$$file"); \
done < <(git ls-files -z --others -- 'dags/*.py' 2>/dev/null)
endef
define FIND_OWN_DAGS
mapfile -d '' -t own < <(git ls-files -z -- 'dags/*.py' 2>/dev/null); \
if [ $${#own[@]} -eq 0 ]; then own=(dags); fi
endef
define FIND_PYTHON
for python in "$${PYTHON:-}" python3.14 python3.13 python3.12 python3.11 python3 \
    "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[1-4]*/bin/python; do \
  if [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
      >/dev/null 2>&1; then break; fi; python=; \
done; \
if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed (PATH or pyenv)." >&2; exit 1; fi
endef

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
	sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 12

.PHONY: setup
setup: ## Create .venv and .venv-airflow from the locks (implied by the other targets)
	@$(FIND_PYTHON); "$$python" -m local.setup

.PHONY: demo
demo: setup ## Scan a phantom, or reconstruct FILE=path.h5 or .npy, on the laptop stack; SCANHUB=2026-02: today's ScanHub
	@if [ -n "$$FILE" ]; then exec $(BIN)/python -m local.demo "$$FILE"; fi; \
	exec $(BIN)/python -m local.demo

.PHONY: up
up: setup ## Start the laptop stack, DAGS=folder with your own DAGs too, SCANHUB=2026-02: today's ScanHub; returns when all is ready
	@$(BIN)/python -m local.stack up

.PHONY: down
down: setup ## Stop the laptop stack, also one that is just starting; the next make up finds its data
	@$(BIN)/python -m local.stack down

.PHONY: reset
reset: setup ## Stop the laptop stack and delete its workflows, runs and data
	@$(BIN)/python -m local.stack reset

.PHONY: workflow
workflow: setup ## Make a new workflow on the stack that is up, print its id; DAG=name, PROCESSING=name: its DAGs; DIAMOND=1: two reconstructions that meet
	@$(BIN)/python -m local.sample workflow --dag "$$DAG" --processing "$$PROCESSING" \
	  $(if $(filter 1,$(DIAMOND)),--diamond)

.PHONY: sample
sample: setup ## Write scan.h5, scan-accelerated.h5 and kspace.npy into the folder OUT=, or here
	@$(BIN)/python -m local.sample files "$$OUT"

.PHONY: new-dag
new-dag: setup ## Write a DAG to begin with and its test into dags/own, or DAGS=folder: NAME=my_dag; KIND=processing
	@$(BIN)/python -m local.new_dag "$$NAME" $(if $(KIND),--kind "$(KIND)") $(if $(DAGS),--folder "$$DAGS")

.PHONY: dag-test
dag-test: setup ## Run a DAG without the stack: DAG=file.py FILE=raw data or folder; PARAMETERS='{...}', OUT=folder, TIMEOUT_S=300
	@PYTHONPATH=layers/workflow_manager $(BIN)/python -m local.dag_test "$$DAG" "$$FILE" \
	  --parameters "$$PARAMETERS" $(if $(filter file,$(origin OUT)),,--out "$$OUT") \
	  $(if $(TIMEOUT_S),--timeout-s "$(TIMEOUT_S)")

.PHONY: status
status: setup ## Show what runs; fails unless all is well
	@$(BIN)/python -m local.stack status

.PHONY: logs
logs: setup ## Print the end of every log; FOLLOW=1 goes on printing
	@$(BIN)/python -m local.stack logs $(if $(FOLLOW),--follow)

.PHONY: invoke
invoke: setup ## Run one function with one event on the stack that is up: FUNCTION=name EVENT=name
	@$(BIN)/python -m local.invoke "$$FUNCTION" "$$EVENT"

.PHONY: sam-local
sam-local: setup ## Prepare sam local on the stack that is up, and print the lines to type
	@$(BIN)/python -m local.sam_local

.PHONY: erase
erase: setup ## Show what a deployed stack holds of PATIENT=id; DELETE=1 deletes it
	@PYTHONPATH=layers/workflow_manager $(BIN)/python -m tools.erase_patient \
	  --patient "$$PATIENT" $(if $(STACK),--stack-name $(STACK)) $(if $(DELETE),--delete)

.PHONY: build
build: setup ## Build the deployable artefact in .aws-sam/build; what it is made of, in .aws-sam/sbom
	@$(BIN)/python -m tools.build

.PHONY: deploy-dags
deploy-dags: setup ## Put dags/ into MWAA's BUCKET=name; MWAA=name updates it; PREFIX=, DRY_RUN=1, DELETE=1, NO_HASHES=1
	@$(BIN)/python -m tools.deploy_dags --bucket "$(BUCKET)" $(if $(PREFIX),--prefix "$(PREFIX)") \
	  $(if $(MWAA),--environment "$(MWAA)") $(if $(DRY_RUN),--dry-run) $(if $(DELETE),--delete) \
	  $(if $(NO_HASHES),--without-hashes)

.PHONY: deploy
deploy: setup ## Check, build and deploy to AWS what samconfig.toml says TO=dev, staging or prod; DRY_RUN=1 only checks
	@PYTHONPATH=layers/workflow_manager $(BIN)/python -m tools.deploy "$$TO" \
	  $(if $(DRY_RUN),--dry-run) $(if $(filter 1,$(ANYWAY)),--anyway)

.PHONY: smoke
smoke: setup ## See whether the laptop stack works, or the API at URL=, or what is deployed TO=
	@$(BIN)/python -m tools.smoke --url "$$URL" --to "$$TO"

.PHONY: remove
remove: setup ## Remove what is deployed TO=; asks first, keeps data; DELETE_DATA=1 deletes it too, for good
	@$(BIN)/python -m tools.remove "$$TO" $(if $(filter 1,$(DELETE_DATA)),--delete-data) \
	  $(if $(KEY_DAYS),--key-days "$(KEY_DAYS)") $(if $(STACK_ID),--stack-id "$(STACK_ID)")

.PHONY: checkov
checkov: setup ## Look for what is unsafe in the template; the first time fetches checkov
	@$(BIN)/python -m tools.checkov

.PHONY: audit
audit: setup ## Look for known vulnerabilities in every lock; asks PyPI
	@$(BIN)/python -m tools.audit

.PHONY: check
check: setup ## Lint, types, architecture, template, unit and integration tests; offline
	@$(FIND_FOREIGN_DAGS); set -x; $(BIN)/ruff check "$${foreign[@]}"; \
	$(BIN)/ruff format --check "$${foreign[@]}"
	@# Both take one core for long.
	@SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(BIN)/sam validate --lint & template=$$!; \
	$(FIND_OWN_DAGS); $(BIN)/mypy layers/workflow_manager/workflow_manager "$${own[@]}" local tools \
	  functions benchmarks client/scanhub_workflow; wait $$template
	PYTHONPATH=layers/workflow_manager:client:dags $(BIN)/lint-imports
	rm -rf $(RECORDED)
	RECORDED_CALLS_FOLDER=$(RECORDED)/integration $(BIN)/pytest -n 2 --dist worksteal $(COVERAGE) tests/unit tests/integration tests/infra
	RECORDED_CALLS_FOLDER=$(RECORDED) $(BIN)/pytest tests/permissions

.PHONY: permissions
permissions: setup ## Compare every AWS call of the integration suite with role and boundary of its function
	rm -rf $(RECORDED)
	RECORDED_CALLS_FOLDER=$(RECORDED)/integration $(BIN)/pytest -n 2 --dist worksteal -q tests/integration
	RECORDED_CALLS_FOLDER=$(RECORDED) $(BIN)/pytest tests/permissions

.PHONY: test
test: ## Everything: check with coverage, then end-to-end on the laptop stack
	$(MAKE) check COVERAGE="--cov --cov-report=term:skip-covered"
	RECORDED_CALLS_FOLDER=$(RECORDED)/e2e $(BIN)/pytest tests/e2e
	RECORDED_CALLS_FOLDER=$(RECORDED) $(BIN)/pytest tests/permissions

.PHONY: test-airflow2
test-airflow2: setup ## The orchestrator's contract and a real run on Airflow 2.11; DAGs of the kit on 2.11 and 3.3
	@$(BIN)/python -m local.setup airflow2
	$(BIN)/pytest tests/airflow2 tests/airflow_kit

.PHONY: test-todays-scanhub
test-todays-scanhub: setup ## Scan to image on the laptop stack with ScanHub as of 2026-02
	SCANHUB_CONTRACT=2026-02 $(BIN)/pytest tests/e2e/test_scan_to_image.py tests/e2e/test_exactly_once.py \
	  tests/e2e/test_bridge.py

.PHONY: test-sam-local
test-sam-local: setup ## sam local with a container engine, on the laptop stack; SKIP_PULL=1 with the images that are there
	$(BIN)/pytest tests/sam_local

.PHONY: test-load
test-load: setup ## A thousand events and a hundred workflows on the laptop stack; 2 GiB over the bridge
	$(BIN)/pytest tests/e2e tests/integration/test_bridge_process.py -m load

.PHONY: test-restart
test-restart: setup ## make down and make up keep everything, make reset forgets it
	$(BIN)/pytest tests/restart

.PHONY: test-browser
test-browser: setup ## /docs and the console in Chromium, which is to be on the PATH
	$(BIN)/pytest tests/browser

.PHONY: test-dicom
test-dicom: setup ## Images in dcm2niix, dciodvfy and Orthanc: Debian's dcm2niix, dicom3tools, dcmtk and orthanc
	$(BIN)/pytest tests/dicom

.PHONY: engine-sigpy
engine-sigpy: setup ## Create .venv-engine-sigpy, with which dags/engines/sense_engine.py runs
	@$(BIN)/python -m local.setup engine

.PHONY: test-engines
test-engines: engine-sigpy ## Reconstruct accelerated data by SigPy, and by BART where Debian's bart is
	$(BIN)/pytest tests/engines

.PHONY: test-more
test-more: ## What takes longer or needs more: Airflow 2.11, load, checkov; /docs in Chromium, DICOM's programs, sam local where they are
	@missing=$$(for name in dcm2niix dciodvfy storescu Orthanc; do \
	  PATH="$$PATH:/usr/sbin" command -v $$name >/dev/null || echo -n " $$name"; done); \
	if [ -z "$$missing" ]; then $(MAKE) test-dicom; \
	else echo "NOT TESTED: images in other programs, for there is no$$missing."; fi
	$(MAKE) check-console
	@if command -v chromium >/dev/null; then $(MAKE) test-browser; \
	else echo "NOT TESTED: /docs in a browser, for there is no chromium."; fi
	$(MAKE) test-engines
	$(MAKE) test-airflow2
	$(MAKE) test-todays-scanhub
	$(MAKE) test-load
	$(MAKE) test-restart
	$(MAKE) checkov
	@if docker info >/dev/null 2>&1; then $(MAKE) test-sam-local; \
	else echo "NOT TESTED: sam local, for no container engine runs."; fi

.PHONY: openapi
openapi: setup ## Merge the OpenAPI of all functions into functions/get_openapi/openapi.json
	PYTHONPATH=layers/workflow_manager $(BIN)/python -m tools.openapi

.PHONY: client-models
client-models: openapi ## Generate the client's models from functions/get_openapi/openapi.json
	@$(BIN)/python -m tools.client_models

.PHONY: console
console: ## Build the console into functions/get_console/static; needs Node 20.19 or newer with npm
	cd console && npm ci --silent && npm run -s api && npm run -s build

.PHONY: check-console
check-console: ## Type-check and test the console, and compare what is committed with what is built, where npm is
	@if ! command -v npm >/dev/null; then echo "NOT TESTED: the console's source, for there is no npm."; exit 0; fi; \
	cd console; stamp=node_modules/.package-lock.json; \
	if [ ! -e $$stamp ] || [ package-lock.json -nt $$stamp ]; then npm ci --silent; touch $$stamp; fi; \
	npm run -s api && npm run -s types && npm run -s test -- --reporter=dot && npm run -s build -- --logLevel warn --outDir ../.local-console && \
	diff -r ../.local-console ../functions/get_console/static || \
	{ echo "The console is not as it was built: run make console." >&2; exit 1; }

.PHONY: transitions
transitions: setup ## Draw the state machines into docs/transitions.md
	PYTHONPATH=layers/workflow_manager $(BIN)/python -m tools.transitions

.PHONY: pictures
pictures: setup ## Picture the command line on the stack that is up, image orientation and the console, into docs/images
	@$(BIN)/python -m tools.terminal_pictures
	@PYTHONPATH=dags:. $(BIN)/python -m tests.unit.dags.orientation_picture
	@POWERTOOLS_LOG_LEVEL=ERROR POWERTOOLS_METRICS_DISABLED=true PYTHONPATH=layers/workflow_manager:. $(BIN)/python -m tests.browser.pictures

.PHONY: sizing
sizing: setup ## Memory and durations of every function, as Lambda runs it; QUICK=1 for three
	@$(BIN)/python -m benchmarks.sizing $(if $(QUICK),--quick)

.PHONY: benchmark-upload
benchmark-upload: setup ## Uploads beside boto3, a form and OLD=checkout; QUICK=1 for 10 MB only, WRITE=1 into docs
	@$(BIN)/python -m benchmarks.upload $(if $(QUICK),--quick) $(if $(WRITE),--write)

.PHONY: benchmark-objects
benchmark-objects: setup ## A run for each of 1,000 objects at once, beside OLD=checkout; QUICK=1 for fewer, WRITE=1 into docs
	@PYTHONPATH=layers/workflow_manager $(BIN)/python -m benchmarks.objects $(if $(QUICK),--quick) $(if $(WRITE),--write)

.PHONY: benchmark-cold-start
benchmark-cold-start: setup ## Start of every function beside the usual Lambda and OLD=checkout, built; QUICK=1 for five, WRITE=1 into docs
	@$(BIN)/python -m benchmarks.cold_start $(if $(QUICK),--quick) $(if $(WRITE),--write)

.PHONY: benchmark-requests
benchmark-requests: setup ## Requests beside a server as ScanHub's, and OLD=checkout; QUICK=1, WRITE=1 into docs
	@PYTHONPATH=layers/workflow_manager $(BIN)/python -m benchmarks.requests \
	  $(if $(QUICK),--quick) $(if $(WRITE),--write)

.PHONY: benchmark-reconstruction
benchmark-reconstruction: setup ## Reconstruction beside NumPy, SigPy, BART and OLD=checkout; QUICK=1, WRITE=1 into docs
	@PYTHONPATH=dags $(BIN)/python -m benchmarks.reconstruction \
	  $(if $(QUICK),--quick) $(if $(WRITE),--write)

.PHONY: benchmark-growth
benchmark-growth: setup ## Reconciler, lists and board with 10 to 10,000 under way, and OLD=checkout; QUICK=1, WRITE=1 into docs
	@PYTHONPATH=layers/workflow_manager $(BIN)/python -m benchmarks.growth \
	  $(if $(QUICK),--quick) $(if $(WRITE),--write)

.PHONY: benchmark-console
benchmark-console: setup ## The console's board with 10 and with 500 workflows, in Chromium
	@POWERTOOLS_LOG_LEVEL=ERROR POWERTOOLS_METRICS_DISABLED=true PYTHONPATH=layers/workflow_manager $(BIN)/python -m benchmarks.console_board

.PHONY: benchmark-cost
benchmark-cost: setup ## Cost of a scan at list prices, beside OLD=checkout; COUNT=1 counts a scan's calls anew, WRITE=1 into docs
	@PYTHONPATH=layers/workflow_manager:dags:client $(BIN)/python -m benchmarks.cost \
	  $(if $(COUNT),--count) $(if $(WRITE),--write)

.PHONY: format
format: setup ## Format the code and fix what can be fixed
	@$(FIND_FOREIGN_DAGS); set -x; $(BIN)/ruff check --fix "$${foreign[@]}"; \
	$(BIN)/ruff format "$${foreign[@]}"

.PHONY: lock
lock: setup ## Regenerate all locks; NEWEST=YYYY-MM-DD moves the date
	@requirements/lock.sh

.PHONY: clean
clean: ## Stop the stack; delete environments, state, builds and caches
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.stack down; fi
	rm -rf .venv .venv-airflow .venv-airflow2 .venv-engine-sigpy .local .local-airflow2 .local-client-models \
	  .local-checkov .local-dynamodb .local-permissions .local-test-dags .local-test-own-dags .local-restart .local-console console/node_modules .aws-sam out \
	  functions/get_openapi/swagger_ui \
	  .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
