"""What a DAG of the kit tells, however it ends, on the real Airflow: 3.3, and 2.11."""

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local.setup import AIRFLOW, AIRFLOW2, ROOT, Environment
from tests.airflow_kit.neighbours import Neighbours, serve

FOLDER = Path(__file__).parent
TIMEOUT_S = 300
N_IMAGES = 500
# Of docs/dags.md, on k-space of 8 by 8.
EXAMPLE = "my_reconstruction"
DAG_IDS = (
    "succeeds",
    "has_faulty_data",
    "raises_once",
    "raises_always",
    "takes_too_long",
    "leaves_nothing",
    "may_leave_nothing",
    "leads_elsewhere",
    "misses_its_input",
    "takes_a_series",
    "was_cancelled",
    "fails_before_it_opens",
    "reports_twice",
    EXAMPLE,
    "cartesian_reconstruction",
)


@dataclass(frozen=True)
class Ended:
    """The runs of all DAGs: their state in Airflow, what they told, and Airflow's log."""

    states: dict[str, str]
    neighbours: Neighbours
    log: str

    def ends(self, dag_id: str) -> list[dict[str, Any]]:
        """Return what a DAG told beside its progress."""
        return [body for body in self.neighbours.told.get(dag_id, []) if "success" in body]

    def sentences(self, dag_id: str) -> list[str | None]:
        return [body.get("error") for body in self.ends(dag_id)]


@pytest.fixture(scope="module", params=[AIRFLOW, AIRFLOW2], ids=["3.3", "2.11"])
def ended(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ended]:
    environment: Environment = request.param
    folder = tmp_path_factory.mktemp("airflow")
    shutil.copytree(FOLDER / "dags", folder / "dags")
    [example] = re.findall("```python\n(.*?)```", (ROOT / "docs/dags.md").read_text(), re.DOTALL)
    (folder / "dags" / "example.py").write_text(example)
    shutil.copy(ROOT / "dags/cartesian_reconstruction.py", folder / "dags")
    with serve() as neighbours:
        neighbours.objects["/lake/upload/raw.npy"] = b"raw data"
        neighbours.objects["/lake/upload/kspace.npy"] = make_kspace()
        for number in range(N_IMAGES):
            neighbours.objects[f"/lake/result/before/{number:04d}.npy"] = b"x"
        neighbours.ended.add("was_cancelled")
        environ = make_environ(environment, folder, neighbours.url)
        confs = {dag_id: make_conf(dag_id, neighbours.url) for dag_id in DAG_IDS}
        run(environment, environ, ["-m", "airflow", "db", "migrate"])
        done = run(
            environment,
            environ,
            [str(FOLDER / "run_dags.py"), str(folder / "dags")],
            json.dumps(confs),
        )
        yield Ended(json.loads(done.stdout.splitlines()[-1]), neighbours, done.stdout + done.stderr)


def make_environ(environment: Environment, folder: Path, url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "dags"), str(folder / "dags")]),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "sample",
        "AWS_SECRET_ACCESS_KEY": "sample",
        # The server here takes plain bodies only.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "NO_PROXY": "127.0.0.1",
    }


def make_kspace() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((8, 8), np.complex64))
    return file.getvalue()


def make_conf(dag_id: str, url: str) -> dict[str, Any]:
    raw = {"bucket": "lake", "key": "upload/raw.npy", "version_id": None, "type": "NUMPY"}
    given = {"task_id": None, "dag_run_id": None, **raw, "results": [raw]}
    if dag_id == "misses_its_input":
        given["results"] = [raw | {"key": "upload/erased.npy"}]
    if dag_id in (EXAMPLE, "cartesian_reconstruction"):
        given["results"] = [raw | {"key": "upload/kspace.npy"}]
    if dag_id == "takes_a_series":
        given["results"] = [
            raw | {"key": f"result/before/{number:04d}.npy"} for number in range(N_IMAGES)
        ]
    return {
        "conf_version": 1,
        "workflow_manager_endpoint": f"{url}/results_ready/",
        "user_token": f"{dag_id}.secret",
        "dag_run_id": dag_id,
        "bucket": "lake",
        "inputs": [given],
        "output_prefix": f"result/{dag_id}",
    }


def run(
    environment: Environment, environ: dict[str, str], arguments: list[str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [str(environment.python), *arguments]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, env=environ, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def test_a_run_tells_its_results(ended: Ended) -> None:
    assert ended.states["succeeds"] == "success"
    assert ended.neighbours.told["succeeds"] == [
        {"dag_id": "succeeds", "progress": 50},
        {
            "dag_id": "succeeds",
            "success": True,
            "result_file": "s3://lake/result/succeeds/copy.npy",
            "results": [
                {"type": "NUMPY", "key": "result/succeeds/copy.npy", "metadata": {"n_letters": 8}}
            ],
            "engine": {"name": "BART", "version": "0.9.00"},
        },
    ]
    assert ended.neighbours.objects["/lake/result/succeeds/copy.npy"] == b"raw data"


@pytest.mark.parametrize(
    ("dag_id", "sentence"),
    [
        ("has_faulty_data", "The file is empty."),
        ("raises_always", "The DAG failed unexpectedly (ConnectionError)."),
        ("takes_too_long", "The DAG took longer than its 1 seconds."),
        ("leaves_nothing", "The DAG ended without a result."),
        (
            "leads_elsewhere",
            "The DAG named a result in another way than letters, digits, '.', '_' and '-', with "
            "'/' between folders, below the run's own.",
        ),
        ("misses_its_input", "Input 1 is not in the data lake any more."),
        ("fails_before_it_opens", "The DAG failed unexpectedly (ModuleNotFoundError)."),
    ],
)
def test_a_failure_is_told_once_in_a_sentence(ended: Ended, dag_id: str, sentence: str) -> None:
    assert ended.states[dag_id] == "failed"
    assert ended.sentences(dag_id) == [sentence]


def test_a_failure_that_airflow_tries_again_is_not_told(ended: Ended) -> None:
    assert ended.states["raises_once"] == "success"
    [body] = ended.ends("raises_once")
    assert body["success"] is True


def test_a_tag_allows_a_run_without_results(ended: Ended) -> None:
    assert ended.states["may_leave_nothing"] == "success"
    [body] = ended.ends("may_leave_nothing")
    assert (body["success"], body["results"]) == (True, [])


def test_a_series_of_500_files_is_one_input(ended: Ended) -> None:
    [body] = ended.ends("takes_a_series")
    assert body["results"][0]["metadata"] == {"n_letters": N_IMAGES}


def test_a_run_that_was_cancelled_does_not_fail_by_its_report(ended: Ended) -> None:
    assert ended.states["was_cancelled"] == "success"
    assert len(ended.ends("was_cancelled")) == 1


def test_the_first_report_of_a_run_counts(ended: Ended) -> None:
    assert ended.states["reports_twice"] == "success"
    assert [body["success"] for body in ended.ends("reports_twice")] == [True, True]


def test_the_example_of_the_docs_runs(ended: Ended) -> None:
    assert ended.states[EXAMPLE] == "success"
    [result] = ended.ends(EXAMPLE)[0]["results"]
    assert result["metadata"] == {"matrix": [8, 8]}
    image = np.load(io.BytesIO(ended.neighbours.objects[f"/lake/{result['key']}"]))
    assert np.unravel_index(np.argmax(image), image.shape) == (4, 4)


def test_our_own_reconstruction_is_made_of_the_kit(ended: Ended) -> None:
    [body] = ended.ends("cartesian_reconstruction")
    assert body["engine"]["name"] == "scanhub_reconstruction"
    keys = [result["key"] for result in body["results"]]
    assert keys == ["result/cartesian_reconstruction/image.dcm"]
    assert ended.neighbours.objects[f"/lake/{keys[0]}"][128:132] == b"DICM"


def test_airflows_log_has_no_token(ended: Ended) -> None:
    assert ".secret" not in ended.log
