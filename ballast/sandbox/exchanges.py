"""Carrying an HTTP exchange with a processor's API through the faults and into the wire log."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from ballast.sandbox.faults import REQUEST_KINDS, Faults, Rule
from ballast.sandbox.wire import Exchange, WireLog

Struck = dict[str, Rule]
# How soon whoever is held notices that the rule was lifted.
STEP_SECONDS = 0.1

# Only an exchange that tries a card can be declined, and use up a rule that says so.
WITHOUT_DECLINE = tuple(kind for kind in REQUEST_KINDS if kind != "decline")


@dataclass(slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


# What a proxy says when it cannot reach the processor, or has lost it half-way.
BAD_GATEWAY = Answer(
    502,
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
    {"Content-Type": "text/html"},
)


@dataclass(slots=True)
class Behavior:
    """What a processor does: carry the exchange out, or refuse it with a status before anything happened."""

    perform: Callable[[Struck], Answer]
    refuse: Callable[[int], Answer]
    card: Callable[[], str | None] = lambda: None
    tries_card: bool = False


async def carry_out(
    request: web.Request, exchange: Exchange, behavior: Behavior, faults: Faults, wire: WireLog
) -> web.StreamResponse:
    """Perform the exchange, misbehaving as the rules say, log it and answer it."""
    kinds = REQUEST_KINDS if behavior.tries_card else WITHOUT_DECLINE
    struck = faults.fire(exchange.processor, exchange.operation, behavior.card, kinds)
    if "latency" in struck:
        await hold(struck["latency"], faults)
    if "reset_before" in struck:
        return reset(request, exchange, wire, "reset_before")
    answer = refuse_early(struck, behavior, exchange) or behavior.perform(struck)
    if "bad_gateway_after" in struck:
        answer = BAD_GATEWAY
    if "reset_after" in struck:
        return reset(request, exchange, wire, "reset_after")
    return await send(request, exchange, answer, struck, wire)


async def hold(rule: Rule, faults: Faults) -> None:
    """Wait as long as the rule lasts; one without a count holds whatever it struck only until it is lifted."""
    until = time.monotonic() + rule.lasts()
    while (left := until - time.monotonic()) > 0 and (rule.count is not None or rule in faults.rules):
        await asyncio.sleep(min(left, STEP_SECONDS) if rule.count is None else left)


def refuse_early(struck: Struck, behavior: Behavior, exchange: Exchange) -> Answer | None:
    """Return the answer of a fault that strikes before anything happened."""
    if "rate_limit" in struck:
        exchange.fault = "rate_limit"
        answer = behavior.refuse(429)
        answer.headers["Retry-After"] = str(max(1, round(struck["rate_limit"].lasts())))
        return answer
    if "error_before" in struck:
        exchange.fault = "error_before"
        return behavior.refuse(struck["error_before"].status or 500)
    if "bad_gateway_before" in struck:
        exchange.fault = "bad_gateway_before"
        return BAD_GATEWAY
    return None


async def send(
    request: web.Request, exchange: Exchange, answer: Answer, struck: Struck, wire: WireLog
) -> web.StreamResponse:
    """Log the answer and send it: whole, in small bits, or cut off."""
    exchange.status, exchange.response = answer.status, answer.body
    for kind in ("error_after", "bad_gateway_after", "truncate", "slow", "latency", "decline"):
        if kind in struck and exchange.fault is None:
            exchange.fault = kind
    wire.write(exchange)
    if "truncate" in struck:
        return await send_half(request, answer)
    if "slow" in struck:
        return await send_slowly(request, answer, struck["slow"].lasts())
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def reset(request: web.Request, exchange: Exchange, wire: WireLog, kind: str) -> web.StreamResponse:
    """Log that nothing was answered and reset the TCP connection."""
    exchange.fault = kind
    wire.write(exchange)
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def send_half(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Announce the whole body, send half of it and hang up."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def send_slowly(request: web.Request, answer: Answer, seconds: float) -> web.StreamResponse:
    """Send the body in ten bits, spread over the time."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    bit = max(1, -(-len(answer.body) // 10))
    for start in range(0, len(answer.body), bit):
        await asyncio.sleep(seconds / 10)
        await response.write(answer.body[start : start + bit])
    return response
