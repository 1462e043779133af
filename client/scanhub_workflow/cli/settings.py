"""Where the API is and who calls: from the environment, else from a file of the user's own."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError, field_serializer

from scanhub_workflow.cli.advice import LOGIN
from scanhub_workflow.client import TOKEN_VARIABLE, URL_VARIABLE
from scanhub_workflow.errors import ConfigurationError


class Settings(BaseModel):
    """What the last login left.

    Attributes
    ----------
    url
        Of the API, up to ``/workflowmanager``.
    token
        Of the user.
    login_url, username
        Where ScanHub's user-login-manager is and who logged in, to ask for less the next time.
    """

    url: str = ""
    token: SecretStr = SecretStr("")
    login_url: str = ""
    username: str = ""

    @field_serializer("token", when_used="json")
    def _write_token(self, token: SecretStr) -> str:
        return token.get_secret_value()


@dataclass(frozen=True)
class SettingsFile:
    """The file and the environment, which has the last word.

    Parameters
    ----------
    path
        The file.
    environ
        Variables of the process.
    """

    path: Path
    environ: Mapping[str, str] = field(repr=False)

    def find(self) -> Settings:
        """Return what holds now.

        Raises
        ------
        ConfigurationError
            The file is damaged, or others may read it.
        """
        saved = self.read()
        url, token = (self._get(name) for name in (URL_VARIABLE, TOKEN_VARIABLE))
        if url and url.rstrip("/") != saved.url.rstrip("/"):
            # A token is shown to the server that gave it and to no other.
            saved = Settings(url=url)
        return saved.model_copy(update={"token": SecretStr(token)}) if token else saved

    def read(self) -> Settings:
        """Return what the file holds; nothing if there is none.

        Raises
        ------
        ConfigurationError
            The file is damaged, or others may read it.
        """
        try:
            with self.path.open(encoding="utf-8-sig") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read()
        except FileNotFoundError:
            return Settings()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"{self.path} cannot be read. {LOGIN}") from None
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(
                f"Others may read your login: chmod 600 {self.path}, and log in anew."
            )
        try:
            return Settings.model_validate_json(content)
        except ValidationError:
            # Without the cause, which shows the token.
            raise ConfigurationError(f"{self.path} is damaged: delete it. {LOGIN}") from None

    def write(self, settings: Settings) -> None:
        """Replace the file; nobody but its owner can read it, at no moment.

        Parameters
        ----------
        settings
            What to keep.

        Raises
        ------
        ConfigurationError
            It cannot be written.
        """
        content = json.dumps(settings.model_dump(mode="json"), indent=2)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A temporary file is its owner's alone from its first byte.
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".login-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(content)
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            cause = os.strerror(error.errno or 0)
            raise ConfigurationError(f"{self.path} cannot be written: {cause}.") from None

    def _get(self, variable: str) -> str:
        return self.environ.get(variable, "").strip()
