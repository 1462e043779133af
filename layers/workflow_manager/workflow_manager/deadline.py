"""An end to every call: sockets that keep one deadline, and one bound of bytes, for a whole call.

The timeouts of httpx and botocore are those of each read, so that a server of one byte a second
meets none of them. Both are given these sockets instead of their own.

Layer, client and DAGs are shipped apart: each has this file, and a test compares them.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import httpcore
    import httpx

# Pages of Airflow and DynamoDB have a megabyte at most, a sequence of ScanHub a few.
MAX_ANSWER_BYTES = 16 * 1024 * 1024

T = TypeVar("T")


class _Allowance(threading.local):
    ends_at_s = math.inf
    n_bytes_left = math.inf


_allowance = _Allowance()


@contextmanager
def limit(total_s: float, max_bytes: float = MAX_ANSWER_BYTES) -> Iterator[None]:
    """Bound all that this thread sends and receives in the block: tries, logins, the body too.

    Parameters
    ----------
    total_s
        For everything together [s]; a block around it may end earlier.
    max_bytes
        Of all answers together, as they come over the wire.
    """
    outer = _allowance.ends_at_s, _allowance.n_bytes_left
    _allowance.ends_at_s = min(outer[0], time.monotonic() + total_s)
    _allowance.n_bytes_left = max_bytes
    try:
        yield
    finally:
        _allowance.ends_at_s, _allowance.n_bytes_left = outer


def is_late() -> bool:
    """Tell whether the time is used up."""
    return time.monotonic() >= _allowance.ends_at_s


def is_spent() -> bool:
    """Tell whether time or bytes are used up, so that another try cannot succeed."""
    return is_late() or _allowance.n_bytes_left < 0


class BoundedSocket(socket.socket):
    """A socket that waits no longer than the `limit` around the call."""

    def connect(self, address: Any, /) -> None:
        """Connect."""
        self._within_limit(super().connect, address)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive, and count it."""
        data = self._within_limit(super().recv, buflen, flags)
        _count(len(data))
        return data

    def recv_into(self, buffer: Any, nbytes: int | None = 0, flags: int = 0) -> int:
        """Receive, and count it."""
        n_bytes = self._within_limit(super().recv_into, buffer, nbytes or 0, flags)
        _count(n_bytes)
        return n_bytes

    def send(self, data: Any, flags: int = 0) -> int:
        """Send."""
        return self._within_limit(super().send, data, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all."""
        self._within_limit(super().sendall, data, flags)

    def _within_limit(self, operate: Callable[..., T], *args: Any) -> T:
        left_s = _allowance.ends_at_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("The call has used up its time.")
        own_s = self.gettimeout()
        if left_s == math.inf or (own_s is not None and own_s <= left_s):
            return operate(*args)
        self.settimeout(left_s)
        try:
            return operate(*args)
        finally:
            self.settimeout(own_s)


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):
    """The same under TLS: the ``sslsocket_class`` of an `ssl.SSLContext`."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands."""
        self._within_limit(super().do_handshake, block)


def _count(n_bytes: int) -> None:
    _allowance.n_bytes_left -= n_bytes
    if _allowance.n_bytes_left < 0:
        raise OSError("The answer is too large.")


def connect(
    address: tuple[str, int],
    timeout_s: float | None,
    source_address: tuple[str, int] | None = None,
    options: Iterable[Any] = (),
) -> BoundedSocket:
    """Do as `socket.create_connection`: a name's addresses are tried in turn, within the limit."""
    error = OSError("The name has no address.")
    host, port = address
    # For a text, Python loads the codec of international names: 1.5 ms of a process's first call.
    name = host.encode() if host.isascii() else host
    for family, kind, protocol, _, found in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
        connection = BoundedSocket(family, kind, protocol)
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(timeout_s)
            if source_address:
                connection.bind(source_address)
            connection.connect(found)
            return connection
        except OSError as failure:
            connection.close()
            error = failure
    raise error


def bound_client(client: httpx.Client) -> None:
    """Let a client of httpx keep the `limit` around its requests.

    Parameters
    ----------
    client
        A new one; a transport that is not httpx's own is left as it is.
    """
    # httpx has no public way to its sockets; proxies have pools of their own.
    for transport in (client._transport, *client._mounts.values()):
        if pool := getattr(transport, "_pool", None):
            pool._ssl_context.sslsocket_class = BoundedTlsSocket
            pool._network_backend = _make_backend()


def bound_aws_client(client: Any) -> None:
    """Let a client of boto3 keep the `limit` around its calls, and around reading a body.

    Parameters
    ----------
    client
        A new one.
    """
    from botocore import awsrequest

    class Connection(awsrequest.AWSHTTPConnection):
        _new_conn = _connect_to_aws

    class TlsConnection(awsrequest.AWSHTTPSConnection):
        _new_conn = _connect_to_aws

    class Pool(awsrequest.AWSHTTPConnectionPool):
        ConnectionCls = Connection

    class TlsPool(awsrequest.AWSHTTPSConnectionPool):
        ConnectionCls = TlsConnection

    # botocore has no public way to its sockets.
    client._endpoint.http_session._pool_classes_by_scheme.update(http=Pool, https=TlsPool)


def _connect_to_aws(self: Any) -> BoundedSocket:
    from urllib3 import exceptions

    if context := getattr(self, "ssl_context", None):
        context.sslsocket_class = BoundedTlsSocket
    address, options = (self._dns_host, self.port), self.socket_options or ()
    try:
        return connect(address, self.timeout, self.source_address, options)
    except socket.gaierror as error:
        raise exceptions.NameResolutionError(self.host, self, error) from error
    except TimeoutError as error:
        raise exceptions.ConnectTimeoutError(self, "No connection in time.") from error
    except OSError as error:
        raise exceptions.NewConnectionError(self, "No connection.") from error


def take_nothing_packed(client: httpx.Client) -> None:
    """Let a client of httpx refuse packed answers: a small one could unpack to a huge one."""
    client.headers["Accept-Encoding"] = "identity"
    client.event_hooks["response"].append(_refuse_packed)


def keep_no_cookies(client: httpx.Client) -> None:
    """Let a client of httpx forget what servers ask it to keep, for it may serve many users.

    Parameters
    ----------
    client
        A new one.
    """
    import httpx

    class NoCookies(httpx.Cookies):
        def extract_cookies(self, response: httpx.Response) -> None:
            """Keep none; to look for them alone takes a tenth of a request."""

    # What is set by the public way is copied into cookies of httpx's own.
    client._cookies = NoCookies()


def _refuse_packed(response: httpx.Response) -> None:
    import httpx

    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise httpx.DecodingError("The answer is packed.", request=response.request)


def _make_backend() -> httpcore.NetworkBackend:
    # Imported here: who speaks to AWS alone shall not wait for it.
    import httpcore
    from httpcore._backends.sync import SyncStream

    class BoundedBackend(httpcore.SyncBackend):
        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.NetworkStream:
            source = (local_address, 0) if local_address else None
            options = [*(socket_options or ()), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
            try:
                return SyncStream(connect((host, port), timeout, source, options))
            except TimeoutError as error:
                raise httpcore.ConnectTimeout(error) from error
            except OSError as error:
                raise httpcore.ConnectError(error) from error

    return BoundedBackend()
