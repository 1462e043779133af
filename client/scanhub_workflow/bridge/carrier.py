"""Let be carried what there is to carry, by one login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from scanhub_workflow.bridge.board import BoardWorkflow
from scanhub_workflow.bridge.connection import Connection
from scanhub_workflow.bridge.exam_manager import Generation
from scanhub_workflow.bridge.items import Item, Items, State
from scanhub_workflow.bridge.looks import Looks
from scanhub_workflow.bridge.raw_data import RawData
from scanhub_workflow.bridge.reasons import CannotError, NotYetError, explain
from scanhub_workflow.bridge.receiving import FinishedRun, Receiver
from scanhub_workflow.bridge.sending import send
from scanhub_workflow.bridge.transfers import Transfers
from scanhub_workflow.bridge.volume import Volume
from scanhub_workflow.bridge.work import Work, find_work, is_of_interest
from scanhub_workflow.errors import AuthenticationError, ScanHubError, UnreachableError


@dataclass(frozen=True)
class Carrier:
    """Looks at all workflows, and begins what is due.

    Parameters
    ----------
    items
        What is to be carried, and how it stands.
    looks
        When which workflow is looked at.
    transfers
        What is under way.
    tell
        Writes a line of the log.
    now
        The time [s since 1970].
    """

    items: Items
    looks: Looks
    transfers: Transfers
    tell: Callable[[str], None]
    now: Callable[[], float]
    # What neither API nor exam-manager shows at once, or at all: after a restart it is tried again,
    # and changes nothing.
    _done: set[tuple[str, str]] = field(default_factory=set)

    def look(self, connection: Connection, volume: Volume) -> None:
        """Look what there is to do, and begin it.

        Raises
        ------
        ScanHubError
            A service is away, or the login is over.
        """
        try:
            self._look(connection, volume)
        except ScanHubError:
            self.looks.forget()
            raise

    def _look(self, connection: Connection, volume: Volume) -> None:
        known = [each for each in connection.api.board.read() if is_of_interest(each)]
        self.items.keep_workflows({each.workflow_id for each in known})
        for workflow in self.looks.choose_due(known, self.items.list(), self.now()):
            work = self._find(connection, volume, workflow)
            wanted = [each for each in work if each.mark not in self._done]
            self.items.keep(workflow.workflow_id, {each.key for each in wanted})
            for each in wanted:
                self._begin(connection, volume, each)

    def _find(self, connection: Connection, volume: Volume, told: BoardWorkflow) -> list[Work]:
        try:
            now_s = connection.api.board.find_time() or self.now()
            return find_work(connection, volume, told, now_s)
        except (AuthenticationError, UnreachableError):
            raise
        except (ScanHubError, OSError, ValueError) as error:
            # One that is broken in exam-manager must not stop the others.
            why = CannotError(explain(error))
            return [Work(f"look {told.workflow_id}", told.workflow_id, "", why)]

    def _begin(self, connection: Connection, volume: Volume, work: Work) -> None:
        item = self.items.add(Item(work.key, work.workflow_id, work.task_id))
        if self.transfers.is_running(work.key) or item.next_at_s > self.now():
            return
        match work.found:
            case RawData() as raw:
                self.transfers.begin(work.key, partial(self._send, connection, volume, raw, work))
            case FinishedRun() as run:
                receiver = Receiver(connection.api, connection.exam, volume, connection.generation)
                self.transfers.begin(work.key, partial(self._receive, receiver, run, work))
            case NotYetError() | CannotError() as reason:
                is_wrong = isinstance(reason, CannotError)
                state = State.CANNOT if is_wrong else State.WAITING
                self.transfers.postpone(work.key, state, str(reason))

    def _send(self, connection: Connection, volume: Volume, raw: RawData, work: Work) -> str:
        upload_id = send(connection.api, volume, raw, self.transfers.stop, self._note(work.key))
        # The API shows it once S3's event has come.
        self._done.add(work.mark)
        if upload_id is None:
            return f"{work.key}: it has its data already."
        return f"{work.key}: uploaded result {raw.result_id} as {upload_id}."

    def _receive(self, receiver: Receiver, run: FinishedRun, work: Work) -> str:
        n_images = receiver.receive(run, self.transfers.stop, self._note(work.key))
        if receiver.generation is Generation.MARCH_2025 or not n_images:
            self._done.add(work.mark)
        return f"{work.key}: {n_images} images of task {run.task_id} are in the volume."

    def _note(self, key: str) -> Callable[[int, int], None]:
        def note(done_bytes: int, size_bytes: int) -> None:
            self.items.change(key, done_bytes=done_bytes, size_bytes=size_bytes)

        return note
