"""Run DAGs by `dag.test()`, in Airflow's own interpreter: DAG ids and confs come as JSON.

Prints the state of each run, as JSON in the last line.
"""

import json
import sys
import traceback
from typing import Any

from airflow.models import DagBag


def main(confs: dict[str, dict[str, Any]], folder: str) -> dict[str, Any]:
    bag = DagBag(folder)
    if bag.import_errors:
        raise SystemExit(str(bag.import_errors))
    ended = {}
    for dag_id, conf in confs.items():
        try:
            run = bag.dags[dag_id].test(run_conf=conf)
        except BaseException:  # noqa: BLE001 - 2.11 lets a task's time-out through
            traceback.print_exc()
            ended[dag_id] = "failed"
        else:
            ended[dag_id] = str(getattr(run.state, "value", run.state))
    return ended


if __name__ == "__main__":
    confs, folder = json.load(sys.stdin), sys.argv[1]
    ended = main(confs, folder)
    print(json.dumps(ended))  # noqa: T201 - what the test reads
