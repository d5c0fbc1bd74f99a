"""The wire log."""

import json

from aiohttp import web

from ballast.sandbox.pages.rendering import page, wants_html
from ballast.sandbox.world import WORLD

SHOWN = 60


async def show_wire(request: web.Request) -> web.StreamResponse:
    """Show the latest exchanges; JSON lines for programs, all of them, `?processor=` filters."""
    wire = request.app[WORLD].wire
    processor = request.query.get("processor") or None
    if wants_html(request):
        recent = map(json.loads, reversed(wire.recent))
        shown = [row for row in recent if processor in (None, row["processor"])][:SHOWN]
        return page("wire", active="wire", exchanges=shown, processor=processor)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
    await response.prepare(request)
    block: list[str] = []
    for line in wire.lines(processor):
        block.append(line)
        if len(block) == 200:
            await response.write("".join(block).encode())
            block.clear()
    await response.write("".join(block).encode())
    return response
