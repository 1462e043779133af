"""The rows of ScanHub's databases."""

import json
import threading
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from local.scanhub.models import (
    Device,
    ExamOut,
    MRISequence,
    PatientOut,
    ResultOut,
    TaskOut,
    WorkflowOut,
)
from local.scanhub.row_file import RowFile

RowT = TypeVar("RowT", bound=BaseModel)
Key = UUID | str

TABLES = (PatientOut, MRISequence, ExamOut, WorkflowOut, TaskOut, ResultOut, Device)
NOTES = "notes"
# Where a row shows those that name it in a column.
CHILDREN: dict[type[BaseModel], tuple[str, type[BaseModel], str]] = {
    ExamOut: ("workflows", WorkflowOut, "exam_id"),
    WorkflowOut: ("tasks", TaskOut, "workflow_id"),
    TaskOut: ("results", ResultOut, "task_id"),
}


def server_now() -> datetime:
    """Return the time as ScanHub writes it: the server's local time, without an offset."""
    return datetime.now()


class Store:
    """All tables in memory, behind one lock; reads return copies.

    Nothing is sorted, as in PostgreSQL without ORDER BY: an update moves its row to the end of the
    table. The original may find room for it elsewhere, so no client may rely on either order.

    Parameters
    ----------
    file
        Keeps the rows for the next start; none: they end with the process.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._tables: dict[type[BaseModel], dict[Key, Any]] = defaultdict(dict)
        self._notes: dict[str, Any] = {}
        self._last_created = datetime.min
        self._file = RowFile(file) if file else None
        for kind, id_, content in self._file.read() if self._file else ():
            self._take_in(kind, id_, content)

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def note(self, name: str, value: Any) -> None:
        """Keep what is no row of ScanHub's, as JSON."""
        with self._lock:
            self._notes[name] = value
            if self._file:
                self._file.put(NOTES, name, json.dumps(value))

    def recall(self, name: str) -> Any:
        """Return a note, or None if there is none."""
        return self._notes.get(name)

    def add(self, model: type[RowT], item: BaseModel, **columns: Any) -> RowT:
        """Keep what clients send as a new row and return it."""
        with self._lock:
            # Clients sort tasks by this time, so no two rows may share one.
            created = max(server_now(), self._last_created + timedelta(microseconds=1))
            self._last_created = created
            columns = {"id": uuid4(), "datetime_created": created} | columns
            return self.put(model.model_validate(item.model_dump() | columns))

    def put(self, row: RowT) -> RowT:
        """Keep a row, new or known."""
        with self._lock:
            self._tables[type(row)][getattr(row, "id")] = row  # noqa: B009  each model has one
            self._write(row)
            return row.model_copy(deep=True)

    def find(self, model: type[RowT], id_: Key | None) -> RowT | None:
        """Return a row with its children."""
        with self._lock:
            row = self._tables[model].get(id_) if id_ else None
            return self._show(row) if row else None

    def select(self, model: type[RowT], **columns: Any) -> list[RowT]:
        """Return the rows whose columns have these values, in the order of the heap."""
        with self._lock:
            rows = self._tables[model].values()
            return [self._show(row) for row in rows if _has(row, columns)]

    def update(self, model: type[RowT], id_: Key, **columns: Any) -> RowT | None:
        """Overwrite columns of a row; one that does not change is not written at all."""
        with self._lock:
            row = self._tables[model].get(id_)
            if row is None:
                return None
            if not _has(row, columns):
                if "datetime_updated" in model.model_fields:
                    columns = {"datetime_updated": server_now()} | columns
                self._remove(model, id_)
                self.put(row.model_copy(update=columns))
            return self.find(model, id_)

    def delete(self, model: type[BaseModel], id_: Key) -> bool:
        """Delete a row and those below it, whether it was there; results stay as orphans."""
        with self._lock:
            if id_ not in self._tables[model]:
                return False
            if model in CHILDREN:
                _, child, column = CHILDREN[model]
                rows: list[Any] = self.select(child, **{column: id_})
                for row in rows:
                    if child is ResultOut:
                        self.update(child, row.id, task_id=None)
                    else:
                        self.delete(child, row.id)
            self._remove(model, id_)
            return True

    def _remove(self, model: type[BaseModel], id_: Key) -> None:
        del self._tables[model][id_]
        if self._file:
            self._file.delete(model.__name__, str(id_))

    def _write(self, row: Any) -> None:
        if self._file:
            # As a client sent it: what is no value of its column is converted at the next start.
            content = row.model_dump_json(by_alias=True, warnings=False)
            self._file.put(type(row).__name__, str(row.id), content)

    def _take_in(self, kind: str, id_: str, content: str) -> None:
        if kind == NOTES:
            self._notes[id_] = json.loads(content)
            return
        (model,) = (table for table in TABLES if table.__name__ == kind)
        row: Any = model.model_validate_json(content)
        self._tables[model][row.id] = row

    def _show(self, row: Any) -> Any:
        copy = row.model_copy(deep=True)
        if type(row) in CHILDREN:
            name, child, column = CHILDREN[type(row)]
            setattr(copy, name, self.select(child, **{column: row.id}))
        return copy


def _has(row: Any, columns: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in columns.items())
