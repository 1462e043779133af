"""The service account: who the bridge is in ScanHub, and how it logs in, again and again."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scanhub_workflow.errors import AuthenticationError, ConfigurationError
from scanhub_workflow.login import log_in

CREDENTIAL = "scanhub-password"
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
MAX_PASSWORD_BYTES = 4_096


@dataclass(frozen=True)
class ServiceAccount:
    """A user of user-login-manager whose password is in a file.

    Parameters
    ----------
    login_url
        Of ScanHub's gateway, or of user-login-manager itself.
    username
        The user.
    password_file
        Readable by its owner alone, or a credential that systemd has handed over; it is read at
        each login, so that a new password needs no restart.
    """

    login_url: str
    username: str
    password_file: Path
    is_credential: bool = field(default=False)

    @classmethod
    def find(
        cls, login_url: str, username: str, password_file: Path | None, environ: Mapping[str, str]
    ) -> ServiceAccount:
        """Return the account as options and environment tell it.

        Raises
        ------
        ConfigurationError
            Something is missing.
        """
        if not login_url or not username:
            raise ConfigurationError(
                "ScanHub's URL and the name of the service account are needed."
            )
        if password_file is not None:
            return cls(login_url, username, password_file)
        folder = environ.get(CREDENTIALS_VARIABLE, "")
        if not folder:
            raise ConfigurationError(
                "The password is needed: --password-file, or systemd's "
                f"LoadCredential={CREDENTIAL}:file."
            )
        return cls(login_url, username, Path(folder) / CREDENTIAL, is_credential=True)

    def log_in(self, transport: httpx.BaseTransport | None = None) -> str:
        """Return a token.

        Raises
        ------
        ConfigurationError
            The password cannot be read, or others could; or ScanHub does not take it.
        ScanHubError
            ScanHub gave no token.
        """
        try:
            return log_in(self.login_url, self.username, self._read(), transport=transport)
        except AuthenticationError:
            message = "ScanHub does not take name and password of the service account."
            raise ConfigurationError(message) from None

    def _read(self) -> str:
        try:
            with self.password_file.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(MAX_PASSWORD_BYTES + 1)
        except OSError as error:
            cause = os.strerror(error.errno or 0)
            raise ConfigurationError(f"The password cannot be read: {cause}.") from None
        # systemd lets one user more read a credential by an ACL, which shows as the group's right.
        is_open = os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO)
        if is_open and not self.is_credential:
            raise ConfigurationError("Others may read the password: chmod 600 its file.")
        try:
            password = content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            password = ""
        if not password or len(content) > MAX_PASSWORD_BYTES:
            raise ConfigurationError("The file of the password holds none.")
        return password
