"""Loopback ports: which is free, which was ours last time, and a reservation while we start."""

import errno
import socket
import sys
from collections.abc import Iterator

from ballast.local.errors import LocalError

HOST = "127.0.0.1"
TRIES = 200


def is_taken(port: int) -> bool:
    """Whether something listens on a loopback port, or the system does not let us bind it."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        if probe.connect_ex((HOST, port)) == 0:
            return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def any_free() -> int:
    """A port the system gives out."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Reservations:
    """Ports promised to the children of this process, so that two stacks that start at once do not choose the same."""

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def choose(self, wanted: int) -> int:
        """The wanted port, or the next free one above it; raises LocalError when there is none in reach."""
        for port in self._candidates(wanted):
            if port not in self._held and self._hold(port):
                if not is_taken(port):
                    return port
                self._held.pop(port).close()
        raise LocalError(f"No free port between {wanted} and {wanted + TRIES}.")

    def release(self) -> None:
        """Give all back."""
        while self._held:
            self._held.popitem()[1].close()

    def _candidates(self, wanted: int) -> Iterator[int]:
        yield from range(wanted, min(wanted + TRIES, 65536))

    def _hold(self, port: int) -> bool:
        # An abstract Unix socket is a lock without a file, seen by everyone who shares our network. Linux only.
        holder = socket.socket(socket.AF_UNIX)
        try:
            if sys.platform == "linux":
                holder.bind(f"\0ballast-port-{port}")
        except OSError as error:
            holder.close()
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        self._held[port] = holder
        return True
