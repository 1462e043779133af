#!/usr/bin/env bash
# Regenerate every lock. One date for all: what was uploaded later does not exist, so they cannot rot.
# The order makes versions agree: what the tests import is what the layer and the DAGs ship.
set -euo pipefail
cd "$(dirname "$0")/.."

UV=${UV:-.venv/bin/uv}
NEWEST=${NEWEST:-2026-11-27}

lock() { # lock <input> <output> [constraints] [overrides]
  "$UV" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate --exclude-newer "$NEWEST" \
    ${3:+--constraint "$3"} ${4:+--override "$4"} --output-file "$2" "$1"
  echo "locked $2: $(grep -c '==' "$2") packages as of $NEWEST"
}

lock requirements/bootstrap.in requirements/bootstrap.txt
lock requirements/dev.in requirements/dev.txt requirements/bootstrap.txt requirements/overrides.in
lock layers/workflow_manager/requirements.in layers/workflow_manager/requirements.txt requirements/dev.txt
lock benchmarks/reference/requirements.in benchmarks/reference/requirements.txt layers/workflow_manager/requirements.txt
lock dags/requirements.in dags/requirements.txt requirements/dev.txt
lock requirements/airflow.in requirements/airflow.txt dags/requirements.txt
lock requirements/airflow2.in requirements/airflow2.txt dags/requirements.txt
lock requirements/engine-sigpy.in requirements/engine-sigpy.txt
lock requirements/client-models.in requirements/client-models.txt
lock requirements/checkov.in requirements/checkov.txt
