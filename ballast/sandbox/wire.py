"""The wire log: every exchange with a processor's API, as JSON lines on disk."""

import json
import os
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

MOST_BYTES = 64 * 1024 * 1024
MOST_BODY_CHARACTERS = 64 * 1024
SHOWN = 200

# Card numbers and security codes are not written down, not even those of test cards.
CARD_NUMBER = re.compile(r"(number(?:%5D|\]|\")?[=:]\s*\"?)([0-9 +]{8,24})([0-9]{4})")
PUBLISHABLE_KEY = re.compile(r"(?:^|(?<=&))key=pk_test_[^&]*&?")
SECURITY_CODE = re.compile(r"(cvc(?:%5D|\]|\")?[=:]\s*\"?)([0-9]{1,4})")


def read_header(request: web.Request, name: str) -> str | None:
    """Return a header, or None. Bytes that are no UTF-8 become U+FFFD, so that the text can be answered, hashed and kept."""
    said = request.headers.get(name)
    return None if said is None else said.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_json(body: str) -> Any:
    """Return what a body says. Raises ValueError, also for brackets without end and for half of a pair of UTF-16."""
    try:
        said = json.loads(body)
        json.dumps(said, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return said


@dataclass(slots=True)
class Exchange:
    """One request and what was answered; `status` None means the connection ended without an answer."""

    processor: str
    operation: str
    method: str
    path: str
    query: str
    body: str
    idempotency_key: str | None
    version: str | None = None
    status: int | None = None
    response: bytes = b""
    fault: str | None = None


class WireLog:
    """`wire.jsonl` and the one before it, at most 64 MB each; and a copy that nothing empties, where one is collected."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "wire.jsonl"
        self.previous = directory / "wire.1.jsonl"
        self.recent: deque[str] = deque(tail(self.path), maxlen=SHOWN)
        self._collected = open_collection()
        self._file: TextIO = self._open()
        self._size = self.path.stat().st_size
        if self._size:
            self._file.write("\n")  # ends a line that a crash may have torn; readers pass over an empty one

    def write(self, exchange: Exchange) -> None:
        """Append one exchange; the response goes in as the JSON it is, or as text if it is none."""
        line = format_line(exchange)
        self._file.write(line)
        if self._collected:
            self._collected.write(line)
        self._size += len(line)
        self.recent.append(line)
        if self._size > MOST_BYTES:
            self._rotate()

    def lines(self, processor: str | None = None) -> Iterator[str]:
        """Yield the lines, oldest first, of one processor or of all."""
        start = f'{{"processor":"{processor}"' if processor else "{"
        for path in (self.previous, self.path):
            if path.exists():
                with open(path, encoding="utf-8") as file:
                    yield from (line for line in file if line.startswith(start) and line.endswith("}\n"))

    def clear(self) -> None:
        """Empty the log."""
        self.previous.unlink(missing_ok=True)
        self._file.truncate(0)
        self._size = 0
        self.recent.clear()

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._collected:
            self._collected.close()

    def _open(self) -> TextIO:
        return open(self.path, "a", encoding="utf-8", buffering=1)

    def _rotate(self) -> None:
        self._file.close()
        self.path.replace(self.previous)
        self._file = self._open()
        self._size = 0


def open_collection() -> TextIO | None:
    """Open this process's file in the directory where the logs of many sandboxes are collected, if one is named."""
    directory = os.environ.get("BALLAST_SANDBOX_WIRE_DIR")
    if not directory:
        return None
    Path(directory).mkdir(parents=True, exist_ok=True)
    return open(Path(directory) / f"wire-{os.getpid()}.jsonl", "a", encoding="utf-8", buffering=1)


def format_line(exchange: Exchange) -> str:
    """Return one line; `processor` comes first so that a reader can filter without parsing."""
    head = {
        "processor": exchange.processor,
        "operation": exchange.operation,
        "method": exchange.method,
        "path": exchange.path,
        "query": drop_key(exchange.query),
        "body": mask_card(drop_key(exchange.body[:MOST_BODY_CHARACTERS])),
        "status": exchange.status,
        "idempotency_key": exchange.idempotency_key,
        "version": exchange.version,
        "at": round(time.time(), 3),
        "fault": exchange.fault,
    }
    return f'{json.dumps(head, separators=(",", ":"))[:-1]},"response":{format_response(exchange)}}}\n'


def format_response(exchange: Exchange) -> str:
    """Return the response as JSON: itself if it was sent whole, a string if cut or no JSON, null if none was sent."""
    if exchange.status is None:
        return "null"
    text = exchange.response.decode("utf-8", "replace")
    if exchange.fault == "truncate" or text[:1] not in ("{", "["):
        return json.dumps(text[:MOST_BODY_CHARACTERS])
    return text


def drop_key(form: str) -> str:
    """Leave out a browser's key, which belongs to the head of a request and not to what it says."""
    return PUBLISHABLE_KEY.sub("", form).rstrip("&") if "key=pk_" in form else form


def mask_card(body: str) -> str:
    """Hide all but the last four digits of a card number, and the whole security code."""
    if "number" not in body and "cvc" not in body:
        return body
    masked = CARD_NUMBER.sub(lambda found: f"{found[1]}{'*' * 12}{found[3]}", body)
    return SECURITY_CODE.sub(lambda found: f"{found[1]}***", masked)


def tail(path: Path) -> list[str]:
    """Return the last whole lines of a file without reading all of it."""
    if not path.exists():
        return []
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 1024 * 1024))
        lines = file.read().decode("utf-8", "replace").splitlines(keepends=True)
    return [line for line in lines if line.startswith("{") and line.endswith("}\n")][-SHOWN:]
