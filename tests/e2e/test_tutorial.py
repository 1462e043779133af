"""docs/tutorials/your-own-dag.md, typed from its first line to its last on the stack that is up."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from local.config import PORT_VARIABLES, aws_environ
from local.new_dag import write_dag
from local.sample import write_samples
from tests.e2e.laptop import Laptop, wait_until
from tests.tutorial import make_checkout, make_script, read_blocks, type_commands

TIMEOUT_S = 420
BUCKET = "my-airflow-bucket"
NAME = "my_reconstruction"
OTHER_NAME = "copied_reconstruction"


@pytest.fixture
def checkout(laptop: Laptop, tmp_path: Path) -> Iterator[Path]:
    """Return a new checkout; beside it, the folder of DAGs is the one that the stack reads."""
    checkout = make_checkout(tmp_path)
    (checkout / ".local").symlink_to(laptop.config.folder)
    own = laptop.config.own_dags_folder
    assert own is not None
    (tmp_path / "my-dags").symlink_to(own)
    yield checkout
    for path in [*own.glob("*_reconstruction.py"), own / ".airflowignore"]:
        path.unlink(missing_ok=True)


def test_a_dag_of_ones_own_comes_to_its_result(
    laptop: Laptop, checkout: Path, measurements: dict[str, float]
) -> None:
    # Given a checkout, the stack, and a bucket of MWAA; when the tutorial is typed
    laptop.s3.create_bucket(Bucket=BUCKET)
    laptop.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    ports = {PORT_VARIABLES[name][0]: str(port) for name, port in laptop.config.ports.items()}
    typed = type_commands(
        make_script(read_blocks()),
        checkout,
        TIMEOUT_S,
        SCANHUB_LOCAL_DIR=str(laptop.config.folder),
        **ports,
        **aws_environ(laptop.config),
    )
    # Then every command did what the page says
    assert typed.returncode == 0, typed.stdout
    found = re.search(r"The test took ([\d.]+) s", typed.stdout)
    assert found, typed.stdout
    measurements["make dag-test"] = float(found[1])
    # And the same scan has the same image alone, behind the scanner's line and after the failure
    shapes = [
        np.load(checkout / "out" / each / "image.npy").shape for each in ("dag-test", "mended")
    ]
    assert shapes[0] == shapes[1]
    assert (checkout / "out/scanned/image.npy").stat().st_size > 0
    assert "The scan has fewer than two lines of k-space." in typed.stdout
    assert f"would upload dags/{NAME}.py" in typed.stdout


def test_a_copied_dag_has_its_first_result_soon(
    laptop: Laptop, checkout: Path, measurements: dict[str, float]
) -> None:
    # Given a DAG and a scan; when the DAG is copied into the folder that the stack reads
    [scan, *_] = write_samples(checkout)
    started = time.monotonic()
    write_dag(OTHER_NAME, "reconstruction", checkout.parent / "my-dags")

    def is_listed() -> bool:
        dags = laptop.api.get("/tasks/").raise_for_status().json()["tasks"]["dags"]
        return any(dag["dag_id"] == OTHER_NAME for dag in dags)

    wait_until(is_listed, "the DAG to be listed")
    # Then it is listed by itself, and reconstructs
    laptop.wait_for_run(laptop.upload(scan, OTHER_NAME), "SUCCEEDED")
    measurements["from a copied DAG to its first result"] = time.monotonic() - started
