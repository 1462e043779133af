"""Check before Airflow is called that a run's data exists and is of a format that its DAG takes."""

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
        What an operator calls the input.
    start
        None if the object is gone.
    """

    name: str
    start: ObjectStart | None


def read_inputs(lake: DataLake, inputs: Sequence[ObjectVersion]) -> list[InputStart]:
    """Return the beginning of each input, except those that only a worker can find.

    Raises
    ------
    InvalidInputError
        An object is archived (Glacier), so it cannot be read.
    UpstreamError
        The data lake cannot be asked.
    """
    starts: list[InputStart] = []
    for number, data in enumerate(inputs, 1):
        if not is_object_key(data.key):
            # A DAG may name a path or a folder as its result: only the next worker can tell if it
            # is there.
            continue
        # Read it even if the DAG accepts everything: the same request tells whether the object
        # exists.
        start = lake.read_start(data, START_SIZE_BYTES)
        if start is None and is_result_key(data.key):
            # Only a worker can tell here too: it may be a path on a disk that begins like our keys.
            continue
        name = "object" if len(inputs) == 1 else f"object of input {number}"
        starts.append(InputStart(name, start))
    return starts


def check_content(dag: Dag, starts: Sequence[InputStart]) -> None:
    """Check that all inputs exist, and that the DAG's tags accept the format of each.

    Raises
    ------
    InvalidInputError
        An object is gone, or has a format that the DAG does not take.
    """
    for each in starts:
        if each.start is None:
            raise InvalidInputError(f"The {each.name} is no longer in the data lake.")
        check_accepted(dag.dag_id, dag.accepts, each.start.content, f"the {each.name}")
