"""What a server sends back, read piece by piece as it comes; llhttp, through httptools, knows where an answer ends."""

from __future__ import annotations

import zlib
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

BODY_KEPT: Final = 2048
# Longer headers are nobody's answer to a webhook.
MOST_HEADERS: Final = 65_536


class NotHttp(ValueError):
    """What came is no answer."""


class Reading:
    """One answer. `status` is there once its headers are; `ended`: nothing more belongs to it; `reusable`: the connection may carry
    another request. The body is kept up to 2 kB: whoever sends more loses the connection.
    """

    __slots__ = ("_came", "_parser", "ended", "headers", "kept", "reusable", "status")

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._came = 0
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self.kept = b""
        self.ended = self.reusable = False

    def take(self, piece: bytes) -> None:
        """More has come. Raises NotHttp."""
        self._came += len(piece)
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.status is None:
                raise NotHttp("no answer of HTTP") from error
            # The status counts, whatever its body is.
            self.ended, self.reusable = True, False
        if self.status is None and self._came > MOST_HEADERS:
            raise NotHttp("headers without an end")

    def text(self) -> str:
        """What is kept of the body; of one that is broken what there is."""
        coding = self.headers.get(b"content-encoding", b"").lower()
        body = _inflated(self.kept) if coding in (b"gzip", b"deflate") else self.kept
        return body[:BODY_KEPT].decode(errors="replace").replace("\0", "")

    # --- What the parser tells -----------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An interim answer is followed by the one that counts; what follows that one was not asked for."""
        if self.ended:
            self.reusable = False
        else:
            self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.ended:
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self.ended:
            self.status = status

    def on_body(self, body: bytes) -> None:
        if self.ended:
            return
        self.kept += body[: BODY_KEPT + 1 - len(self.kept)]
        self.ended = len(self.kept) > BODY_KEPT

    def on_message_complete(self) -> None:
        if self.status is not None and not self.ended:
            self.ended, self.reusable = True, self._parser.should_keep_alive()


def _inflated(body: bytes) -> bytes:
    reader = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        return reader.decompress(body, BODY_KEPT)
    except zlib.error:
        return b""
