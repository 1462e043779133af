"""Show a workflow or a run until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeElapsedColumn

from scanhub_workflow.cli.exit_codes import ExitCode
from scanhub_workflow.cli.output import Output, clean, shorten, to_text
from scanhub_workflow.cli.words import SCANS, explain, name_tasks, read, tell
from scanhub_workflow.models import DagRunDetail, TaskStatus, WorkflowView

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it has ended.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", min=0, help="Follow it for so many seconds at most.")
]
NARROW = 60
# "Reconstruction 1" and "in progress" are always seen whole.
MIN_SHOWN = 16
_GOOD_ENDS = frozenset({"completed", "succeeded"})


@dataclass(frozen=True)
class Step:
    """One line of what is followed.

    Parameters
    ----------
    key
        Which thing.
    name, status
        As people read them.
    progress
        0 to 100 [%].
    reason
        Why it has failed, or what it waits for.
    """

    key: str
    name: str
    status: str
    progress: int
    reason: str | None = None

    @property
    def state(self) -> str:
        """How it stands, and why."""
        return f"{self.status}: {self.reason}" if self.reason else self.status


Show = Callable[[list[Step]], None]


def follow_workflow(output: Output, changes: Iterator[WorkflowView]) -> None:
    """Show a workflow until it has ended.

    Parameters
    ----------
    output
        Where to.
    changes
        The workflow, as it is and after every change.

    Raises
    ------
    typer.Exit
        It has not ended well.
    """
    with _showing(output) as show:
        for workflow in changes:
            if output.is_json:
                output.document(workflow)
                continue
            show(_read_tasks(workflow))
            if _waits_for_operator(workflow):
                output.note(
                    "Nothing runs: the next task waits for you, or for another operator. "
                    f"scanhub-workflow process {workflow.workflow_id}"
                )
    names = name_tasks(workflow.tasks)
    reasons = [f"{names[task.task_id]}: {task.reason}" for task in workflow.tasks if task.reason]
    _conclude(output, f"Workflow {workflow.workflow_id}", workflow.status, reasons)


def follow_run(output: Output, changes: Iterator[DagRunDetail]) -> None:
    """Show a run until it has ended.

    Parameters
    ----------
    output
        Where to.
    changes
        The run, as it is and after every change.

    Raises
    ------
    typer.Exit
        It has not ended well.
    """
    with _showing(output) as show:
        for run in changes:
            if output.is_json:
                output.document(run)
                continue
            show(
                [Step(run.dag_run_id, run.dag_id, read(run.state), run.progress, tell(run.reason))]
            )
    state = read(run.state)
    _conclude(output, f"Run {run.dag_run_id}", state, [run.reason] if run.reason else [])
    output.say(f"Its files: scanhub-workflow download {run.dag_run_id} -o DIR")


def make_progress(output: Output, *columns: ProgressColumn | str) -> Progress:
    """Return bars that move on a terminal, and are not there in a pipe.

    Parameters
    ----------
    output
        Where to.
    columns
        What stands after the name and the bar.
    """
    is_narrow = output.errors.width < NARROW
    first: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
    bar = [] if is_narrow else [BarColumn(bar_width=None)]
    return _Bars(*first, *bar, *columns, console=output.errors, disable=not output.is_live)


class _Bars(Progress):
    def get_renderable(self) -> RenderableType:
        return _WithRoom(super().get_renderable())


@dataclass(frozen=True)
class _WithRoom:
    # A terminal shows Ctrl-C as two characters, which would begin a new line after a full one:
    # the bars would be drawn a second time, there.
    bars: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.bars, options.update(width=options.max_width - len("^C")))


@contextmanager
def _showing(output: Output) -> Iterator[Show]:
    seen: dict[str, Step] = {}
    bars: dict[str, TaskID] = {}
    columns: list[ProgressColumn] = [
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[status]}", markup=False),
    ]
    if output.errors.width >= NARROW:
        columns.append(TimeElapsedColumn())
    with make_progress(output, *columns) as progress:

        def show(steps: list[Step]) -> None:
            for step in steps:
                if step.key not in bars:
                    name = _fit(step.name, output.errors.width // 3)
                    bars[step.key] = progress.add_task(name, total=100, status="")
                state = _fit(step.state, output.errors.width * 2 // 5)
                progress.update(bars[step.key], completed=step.progress, status=state)
                if step != seen.get(step.key) and output.has_log:
                    cells = [datetime.now(UTC), step.name, step.status, f"{step.progress} %"]
                    cells += [step.reason] if step.reason else []
                    output.say("  ".join(map(to_text, cells)))
                seen[step.key] = step

        try:
            yield show
        except KeyboardInterrupt:
            progress.stop()
            output.note("You follow it no longer; it goes on.")
            raise typer.Exit(ExitCode.INTERRUPTED) from None


def _fit(text: str, max_length: int) -> str:
    # On one line with the bar; a pipe's lines, and the end, have all of it.
    return shorten(clean(text), max(max_length, MIN_SHOWN))


def _read_tasks(workflow: WorkflowView) -> list[Step]:
    names = name_tasks(workflow.tasks)
    return [
        Step(
            task.task_id,
            names[task.task_id],
            read(task.status),
            task.progress,
            explain(task, workflow),
        )
        for task in workflow.tasks
    ]


def _waits_for_operator(workflow: WorkflowView) -> bool:
    """Return whether nothing will happen by itself: scans are started by people."""
    statuses = {task.status for task in workflow.tasks}
    if TaskStatus.IN_PROGRESS in statuses or TaskStatus.FAILED in statuses:
        return False
    pending = [task for task in workflow.tasks if task.status is TaskStatus.PENDING]
    return bool(pending) and (not workflow.auto_advance or pending[0].task_type in SCANS)


def _conclude(output: Output, what: str, status: str, reasons: list[str]) -> None:
    output.say(f"{what} is {status}.")
    if status in _GOOD_ENDS:
        return
    for reason in reasons:
        output.note(reason)
    raise typer.Exit(ExitCode.ENDED_BADLY)
