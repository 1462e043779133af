"""What exam-manager is told of the run of a task."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import result_prefix
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.result import Result

# Of more, exam-manager is told of one of each type, where it lists each file with its task and
# takes a request for it.
MAX_N_LISTED = 20


@dataclass(frozen=True)
class ToldFile:
    """A file that a run has left.

    Parameters
    ----------
    directory, filename
        Where it lies: ``s3://{bucket}/{directory}`` in the data lake, else as the DAG named it.
    """

    type: ResultType
    directory: str
    filename: str


@dataclass(frozen=True)
class ToldRun:
    """A run as it stands, with its files once it has succeeded.

    Parameters
    ----------
    directory
        The run's own folder in the data lake.
    reason
        Why it failed, was cancelled, or waits; None: nothing of it.
    """

    dag_run_id: str
    directory: str
    has_succeeded: bool = False
    files: tuple[ToldFile, ...] = ()
    reason: str | None = None

    @property
    def listed(self) -> list[ToldFile]:
        """The files of a list with a request for each; last the middle of a series, to show."""
        if len(self.files) <= MAX_N_LISTED:
            middle = len(self.files) // 2
            rest = self.files[:middle] + self.files[middle + 1 :]
            return [*rest, *self.files[middle : middle + 1]]
        by_type: dict[ResultType, list[ToldFile]] = {}
        for each in self.files:
            by_type.setdefault(each.type, []).append(each)
        return [each[len(each) // 2] for each in sorted(by_type.values(), key=len)]


def flat_name(path: str) -> str:
    """Return how a file of a run is called where all are in one folder: its path, no slashes."""
    return path.replace("/", "_")


def describe_run(run: DagRun, results: Sequence[Result]) -> ToldRun:
    """Return what exam-manager is told of a run.

    Parameters
    ----------
    results
        Those that count; none while it goes on.
    """
    prefix = result_prefix(run.dag_run_id)
    return ToldRun(
        dag_run_id=run.dag_run_id,
        directory=f"s3://{run.bucket}/{prefix}",
        has_succeeded=run.state is DagRunState.SUCCEEDED,
        files=tuple(_locate(run, each) for each in results),
        reason=None if run.state is DagRunState.SUCCEEDED else run.reason,
    )


def _locate(run: DagRun, result: Result) -> ToldFile:
    if run.is_simulated:
        return ToldFile(result.type, "", result.key)
    is_in_lake = result.key.startswith(result_prefix(run.dag_run_id))
    path = f"s3://{run.bucket}/{result.key}" if is_in_lake else result.key
    directory, _, filename = path.rpartition("/")
    return ToldFile(result.type, directory, filename)
