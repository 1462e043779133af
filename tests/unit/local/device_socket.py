"""A device's end of its socket at device-manager."""

import json
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import BytesMessage, CloseConnection, Request, TextMessage

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Device:
    """What an SDK does: sends JSON over its socket and reads what comes."""

    def __init__(
        self, host: str, port: int, target: str, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        self._socket = socket.create_connection((host, port), timeout=5)
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._events: list[Any] = []
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._send(Request(host=host, target=target, extra_headers=extra))
        self._receive()

    def ask(self, **message: Any) -> Any:
        self.tell(**message)
        return self.read()

    def tell(self, **message: Any) -> None:
        self._send(TextMessage(json.dumps(message)))

    def send_bytes(self, content: bytes) -> None:
        self._send(BytesMessage(content))

    def read(self) -> Any:
        return json.loads(self._receive().data)

    def read_close(self) -> tuple[int, str]:
        closing = self._receive()
        return closing.code, closing.reason

    def close(self) -> None:
        self._send(CloseConnection(code=1000))
        self._socket.close()

    def _send(self, event: Any) -> None:
        self._socket.sendall(self._connection.send(event))

    def _receive(self) -> Any:
        while not self._events:
            self._connection.receive_data(self._socket.recv(65536))
            self._events += self._connection.events()
        return self._events.pop(0)
