"""What an uploaded file is, read from its own bytes: a PNG, a JPEG or a WebP, and how large. What it calls itself is not asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ballast.errors import InvalidRequest
from ballast.models.media import LARGEST_PICTURE, MEGABYTE

MOST_PIXELS: Final = 6000
PNG: Final = b"\x89PNG\r\n\x1a\n"
# Start of frame: every marker of them but those for tables (JPEG, T.81, table B.1).
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class Picture:
    """What it is: `content_type`, and its size in pixels."""

    content_type: str
    width: int
    height: int


def look(content: bytes, param: str = "picture") -> Picture:
    """What the bytes are. Raises InvalidRequest(`image_invalid`, `image_too_large`): for SVG too, which can hold scripts."""
    if len(content) > LARGEST_PICTURE:
        most = LARGEST_PICTURE // MEGABYTE
        raise InvalidRequest("image_too_large", f"A picture may have at most {most} MB.", param=param)
    found = _png(content) or _jpeg(content) or _webp(content)
    if found is None:
        raise InvalidRequest("image_invalid", "Choose a picture: PNG, JPEG or WebP.", param=param)
    if not (0 < found.width <= MOST_PIXELS and 0 < found.height <= MOST_PIXELS):
        raise InvalidRequest(
            "image_too_large", f"A picture may be at most {MOST_PIXELS} pixels wide and high.", param=param
        )
    return found


def _png(content: bytes) -> Picture | None:
    """The first chunk is IHDR (PNG, 11.2.2), the last IEND."""
    if not content.startswith(PNG) or content[12:16] != b"IHDR" or b"IEND" not in content[-12:]:
        return None
    return Picture("image/png", int.from_bytes(content[16:20]), int.from_bytes(content[20:24]))


def _jpeg(content: bytes) -> Picture | None:
    """Marker by marker up to the frame, which says the size."""
    if not content.startswith(b"\xff\xd8") or b"\xff\xd9" not in content[-64:]:
        return None
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in FRAMES:
            height, width = (
                int.from_bytes(content[place + 5 : place + 7]),
                int.from_bytes(content[place + 7 : place + 9]),
            )
            return Picture("image/jpeg", width, height)
        place += 2 if marker in ALONE else 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4])
    return None


def _webp(content: bytes) -> Picture | None:
    """RIFF, its size, WEBP, and one of three kinds of chunk (RFC 9649, 2.5 to 2.7)."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    if int.from_bytes(content[4:8], "little") + 8 > len(content) + 1:
        return None
    size = _webp_size(content[12:16], content[20:30])
    return Picture("image/webp", *size) if size else None


def _webp_size(kind: bytes, data: bytes) -> tuple[int, int] | None:
    match kind:
        case b"VP8X":
            return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
        case b"VP8L" if data[0] == 0x2F:
            bits = int.from_bytes(data[1:5], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if data[3:6] == b"\x9d\x01\x2a":
            width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
            return width & 0x3FFF, height & 0x3FFF
    return None
