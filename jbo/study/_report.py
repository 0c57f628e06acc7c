"""Intermediate values: the objective's argument ``report``, in this process or in others of this machine."""

import inspect
import json
import secrets
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Client, Listener
from typing import Any

from jbo.study._evaluation import Reporter, Unreachable
from jbo.study.owner import owner_of
from jbo.study.value import as_number, as_step

Receive = Callable[[int, float, str | None], bool]
"""Function that handles an intermediate value (step, value, name) and returns True if the trial should stop."""
_SECONDS = 10.0
"""Maximum seconds from a connection to its message."""


def takes_report(objective: Callable[..., Any]) -> bool:
    """True if an objective has a parameter ``report`` after its first parameter.

    Args:
      objective: The user's argument. An object without a signature has no such parameter.
    """
    try:
        parameters = list(inspect.signature(objective).parameters.values())
    except (TypeError, ValueError):
        return False
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return any(parameter.name == "report" and parameter.kind in kinds for parameter in parameters[1:])


def _as_name(name: Any) -> str | None:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name: expected the name of an objective, got {name!r}")
    return name


class Report(Reporter):
    """``report(step, value, name=None)``, which stores an intermediate value and returns True if the trial should stop.

    Sent to another process of this machine, it communicates with the study's process through a channel.
    """

    def __init__(self, receive: Receive, channel: "Channel"):
        self._receive, self._channel = receive, channel

    def __call__(self, step: Any, value: Any, name: str | None = None) -> bool:
        return self._receive(as_step(step), as_number(value), _as_name(name))

    def __reduce__(self) -> tuple[Any, ...]:
        return _RemoteReport, (*self._channel.open(), self._channel.place(self._receive))


class _RemoteReport(Reporter):
    """A `Report` in another process."""

    def __init__(self, address: Any, secret: bytes, machine: tuple[str, str], place: int):
        self._address, self._secret, self._machine, self._place = address, secret, machine, place

    def __call__(self, step: Any, value: Any, name: str | None = None) -> bool:
        if _machine() != self._machine:
            raise Unreachable(
                "report: expected an executor whose processes are on the study's machine, got one on another; leave "
                "the parameter `report` out of the objective"
            )
        message = json.dumps([self._place, as_step(step), as_number(value), _as_name(name)])
        with Client(self._address, authkey=self._secret) as connection:
            connection.send_bytes(message.encode())
            kind, answer = json.loads(connection.recv_bytes())
        if kind == "error":
            raise RuntimeError(f"report: {answer}")
        return answer

    def __reduce__(self) -> tuple[Any, ...]:
        return _RemoteReport, (self._address, self._secret, self._machine, self._place)


class Channel:
    """Receives reports from other processes of this machine. It starts to listen when the first `Report` is sent."""

    def __init__(self):
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self._secret = secrets.token_bytes(32)
        self._receivers: list[Receive] = []
        self._is_closed = False

    def open(self) -> tuple[Any, bytes, tuple[str, str]]:
        """Address, secret, and identity of this machine, with which a process can connect."""
        with self._lock:
            if self._listener is None:
                self._listener = Listener(authkey=self._secret, backlog=64)
                # Not a daemon, so that its writes are complete when the interpreter exits. `close` ends it.
                self._thread = threading.Thread(target=self._listen, args=(self._listener,), name="jbo reports")
                self._thread.start()
            return self._listener.address, self._secret, _machine()

    def place(self, receive: Receive) -> int:
        """The number that addresses a receiver in messages."""
        with self._lock:
            self._receivers.append(receive)
            return len(self._receivers) - 1

    def _listen(self, listener: Listener) -> None:
        while True:
            try:
                with listener.accept() as connection:
                    if self._is_closed:  # this connection comes from `close`
                        return
                    if connection.poll(_SECONDS):
                        connection.send_bytes(self._answer(connection.recv_bytes()).encode())
            except Exception:  # not one of the workers, or a worker that was killed while it sent
                time.sleep(1e-3)

    def _answer(self, message: bytes) -> str:
        place, step, value, name = json.loads(message)
        try:
            return json.dumps(["answer", self._receivers[place](step, value, name)])
        except Exception as error:
            return json.dumps(["error", str(error)])

    def close(self) -> None:
        """Stop listening."""
        if self._listener is None or self._thread is None:
            return
        self._is_closed = True
        try:
            Client(self._listener.address, authkey=self._secret).close()  # wakes the thread
        except OSError:
            pass
        self._thread.join()
        self._listener.close()

    def __enter__(self) -> "Channel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _machine() -> tuple[str, str]:
    return owner_of().host, owner_of().boot
