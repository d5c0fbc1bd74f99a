"""Registers as RQ's worker or cron would, then waits."""

import os
import sys
import time

import redis

with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
    name = f"standin:{os.getpid()}"
    if sys.argv[1:] == ["cron"]:
        client.hset(f"rq:cron_scheduler:{name}", "pid", os.getpid())
        client.zadd("rq:cron_schedulers", {name: time.time()})
    else:
        client.hset(f"rq:worker:{name}", "pid", os.getpid())
        client.sadd("rq:workers", f"rq:worker:{name}")
while True:
    time.sleep(1)
