"""Run the DAG of a file by Airflow's `dag.test()`: ``child.py file.py url``, in Airflow's venv.

It asks the URL for the conf of its run, and tells it how Airflow has ended.
"""

from __future__ import annotations

import json
import sys
import traceback
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.models import DagBag

# Of those who call a DAG's function, and are no help to its author.
_OTHERS = ("/site-packages/airflow/", "/contextlib.py", "/scanhub_dag/")


def main(path: str, url: str) -> None:
    """Run the DAG, unless whoever answers at the URL wants no run."""
    bag = DagBag(path)
    dags = {dag_id: sorted(dag.tags or ()) for dag_id, dag in bag.dags.items()}
    conf = _post(f"{url}/found", {"dags": dags, "errors": list(bag.import_errors.values())})
    if not conf:
        return
    [dag] = bag.dags.values()
    errors: list[dict[str, str]] = []

    def keep_error(context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            text = _describe(error)
            errors.append({"task_id": context["ti"].task_id, "traceback": text})

    for task in dag.tasks:
        # Nobody is to wait here.
        task.retry_delay, task.retry_exponential_backoff = timedelta(0), False
        for name in ("on_failure_callback", "on_retry_callback"):
            known = getattr(task, name) or []
            setattr(task, name, [*(known if isinstance(known, list | tuple) else [known])])
            getattr(task, name).append(keep_error)
    run = dag.test(run_conf=conf)
    states = {each.task_id: str(each.state) for each in run.get_task_instances()}
    _post(f"{url}/ended", {"state": str(run.state), "tasks": states, "errors": errors})


def _describe(error: BaseException) -> str:
    # The kit's RunError leaves the task as Airflow's own.
    if type(error.__context__).__name__ == "RunError" and error.__context__:
        error = error.__context__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(each in frame.filename for each in _OTHERS)]
    lines = [*traceback.format_list(own), *traceback.format_exception_only(error)]
    return "".join(lines) if own else ""


def _post(url: str, content: Mapping[str, Any]) -> Any:
    body = json.dumps(content).encode()
    # Loopback: a proxy of the environment must not come in between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, data=body, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
