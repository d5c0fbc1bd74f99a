"""The baseline for webhook deliveries: RQ with a job for each, which signs, posts and updates its row. `python -m bench.one_job_each
REDIS URL DATABASE COUNT` puts the jobs into their queue and works them off in this process; prints deliveries a second."""

from __future__ import annotations

import hashlib
import hmac
import sys
import time
from functools import cache
from typing import Any

import psycopg
import urllib3
from redis import Redis
from rq import Queue, SimpleWorker

BODY = b"x" * 1024
QUEUE = "bench-one-job-each"


@cache
def pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=1)


@cache
def database(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True)


def deliver(url: str, database_url: str, number: int) -> None:
    """One delivery."""
    signature = hmac.new(b"secret", BODY, hashlib.sha256).hexdigest()
    answer = pool().request("POST", url, body=BODY, headers={"x-signature": signature})
    statement = (
        "update bench_deliveries set status = 'delivered', response_status = %s, delivered_at = now() where id = %s"
    )
    database(database_url).execute(statement, [answer.status, number])


def main(redis_url: str, url: str, database_url: str, count: int) -> None:
    """Print how many a second."""
    database(database_url).execute(
        "create table if not exists bench_deliveries (id int primary key, status text, response_status int, delivered_at timestamptz)"
    )
    database(database_url).execute("truncate bench_deliveries")
    database(database_url).execute("insert into bench_deliveries select generate_series(1, %s), 'pending'", [count])
    connection = Redis.from_url(redis_url)
    queue = Queue(QUEUE, connection=connection)
    for number in range(1, count + 1):
        queue.enqueue("bench.one_job_each.deliver", url, database_url, number, result_ttl=0)
    began = time.monotonic()
    SimpleWorker([queue], connection=connection).work(burst=True, logging_level="WARNING")
    print(count / (time.monotonic() - began))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
