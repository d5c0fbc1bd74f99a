"""What a server sends back, read piece by piece as it comes: just enough of HTTP/1.1 (RFC 9112) to know where an answer ends."""

from __future__ import annotations

import zlib
from typing import Final

BODY_KEPT: Final = 2048
# Longer headers are nobody's answer to a webhook.
MOST_HEADERS: Final = 65_536
NO_BODY: Final = (204, 304)


class NotHttp(ValueError):
    """What came is no answer."""


class Reading:
    """One answer. `status` is there once its headers are; `ended`: nothing more belongs to it; `reusable`: the connection may carry
    another request. The body is kept up to 2 kB: whoever sends more loses the connection.
    """

    __slots__ = ("_got", "_left", "ended", "headers", "kept", "reusable", "status")

    def __init__(self) -> None:
        self._got = b""
        self._left: int | None = None
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self.kept = b""
        self.ended = self.reusable = False

    def take(self, piece: bytes) -> None:
        """More has come. Raises NotHttp."""
        if self.status is not None:
            self._take_body(piece)
            return
        self._got += piece
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            if len(self._got) > MOST_HEADERS or not b"HTTP/1."[: len(self._got)] == self._got[:7]:
                raise NotHttp("no answer of HTTP")
            return
        head, rest, self._got = self._got[:end], self._got[end + 4 :], b""
        self._read_head(head)
        if self._read_head(head):
            self._begin_body(rest)
        else:
            self.take(rest)

    def _read_head(self, head: bytes) -> bool:
        """Whether this is the answer that counts, and not an interim one."""
        first, *lines = head.split(b"\r\n")
        version, _, said = first.partition(b" ")
        code = said[:3]
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not code.isdigit() or not 100 <= int(code) <= 599:
            raise NotHttp("no status")
        if int(code) < 200:
            return False
        self.status = int(code)
        for line in lines:
            name, _, value = line.partition(b":")
            self.headers[name.strip().lower()] = value.strip()
        closes = self.headers.get(b"connection", b"").lower()
        self.reusable = b"close" not in closes and (version == b"HTTP/1.1" or b"keep-alive" in closes)
        return True

    def _begin_body(self, rest: bytes) -> None:
        length = self.headers.get(b"content-length", b"")
        if self.status in NO_BODY:
            self._end(rest == b"")
        elif b"transfer-encoding" in self.headers or not length.isdigit():
            self._left = None
            self._take_body(rest)
        else:
            self._left = int(length)
            self._take_body(rest)

    def _take_body(self, piece: bytes) -> None:
        self.kept += piece
        if self._left is not None and len(self.kept) >= self._left:
            self._end(len(self.kept) == self._left)
            self.kept = self.kept[: self._left]
        elif b"transfer-encoding" in self.headers:
            self._look_for_last_chunk()
        if not self.ended and len(self.kept) > 2 * BODY_KEPT:
            self._end(False)

    def _look_for_last_chunk(self) -> None:
        body, ended, rest = unchunked(self.kept)
        if ended or len(body) >= BODY_KEPT:
            self._end(ended and not rest)

    def _end(self, whole: bool) -> None:
        self.ended, self.reusable = True, self.reusable and whole

    def text(self) -> str:
        """What is kept of the body; of one that is broken what there is."""
        body = unchunked(self.kept)[0] if b"transfer-encoding" in self.headers else self.kept
        coding = self.headers.get(b"content-encoding", b"").lower()
        if coding in (b"gzip", b"deflate"):
            body = _inflated(body)
        return body[:BODY_KEPT].decode(errors="replace").replace("\0", "")


def unchunked(raw: bytes) -> tuple[bytes, bool, bytes]:
    """The chunks that are whole, whether the last one is among them, and what follows it. What is no chunk ends it."""
    body, at = b"", 0
    while (end := raw.find(b"\r\n", at)) >= 0:
        size = raw[at:end].partition(b";")[0].strip()
        try:
            length = int(size, 16)
        except ValueError:
            return body, False, b""
        if length == 0:
            close = raw.find(b"\r\n\r\n", end - 2)
            return body, close >= 0, raw[close + 4 :] if close >= 0 else b""
        body += raw[end + 2 : end + 2 + length]
        at = end + 2 + length + 2
    return body, False, b""


def _inflated(body: bytes) -> bytes:
    reader = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        return reader.decompress(body, BODY_KEPT)
    except zlib.error:
        return b""
