"""One run of one DAG: its identity, its callback token, what it is told and what it answers."""

import hashlib
import hmac
import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Entity
from workflow_manager.domain.ids import is_id
from workflow_manager.domain.parameters import Parameter
from workflow_manager.domain.result import Engine, Result
from workflow_manager.domain.trace import TraceContext, parse_traceparent

DAG_RUN_ID_LENGTH = 20
# Made for this purpose once; changing it would tear studies apart.
STUDY_NAMESPACE = UUID("6f1d3a52-6c0e-4c0b-9b7e-2f0f4b1d9a77")
SIMULATED_DAG_ID = "simulate_reconstruction"
FIRST_RETRY_S = 30
SIMULATION_STEP_S = 2
LAST_RETRY_S = 300
# As long as the function that starts runs may take: a crashed one is taken over after that.
START_LEASE_S = 60
# A start whose answer was lost may still reach Airflow: until then, "not there" is no answer.
STOP_GRACE = timedelta(minutes=5)
MAX_STOP_TIME = timedelta(days=1)
# Long enough for a DAG to repeat its callback, ScanHub's did for 25 minutes.
CALLBACK_GRACE = timedelta(days=1)


class DagRunState(StrEnum):
    """Where a run stands; PENDING has not been seen in Airflow yet.

    UNKNOWN is what another version wrote, and is never written.
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow by us."""
        return self not in (DagRunState.PENDING, DagRunState.RUNNING)


class InputTask(BaseModel):
    """A task whose data a run takes.

    Attributes
    ----------
    type
        ScanHub's type of the task, as text: it is only handed on.
    dag_run_id
        The run that has left the data; None: a scan, or unknown.
    has_data
        Whether it has left any: then the next of the run's `inputs` is the first of it.
    """

    model_config = ConfigDict(frozen=True)

    task_id: str
    type: str
    dag_run_id: str | None = None
    has_data: bool = True


class DagRun(Entity):
    """One run of one DAG, for an object of its own or for a task's attempt.

    Attributes
    ----------
    bucket
        The data lake, where the run leaves its results.
    study_instance_uid
        DICOM study of its images: one per exam, so that repeated scans stay together.
    patient_pseudonym
        DICOM's PatientID of its images; None: not known yet, or there is no patient.
    series_number
        Tells the series of that study apart.
    study_at
        When the exam was made, naive server-local as exam-manager tells it; None: not known.
    is_simulated
        `simulate_reconstruction` plays the run; Airflow never hears of it.
    data
        What the run works on; None if its task takes no input.
    inputs
        All of it: the first file of each input task, in the order in which the task names them;
        one that has left none has none here.
    input_tasks
        Those tasks, each in its place; none: the run works on an object of its own, or was made
        before they were kept.
    parameters
        What the task's args hold for the DAG.
    progress_at
        When it told its progress.
    needs_results
        Whether a success without results is a failure; a run that was made before this was asked
        needs none.
    attempt
        Counts from 1; of a run for an object of its own, each retry is the next one.
    timeout_s
        How long it may take once Airflow has started it [s].
    callback_token_hashes
        SHA-256 of each token sent to Airflow: an attempt whose answer was lost may live on.
    n_start_attempts
        How often a start was tried or queued.
    next_attempt_at
        When the reconciler queues a pending start again.
    ask_again_at
        When the reconciler looks again at a run that is past its deadline.
    start_lease_until
        Until then, whoever tries the start keeps others from it.
    stop_due_at
        When Airflow must be asked (again) to stop the run; None if there is nothing to stop.
    n_stop_attempts
        How often it was asked without a word that the run has stopped.
    stopped_at
        When a run that was cancelled, or ran past its deadline, is known to have ended in Airflow.
    dag_version
        Of the DAG, as Airflow 3 counts it, else as the DAG itself tells it.
    engine
        The program that made the results, as the DAG tells it.
    outcome_hash
        Tells a repeated result from a different one.
    last_event_id
        Of the audit trail of a run that belongs to no workflow.
    is_overdue
        It failed for its deadline only; results that come late still count.
    traceparent
        W3C Trace Context of what caused it; None until its object has told.
    """

    dag_run_id: str
    dag_id: str
    bucket: str
    study_instance_uid: str | None = None
    patient_pseudonym: str | None = None
    series_number: int | None = None
    study_at: datetime | None = None
    is_simulated: bool = False
    data: ObjectVersion | None = None
    inputs: tuple[ObjectVersion, ...] = ()
    input_tasks: tuple[InputTask, ...] = ()
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    needs_results: bool = False
    attempt: int = 1
    timeout_s: int = 7200
    workflow_id: str | None = None
    task_id: str | None = None
    state: DagRunState = DagRunState.PENDING
    progress: int = 0
    progress_at: AwareDatetime | None = None
    reason: str | None = None
    results: tuple[Result, ...] = ()
    dag_version: str | None = None
    engine: Engine | None = None
    outcome_hash: str | None = None
    is_overdue: bool = False
    traceparent: str | None = None
    callback_token_hashes: tuple[str, ...] = ()
    n_start_attempts: int = 0
    next_attempt_at: AwareDatetime
    ask_again_at: AwareDatetime | None = None
    start_lease_until: AwareDatetime | None = None
    stop_due_at: AwareDatetime | None = None
    n_stop_attempts: int = 0
    stopped_at: AwareDatetime | None = None
    last_event_id: str | None = None
    deadline: AwareDatetime
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @property
    def due_at(self) -> AwareDatetime | None:
        """When the reconciler must look at this run; None once there is nothing left to do."""
        if self.state is DagRunState.UNKNOWN:
            return None
        if self.state.is_final:
            return self.stop_due_at
        ends_at = max(self.deadline, self.ask_again_at or self.deadline)
        if self.state is DagRunState.PENDING:
            return min(self.next_attempt_at, ends_at)
        return ends_at

    @property
    def moved_at(self) -> AwareDatetime | None:
        """When it was created, or has started; None if it has ended."""
        return None if self.state.is_final else self.started_at or self.created_at

    @property
    def waits_because(self) -> str | None:
        """Why Airflow has not taken it yet; None if it has, or was not asked in vain."""
        waits = self.state is DagRunState.PENDING and not self.is_simulated
        return self.reason if waits else None

    @property
    def trace(self) -> TraceContext | None:
        """The trace that it belongs to."""
        return parse_traceparent(self.traceparent)

    @property
    def subject(self) -> str:
        """Whose audit trail its events belong to."""
        if self.workflow_id:
            return f"workflow:{self.workflow_id}"
        return f"dag_run:{self.dag_run_id}"

    def with_start_attempt(self, token: str, at: AwareDatetime) -> "DagRun":
        """Return the run with one more start attempt, confirmed by `token`'s hash.

        Parameters
        ----------
        token
            The callback token that this attempt sends along.
        at
            Time of the attempt.
        """
        hashes = (*self.callback_token_hashes, hash_token(token))
        later = self.with_later_retry(at)
        lease_until = at + timedelta(seconds=START_LEASE_S)
        return later.evolve(
            callback_token_hashes=hashes,
            start_lease_until=lease_until,
            next_attempt_at=max(later.next_attempt_at, lease_until),
        )

    def with_later_retry(self, at: AwareDatetime) -> "DagRun":
        """Return the run with its next try at starting put off, doubling up to five minutes."""
        return self.evolve(
            n_start_attempts=self.n_start_attempts + 1,
            next_attempt_at=at + back_off(self.n_start_attempts),
        )

    def put_off(self, at: AwareDatetime) -> "DagRun":
        """Return the run with the reconciler's next look at its end, or its stop, put off."""
        later = at + timedelta(seconds=FIRST_RETRY_S)
        if self.state.is_final:
            return self.evolve(stop_due_at=later)
        return self.evolve(ask_again_at=later, next_attempt_at=max(self.next_attempt_at, later))

    def with_failed_start(self, reason: str, at: AwareDatetime) -> "DagRun":
        """Return the run with its start given up for now: nobody need wait for the lease's end.

        Parameters
        ----------
        reason
            Why Airflow did not take it.
        at
            Time of the attempt.
        """
        retry_at = min(self.next_attempt_at, at + back_off(max(self.n_start_attempts - 1, 0)))
        return self.evolve(reason=reason, start_lease_until=None, next_attempt_at=retry_at)

    def is_being_started(self, at: AwareDatetime) -> bool:
        """Tell whether somebody else is at the start of this run."""
        return self.start_lease_until is not None and self.start_lease_until > at

    def stop_fields(self, at: AwareDatetime) -> dict[str, object]:
        """Return the fields that let Airflow be told to stop the run, if it may have it.

        Parameters
        ----------
        at
            When the run ends here.
        """
        may_be_in_airflow = self.n_start_attempts > 0 and not self.is_simulated
        # Soon: by then, the message that it is to be stopped has brought somebody who asks.
        stop_due_at = at + timedelta(seconds=FIRST_RETRY_S)
        return {"stop_due_at": stop_due_at} if may_be_in_airflow else {"stopped_at": at}

    def with_stop(self, at: AwareDatetime) -> "DagRun":
        """Return the run as Airflow says that it has stopped, or never was."""
        return self.evolve(stop_due_at=None, n_stop_attempts=0, stopped_at=at)

    def with_later_stop(self, at: AwareDatetime, *, is_known: bool) -> "DagRun":
        """Return the run with the next try at stopping it put off, or given up.

        Parameters
        ----------
        at
            Time of the attempt that failed.
        is_known
            Whether Airflow may know the run: if it does not, none is missed after a while.
        """
        patience = MAX_STOP_TIME if is_known else STOP_GRACE
        if at < (self.finished_at or at) + patience:
            later = at + back_off(self.n_stop_attempts)
            return self.evolve(stop_due_at=later, n_stop_attempts=self.n_stop_attempts + 1)
        given_up = self.evolve(stop_due_at=None, n_stop_attempts=self.n_stop_attempts + 1)
        return given_up if is_known else given_up.with_stop(at)

    def is_called_back_with(self, token: str, at: AwareDatetime) -> bool:
        """Tell whether `token` was sent along with a start of this run and still counts.

        Parameters
        ----------
        token
            What the caller holds; compared in constant time.
        at
            Now. A day after the deadline no token counts any more.
        """
        if at > self.deadline + CALLBACK_GRACE:
            return False
        candidate = hash_token(token)
        matches = [hmac.compare_digest(candidate, known) for known in self.callback_token_hashes]
        return any(matches)


def back_off(n_attempts: int) -> timedelta:
    """Return how long to wait after so many attempts, doubling up to five minutes."""
    return timedelta(seconds=min(FIRST_RETRY_S * 2 ** min(n_attempts, 10), LAST_RETRY_S))


def object_dag_run_id(data: ObjectVersion, attempt: int = 1) -> str:
    """Return the id of the one run that an object version, or a retry of it, causes."""
    retry = [] if attempt == 1 else [str(attempt)]
    return _derive_id("object", data.bucket, data.key, data.version_id or "", *retry)


def task_dag_run_id(task_id: str, attempt: int) -> str:
    """Return the id of the one run that an attempt at a task causes."""
    return _derive_id("task", task_id, str(attempt))


def new_callback_token(run: DagRun) -> str:
    """Return a fresh token ``{dag_run_id}.{256 random bits}``.

    With it come, behind further dots, workflow and task of the run: who takes the token reads all
    three at once.
    """
    place = (run.workflow_id, run.task_id)
    told = [each for each in place if each is not None and is_id(each)]
    named = told if len(told) == len(place) else []
    return ".".join([run.dag_run_id, secrets.token_urlsafe(32), *named])


def read_callback_token(token: str) -> tuple[str, tuple[str, str] | None]:
    """Return a token's run, and the workflow and task that it names; nothing of it is proven."""
    dag_run_id, *others = token.split(".")
    return dag_run_id, (others[1], others[2]) if len(others) == 3 else None


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def derive_study_instance_uid(exam_id: str) -> str:
    """Return the DICOM StudyInstanceUID of an exam, always the same.

    Parameters
    ----------
    exam_id
        Exam-manager's id; it cannot be read back from the result.

    Returns
    -------
    str
        A UUID-derived UID (DICOM PS3.5 B.2).
    """
    return f"2.25.{uuid5(STUDY_NAMESPACE, exam_id).int}"


def make_series_number(workflow_id: str, place: int, attempt: int) -> int:
    """Return a number that grows with a task's place in its workflow, then with its attempt.

    Parameters
    ----------
    workflow_id
        Gives the first four digits: an exam may have several workflows.
    place
        Counts from 1; three digits, as a workflow has a thousand tasks at most.
    attempt
        Counts from 1; two digits, of the hundredth they begin again.

    Returns
    -------
    int
        As DICOM's SeriesNumber can hold, below 2**31.
    """
    digest = hashlib.sha256(f"series of {workflow_id}".encode()).digest()
    group = 1000 + int.from_bytes(digest[:8], "big") % 9000
    return (group * 1000 + place % 1000) * 100 + attempt % 100


def _derive_id(*parts: str) -> str:
    # The separator cannot occur in a part, so that no two causes read the same.
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return b32encode(digest).decode().lower()[:DAG_RUN_ID_LENGTH]
