"""Find out before Airflow is called whether the data of a run is there, and what its DAG takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflow_manager.domain.content import START_SIZE_BYTES, check_accepted
from workflow_manager.domain.data_lake import (
    ObjectStart,
    ObjectVersion,
    is_object_key,
    is_result_key,
)
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.ports import Dag, DataLake


@dataclass(frozen=True)
class InputStart:
    """The beginning of one input of a run.

    Parameters
    ----------
    name
        What an operator calls it.
    start
        None if the object is gone.
    """

    name: str
    start: ObjectStart | None


def read_inputs(lake: DataLake, inputs: Sequence[ObjectVersion]) -> list[InputStart]:
    """Return the beginning of each input, but for those that only a worker can find.

    Parameters
    ----------
    inputs
        Raw data, or results of earlier runs.

    Raises
    ------
    InvalidInputError
        An object is archived.
    UpstreamError
        The data lake cannot be asked.
    """
    starts: list[InputStart] = []
    for number, data in enumerate(inputs, 1):
        if not is_object_key(data.key):
            # A path or a folder that a DAG named as its result: only the next worker can tell.
            continue
        # Also where everything is accepted: the same request tells whether the object exists.
        start = lake.read_start(data, START_SIZE_BYTES)
        if start is None and is_result_key(data.key):
            # Likewise: it may be a path on a disk that begins as our keys do.
            continue
        name = "object" if len(inputs) == 1 else f"object of input {number}"
        starts.append(InputStart(name, start))
    return starts


def check_content(dag: Dag, starts: Sequence[InputStart]) -> None:
    """Return if a DAG would find all of its inputs, and takes each.

    Parameters
    ----------
    dag
        Its tags say what it takes.
    starts
        From `read_inputs`.

    Raises
    ------
    InvalidInputError
        An object is gone, or is something else.
    """
    for each in starts:
        if each.start is None:
            raise InvalidInputError(f"The {each.name} is no longer in the data lake.")
        check_accepted(dag.dag_id, dag.accepts, each.start.content, f"the {each.name}")
