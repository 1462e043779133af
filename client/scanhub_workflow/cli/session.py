"""What all commands share: settings, output and the way to the API."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import typer

from scanhub_workflow.cli.advice import LOGIN
from scanhub_workflow.cli.output import Output
from scanhub_workflow.cli.settings import SettingsFile
from scanhub_workflow.cli.words import NAME
from scanhub_workflow.client import Client
from scanhub_workflow.errors import ConfigurationError
from scanhub_workflow.retry import Retry


@dataclass(frozen=True)
class Session:
    """One call of the command line.

    Parameters
    ----------
    output
        Where it shows what it does.
    folder
        Where it keeps the login and the uploads that are not done.
    environ
        Variables of the process.
    transport, storage_transport
        How to reach the API and S3; httpx's own if left out.
    retry
        How often to try what may be repeated.
    """

    output: Output = field(default_factory=Output)
    folder: Path = field(default_factory=lambda: Path(typer.get_app_dir(NAME)))
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    transport: httpx.BaseTransport | None = None
    storage_transport: httpx.BaseTransport | None = None
    retry: Retry = field(default_factory=Retry)

    @property
    def settings(self) -> SettingsFile:
        """Return where the login is kept."""
        return SettingsFile(self.folder / "login.json", self.environ)

    def connect(self) -> Client:
        """Return the API on behalf of whoever is logged in.

        Raises
        ------
        ConfigurationError
            Nobody is.
        """
        settings = self.settings.find()
        token = settings.token.get_secret_value()
        if not settings.url or not token:
            raise ConfigurationError(f"You are not logged in. {LOGIN}")
        return self.open(settings.url, token)

    def open(self, url: str, token: str) -> Client:
        """Return the API at a URL on behalf of the user with a token.

        Parameters
        ----------
        url, token
            Of the API, of the user.
        """
        return Client(
            url,
            token,
            transport=self.transport,
            storage_transport=self.storage_transport,
            retry=self.retry,
        )


AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def begin(context: typer.Context, as_json: bool) -> Session:
    """Return the session of a command.

    Parameters
    ----------
    context
        Of the command.
    as_json
        Whether it writes for a program.
    """
    session: Session = context.find_root().obj
    session.output.is_json = as_json
    return session
