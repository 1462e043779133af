"""The rows of ScanHub's databases."""

import threading
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from local.scanhub.models import ExamOut, ResultOut, TaskOut, WorkflowOut

RowT = TypeVar("RowT", bound=BaseModel)
Key = UUID | str

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
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tables: dict[type[BaseModel], dict[Key, Any]] = defaultdict(dict)
        self._last_created = datetime.min

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
                del self._tables[model][id_]
                self._tables[model][id_] = row.model_copy(update=columns)
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
            del self._tables[model][id_]
            return True

    def _show(self, row: Any) -> Any:
        copy = row.model_copy(deep=True)
        if type(row) in CHILDREN:
            name, child, column = CHILDREN[type(row)]
            setattr(copy, name, self.select(child, **{column: row.id}))
        return copy


def _has(row: Any, columns: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in columns.items())
