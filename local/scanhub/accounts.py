"""Users and their bearer tokens, as user-login-manager keeps them."""

import hmac
import secrets
import threading
import time
from dataclasses import dataclass

from local.scanhub.models import Role, User
from local.scanhub.store import Store

TOKEN_LENGTH_BYTES = 256  # 512 hexadecimal characters
IDLE_LIMIT_S = 3600
LOGIN_LIMIT_S = 39600
SESSION = ("token", "last_activity_unixtime", "last_login_unixtime")
BEARER = {"token_type": "bearer"}


@dataclass
class Account:
    """One user with the session it may have."""

    username: str
    password: str
    first_name: str
    last_name: str
    role: Role
    token: str = ""
    last_activity_unixtime: int = 0
    last_login_unixtime: int = 0

    def to_user(self, **told: str | None) -> User:
        """Return the user as ``getcurrentuser`` answers it: without the token."""
        names = "username first_name last_name role last_activity_unixtime last_login_unixtime"
        fields = {name: getattr(self, name) for name in names.split()}
        fields |= {
            "email": f"{self.username}@scanhub.invalid",
            "access_token": "",
            "token_type": "",
        }
        return User.model_validate(fields | told)


class Accounts:
    """The users who may log in, and who is logged in: those whose session the store knows."""

    def __init__(self, store: Store, *accounts: Account) -> None:
        self._lock = threading.Lock()
        self._store = store
        self._accounts = {account.username: account for account in accounts}
        for account in accounts:
            if session := store.recall(_name_session(account)):
                for name, value in zip(SESSION, session, strict=True):
                    setattr(account, name, value)

    def log_in(self, username: str, password: str) -> User | None:
        """Return the user with its token, the same one during a session; ``None`` if refused."""
        with self._lock:
            account = self._accounts.get(username)
            if account is None or not _is_same(account.password, password):
                return None
            now = int(time.time())
            if not _is_logged_in(account, now):
                account.token = secrets.token_hex(TOKEN_LENGTH_BYTES)
                account.last_login_unixtime = now
            account.last_activity_unixtime = now
            self._note(account)
            times = {"last_activity_unixtime": None, "last_login_unixtime": None}
            return account.to_user(access_token=account.token, **BEARER, **times)

    def check_token(self, token: str) -> User | None:
        """Return the user a token belongs to, and renew the session; ``None`` if refused."""
        now = int(time.time())
        with self._lock:
            for account in self._accounts.values():
                if _is_logged_in(account, now) and _is_same(account.token, token):
                    account.last_activity_unixtime = now
                    self._note(account)
                    return account.to_user()
        return None

    def log_out(self, username: str | None = None) -> None:
        """End all sessions of a user, or of everybody."""
        with self._lock:
            for account in self._accounts.values():
                if username in (None, account.username):
                    account.token = ""
                    self._note(account)

    def _note(self, account: Account) -> None:
        session = [getattr(account, name) for name in SESSION]
        # Most calls come within the second of the one before.
        if self._store.recall(_name_session(account)) != session:
            self._store.note(_name_session(account), session)


def _name_session(account: Account) -> str:
    return f"session of {account.username}"


def _is_logged_in(account: Account, now: int) -> bool:
    is_recent = now - account.last_activity_unixtime < IDLE_LIMIT_S
    return bool(account.token) and is_recent and now - account.last_login_unixtime < LOGIN_LIMIT_S


def _is_same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode())
