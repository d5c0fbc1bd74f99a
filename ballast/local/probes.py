"""Whether a service answers, asked in its own protocol."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 2.0


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
    # Half a second to import: here it passes while the worker starts, above it would delay every command.
    import redis

    try:
        with redis.Redis.from_url(redis_url, socket_timeout=TIMEOUT_SECONDS, decode_responses=True) as client:
            if registry == "rq:workers":
                names: Any = client.smembers(registry)
            else:
                names = client.zrange(registry, 0, -1)
            return any(client.hget(f"{prefix}{name}", "pid") == str(pid) for name in names)
    except redis.RedisError:
        return False
