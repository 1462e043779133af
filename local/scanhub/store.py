"""The rows of ScanHub's databases."""

import json
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from local.scanhub import models
from local.scanhub.errors import UnhandledError
from local.scanhub.row_file import RowFile

RowT = TypeVar("RowT", bound=BaseModel)
Key = UUID | str
Model = type[BaseModel]

NOTES = "notes"


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The tables of a generation, each named by its model.

    Attributes
    ----------
    children
        Where a row shows those that name it in a column.
    orphans
        The tables whose rows stay when the row above is deleted.
    variants
        More models of a table's rows, which are the table's subclasses.
    unreadable
        What crashes a service that loads it.
    order
        The column by which a table is sorted.
    """

    tables: tuple[Model, ...]
    children: Mapping[Model, tuple[str, Model, str]]
    orphans: tuple[Model, ...] = ()
    variants: tuple[Model, ...] = ()
    unreadable: tuple[Model, ...] = ()
    order: Mapping[Model, str] = field(default_factory=dict)

    def table(self, model: Model) -> Model:
        """Return the table that holds the rows of a model."""
        return next(table for table in self.tables if issubclass(model, table))

    def find_model(self, name: str) -> Model:
        """Return the model of a row by its name."""
        return next(model for model in (*self.variants, *self.tables) if model.__name__ == name)


SCHEMA = Schema(
    tables=(
        *(models.PatientOut, models.MRISequence, models.ExamOut, models.WorkflowOut),
        *(models.TaskOut, models.ResultOut, models.Device),
    ),
    children={
        models.ExamOut: ("workflows", models.WorkflowOut, "exam_id"),
        models.WorkflowOut: ("tasks", models.TaskOut, "workflow_id"),
        models.TaskOut: ("results", models.ResultOut, "task_id"),
    },
    orphans=(models.ResultOut,),
)


def server_now() -> datetime:
    """Return the time as ScanHub writes it: the server's local time, without an offset."""
    return datetime.now()


class Store:
    """All tables in memory, behind one lock; reads return copies.

    What the schema does not sort is as in PostgreSQL without ORDER BY: an update moves its row to
    the end of the table. The original may find room for it elsewhere, so no client may rely on
    either order.

    Parameters
    ----------
    file
        Keeps the rows for the next start; none: they end with the process.
    """

    def __init__(self, file: Path | None = None, schema: Schema = SCHEMA) -> None:
        self._lock = threading.RLock()
        self._schema = schema
        self._tables: dict[Model, dict[Key, Any]] = defaultdict(dict)
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
            table = self._schema.table(type(row))
            self._tables[table][getattr(row, "id")] = row  # noqa: B009  each model has one
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
            rows: list[Any] = [row for row in self._tables[model].values() if _has(row, columns)]
            if column := self._schema.order.get(model):
                rows.sort(key=lambda row: getattr(row, column))
            return [self._show(row) for row in rows]

    def update(self, model: type[RowT], id_: Key, **columns: Any) -> RowT | None:
        """Overwrite columns of a row; one that does not change is not written at all."""
        with self._lock:
            row = self._tables[model].get(id_)
            if row is None:
                return None
            if not _has(row, columns):
                if "datetime_updated" in model.model_fields:
                    columns = {"datetime_updated": server_now()} | columns
                self.replace(row.model_copy(update=columns))
            return self.find(model, id_)

    def replace(self, row: BaseModel) -> None:
        """Put a row in the place of the one that has its id."""
        with self._lock:
            self._remove(self._schema.table(type(row)), getattr(row, "id"))  # noqa: B009  each model has one
            self.put(row)

    def delete(self, model: Model, id_: Key) -> bool:
        """Delete a row and those below it, whether it was there; orphans stay."""
        with self._lock:
            # To find it loads all below: what cannot be read cannot be deleted either.
            if self.find(model, id_) is None:
                return False
            if model in self._schema.children:
                _, child, column = self._schema.children[model]
                rows: list[Any] = self.select(child, **{column: id_})
                for row in rows:
                    if child in self._schema.orphans:
                        self.update(child, row.id, **{column: None})
                    else:
                        self.delete(child, row.id)
            self._remove(model, id_)
            return True

    def _remove(self, table: Model, id_: Key) -> None:
        row = self._tables[table].pop(id_)
        if self._file:
            self._file.delete(type(row).__name__, str(id_))

    def _write(self, row: Any) -> None:
        if self._file:
            # As a client sent it: what is no value of its column is converted at the next start.
            content = row.model_dump_json(by_alias=True, warnings=False)
            self._file.put(type(row).__name__, str(row.id), content)

    def _take_in(self, kind: str, id_: str, content: str) -> None:
        if kind == NOTES:
            self._notes[id_] = json.loads(content)
            return
        row: Any = self._schema.find_model(kind).model_validate_json(content)
        self._tables[self._schema.table(type(row))][row.id] = row

    def _show(self, row: Any) -> Any:
        if isinstance(row, self._schema.unreadable):
            raise UnhandledError
        copy = row.model_copy(deep=True)
        if (table := self._schema.table(type(row))) in self._schema.children:
            name, child, column = self._schema.children[table]
            setattr(copy, name, self.select(child, **{column: row.id}))
        return copy


def _has(row: Any, columns: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in columns.items())
