"""Find out before Airflow is called whether the data of a run is there, and what its DAG takes."""

from collections.abc import Sequence

from workflow_manager.domain.content import START_SIZE_BYTES, check_accepted
from workflow_manager.domain.data_lake import ObjectVersion, is_object_key, is_result_key
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.ports import Dag, Ports


def check_content(ports: Ports, dag: Dag, inputs: Sequence[ObjectVersion]) -> None:
    """Return if a DAG would find all of its inputs, and takes each.

    Parameters
    ----------
    ports
        The outside world.
    dag
        Its tags say what it takes.
    inputs
        Raw data, or results of earlier runs.

    Raises
    ------
    InvalidInputError
        An object is gone, or is something else.
    UpstreamError
        The data lake cannot be asked.
    """
    for number, data in enumerate(inputs, 1):
        if not is_object_key(data.key):
            # A path or a folder that a DAG named as its result: only the next worker can tell.
            continue
        name = "object" if len(inputs) == 1 else f"object of input {number}"
        # Also where everything is accepted: the same request tells whether the object exists.
        start = ports.lake.read_start(data, START_SIZE_BYTES)
        if start is None and is_result_key(data.key):
            # Likewise: it may be a path on a disk that begins as our keys do.
            continue
        if start is None:
            raise InvalidInputError(f"The {name} is no longer in the data lake.")
        check_accepted(dag.dag_id, dag.accepts, start, f"the {name}")
