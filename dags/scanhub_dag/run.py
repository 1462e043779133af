"""Open a run: its inputs, its results, and one word to the workflow manager at its end."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanhub_dag import airflow_task
from scanhub_dag.conf import DagRunConf, read_text
from scanhub_dag.errors import RunError
from scanhub_dag.inputs import Input, make_inputs
from scanhub_dag.progress import Progress
from scanhub_dag.results import (
    MAX_RESULTS,
    MAX_RESULTS_BEFORE,
    Results,
    ResultType,
    media_type_of,
)
from scanhub_dag.version import NAME, __version__

if TYPE_CHECKING:
    import httpx

    from scanhub_dag.callback import ResultsCallback
    from scanhub_dag.object_store import ObjectStore

RESULTS_OPTIONAL_TAG = "results:optional"
_MAX_SENTENCE_LENGTH = 1000
_ENGINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+ -]{0,63}")
_ENGINE_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}")

_logger = logging.getLogger(__name__)


class Run:
    """A run that is open, as `open_run` gives it.

    Attributes
    ----------
    dag_id, dag_run_id
        The DAG, and ScanHub's id of the run.
    conf
        All that the run was told; it holds the callback token, so it is never logged.
    inputs
        In the order of the task's `input_task_ids`; one that left nothing is there, and empty.
    parameters
        The task's own args.
    folder
        Temporary, for the run's files; it is deleted at the end.
    engine
        Name and version of what makes the results; the run's record keeps it.
    """

    def __init__(
        self,
        dag_id: str,
        facts: DagRunConf,
        folder: Path,
        store: ObjectStore,
        callback: ResultsCallback,
    ) -> None:
        self.dag_id, self.dag_run_id = dag_id, facts.dag_run_id
        self.conf = facts.told
        self.parameters = facts.parameters
        self.folder = folder
        self.inputs: tuple[Input, ...] = make_inputs(facts.inputs, folder, store)
        self.engine: tuple[str, str] = (NAME, __version__)
        self._facts, self._store, self._callback = facts, store, callback
        self._results = Results(facts.output_prefix)
        self._progress = Progress(callback.report_progress)

    def report_progress(self, percent: float) -> None:
        """Tell how far the run is (0 to 100 %), as often as you like: few of them are sent."""
        self._progress.report(percent)

    def add_result(
        self,
        path: Path | str,
        *,
        type: ResultType,
        metadata: Mapping[str, Any] | None = None,
        preview: Path | str | None = None,
        name: str | None = None,
    ) -> None:
        """Upload a file into the run's own folder of the data lake; the end of the run reports it.

        Parameters
        ----------
        path
            The file; it may be deleted or written anew afterwards.
        type
            What a next DAG, and ScanHub's page, takes it for.
        metadata
            Small technical facts, free of patient data, the same for every try of a run.
        preview
            A picture of it; one picture may show several results.
        name
            In the run's folder; by default, the file's own. No patient data.

        Raises
        ------
        RunError
            If the file is not there, its name leads elsewhere, or a fact cannot be told.
        """
        path = Path(path)
        key, _ = self._results.claim_name(path.name if name is None else name, path)
        preview_key = None if preview is None else self._upload_preview(Path(preview))
        self._results.add(type, key, preview_key, metadata or {})
        try:
            self._upload(path, key)
        except BaseException:
            self._results.take_back(key)
            raise

    def _upload_preview(self, path: Path) -> str:
        key, is_new = self._results.claim_name(path.name, path, is_preview=True)
        if is_new:
            self._upload(path, key)
        return key

    def _upload(self, path: Path, key: str) -> None:
        self._store.upload(path, self._facts.bucket, key, media_type_of(Path(key)))

    def _report_results(self, *, is_result_needed: bool) -> None:
        from scanhub_dag.callback import CallbackError, CallbackLostError, RunEndedError

        is_versioned = self._facts.version is not None
        results = self._results.describe(MAX_RESULTS if is_versioned else MAX_RESULTS_BEFORE)
        if not results and is_result_needed:
            raise RunError("The DAG ended without a result.")
        # A workflow manager that tells no version refuses a field that it does not know.
        engine = _describe_engine(self.engine) if is_versioned else None
        try:
            self._callback.report_results(self._facts.bucket, results, engine)
        except RunEndedError:
            _logger.warning(
                "The run has ended before, and not like this: it was cancelled, or has reported "
                "already. Its results are stored and not listed."
            )
        except CallbackLostError as error:
            # The files are there, and the reconciler sees in Airflow that the run has ended.
            _logger.warning("%s", error)
        except CallbackError as error:
            raise RunError(str(error)) from None


@contextmanager
def open_run(dag_run: Any, *, transport: httpx.BaseTransport | None = None) -> Iterator[Run]:
    """Open a run; leaving the block reports its results, an exception its failure.

    A failure is reported only if Airflow will not try again. A `RunError` is never tried again.

    Parameters
    ----------
    dag_run
        Airflow's, or anything with `conf` and `dag_id`.
    transport
        Stands in for the network of the callback in tests.

    Raises
    ------
    RunError
        If the configuration is incomplete, or the results are not taken; in a task of Airflow it
        is AirflowFailException, as is every RunError that leaves the block.
    """
    conf, context = dag_run.conf or {}, airflow_task.find_context()
    try:
        with _prepare(dag_run.dag_id, conf, transport) as run:
            yield run
            tags = airflow_task.read_tags(context)
            run._report_results(
                is_result_needed=tags is not None and RESULTS_OPTIONAL_TAG not in tags
            )
    except RunError as error:
        _tell_failure(conf, dag_run.dag_id, str(error), transport)
        airflow_task.fail_for_good(error, context)
    except BaseException as error:  # Airflow's time-out is no Exception
        if not airflow_task.is_tried_again(error, context):
            _tell_failure(conf, dag_run.dag_id, _describe_failure(error, context), transport)
            airflow_task.mark_told(error)
        raise


@contextmanager
def _prepare(
    dag_id: str, conf: Mapping[str, Any], transport: httpx.BaseTransport | None
) -> Iterator[Run]:
    # Imported here: Airflow parses a DAG's file every few seconds.
    from scanhub_dag.callback import ResultsCallback
    from scanhub_dag.object_store import ObjectStore

    facts = DagRunConf.from_mapping(conf)
    with (
        tempfile.TemporaryDirectory(prefix="scanhub-") as folder,
        ResultsCallback(
            facts.endpoint,
            facts.token,
            dag_id,
            traceparent=facts.traceparent,
            transport=transport,
        ) as callback,
    ):
        yield Run(dag_id, facts, Path(folder), ObjectStore(), callback)


def report_failure(context: Any, *, transport: httpx.BaseTransport | None = None) -> None:
    """Report a failure that happened outside of `open_run`: an `on_failure_callback` for Airflow.

    Parameters
    ----------
    context
        Airflow's, of a task that failed for good.
    transport
        Stands in for the network in tests.
    """
    error, dag_run = context.get("exception"), context["dag_run"]
    if not airflow_task.is_told(error):
        sentence = _describe_failure(error, context)
        _tell_failure(dag_run.conf or {}, dag_run.dag_id, sentence, transport)


def _describe_failure(error: object, context: Mapping[str, Any] | None) -> str:
    if isinstance(error, RunError):
        return str(error)
    if airflow_task.is_timeout(error):
        timeout_s = airflow_task.read_timeout_s(context)
        longest = "its time" if timeout_s is None else f"its {timeout_s:g} seconds"
        return f"The DAG took longer than {longest}."
    if isinstance(error, BaseException):
        return f"The DAG failed unexpectedly ({type(error).__name__})."
    return "The DAG was killed, or its worker was lost."  # Airflow speaks for it, in free text


def _tell_failure(
    conf: Mapping[str, Any], dag_id: str, sentence: str, transport: httpx.BaseTransport | None
) -> None:
    """Report a failure; an undelivered report is left to the workflow manager's reconciler."""
    from scanhub_dag.callback import CallbackError, ResultsCallback, RunEndedError

    endpoint, token = read_text(conf, "workflow_manager_endpoint"), read_text(conf, "user_token")
    if endpoint is None or token is None:
        _logger.warning("The run's configuration names nobody to report the failure to.")
        return
    traceparent = conf.get("traceparent")
    try:
        with ResultsCallback(
            endpoint, token, dag_id, traceparent=traceparent, transport=transport
        ) as callback:
            # A file's name may hold what is no letter of UTF-8.
            told = sentence[:_MAX_SENTENCE_LENGTH].encode(errors="replace").decode()
            callback.report_failure(told)
    except RunEndedError:
        _logger.warning("The run has ended before: its failure is not recorded.")
    except CallbackError as error:
        _logger.error("%s", error)


def _describe_engine(engine: tuple[str, str]) -> dict[str, str] | None:
    name, version = map(str, engine)
    if _ENGINE_NAME.fullmatch(name) and _ENGINE_VERSION.fullmatch(version):
        return {"name": name, "version": version}
    _logger.warning("The engine is not told: its name and version are to be terms, no free text.")
    return None
