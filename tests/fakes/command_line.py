"""The command line, in this process."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from scanhub_workflow import Clock, Retry
from scanhub_workflow.cli import app
from scanhub_workflow.cli.output import Output
from scanhub_workflow.cli.session import Session

Answer = Callable[[httpx.Request], httpx.Response]
URL = "https://api.test/api/v1/workflowmanager"
TOKEN = "a-token"
NO_WAIT = Retry(n_attempts=3, clock=Clock(sleep=lambda _: None))


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        [document] = self.documents
        return document


@dataclass(frozen=True)
class CommandLine:
    """Runs commands; `width` makes a terminal of so many columns, None a pipe."""

    folder: Path
    api: httpx.BaseTransport | None = None
    s3: httpx.BaseTransport | None = None
    environ: Mapping[str, str] = field(
        default_factory=lambda: {"SCANHUB_WORKFLOW_URL": URL, "SCANHUB_WORKFLOW_TOKEN": TOKEN}
    )
    width: int | None = None
    retry: Retry = NO_WAIT

    def run(self, *arguments: str, text: str = "") -> Ended:
        session = Session(
            output=Output(self.width),
            folder=self.folder,
            environ=self.environ,
            transport=self.api,
            storage_transport=self.s3,
            retry=self.retry,
        )
        result = CliRunner().invoke(app, list(arguments), input=text, obj=session)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)
