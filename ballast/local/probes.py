"""Whether a service answers, asked in its own protocol."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from ballast.local import ports

TIMEOUT_SECONDS = 2.0
Ask = Callable[..., Any]


def answers_http(address: str, path: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return request(address, "GET", path) == 200
    except (OSError, http.client.HTTPException):
        return False


def request(address: str, method: str, path: str, body: Any = None) -> int:
    """Send one request, a body as JSON, past any proxy; the status. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_SECONDS)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def is_registered_worker(redis_url: str, pid: int) -> bool:
    """Whether an RQ worker of this process has announced itself."""
    return _is_listed(redis_url, pid, "rq:workers", "")


def is_registered_cron(redis_url: str, pid: int) -> bool:
    """Whether an RQ cron scheduler of this process has announced itself."""
    return _is_listed(redis_url, pid, "rq:cron_schedulers", "rq:cron_scheduler:")


def _is_listed(redis_url: str, pid: int, registry: str, prefix: str) -> bool:
    try:
        with _connect(redis_url) as ask:
            names = ask("SMEMBERS", registry) if registry == "rq:workers" else ask("ZRANGE", registry, "0", "-1")
            return any(ask("HGET", f"{prefix}{name}", "pid") == str(pid) for name in names)
    except (OSError, ValueError):
        return False


@contextmanager
def _connect(redis_url: str) -> Iterator[Ask]:
    """Redis' own protocol, for the few words we need: its client is as large as the rest of the process that asks, and stays in it.

    Raises OSError, ValueError for an answer that is an error or none.
    """
    where = urlsplit(redis_url)
    if where.scheme != "redis" or where.query:
        with _connect_by_client(redis_url) as ask:
            yield ask
        return
    address = (where.hostname or ports.HOST, where.port or 6379)
    with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as line, line.makefile("rb") as answers:

        def ask(*words: str) -> Any:
            sent = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in (one.encode() for one in words))
            line.sendall(b"*%d\r\n%s" % (len(words), sent))
            return _read_answer(answers)

        if where.password:
            ask("AUTH", *[unquote(one) for one in (where.username, where.password) if one])
        if number := where.path.strip("/"):
            ask("SELECT", number)
        yield ask


@contextmanager
def _connect_by_client(redis_url: str) -> Iterator[Ask]:
    """For what a user's own address may ask for besides."""
    import redis

    try:
        with redis.Redis.from_url(redis_url, socket_timeout=TIMEOUT_SECONDS, decode_responses=True) as client:
            yield client.execute_command
    except redis.RedisError as error:
        raise OSError(str(error)) from error


def _read_answer(answers: BinaryIO) -> Any:
    kind, rest = answers.read(1), answers.readline().decode().strip()
    if kind in (b"+", b":"):
        return rest
    if kind == b"$":
        return answers.read(int(rest) + 2)[:-2].decode() if rest != "-1" else None
    if kind == b"*":
        return [_read_answer(answers) for _ in range(int(rest))]
    raise ValueError(rest or "no answer")
