"""What is counted, in whichever process, and shown in one place.

Every process counts in memory and adds what it counted to one hash in Redis every few seconds: web processes, workers and cron alike,
on however many hosts, so whoever answers `/metrics` answers for all of them. (A directory of files, which prometheus_client shares
between processes, ends at the host, needs cleaning up after each process that died, and leaves out workers, which serve no HTTP.)
Counting touches neither network nor disk. While Redis is away counts stay in memory; a process that is killed takes its last seconds
along, and an emptied Redis begins at nothing, which Prometheus takes for a restart.

What is not counted but measured (`billing.measuring`) a worker writes down whole, with the time.
"""

from __future__ import annotations

import atexit
import json
import logging
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ballast import config

log = logging.getLogger(__name__)

COUNTS: Final = "ballast:metrics:counts"
GAUGES: Final = "ballast:metrics:gauges"
FLUSH_SECONDS: Final = 5.0
# Seconds; what took longer than the last is counted as +Inf.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# Between the parts of a field in Redis; no name, route or code holds one.
_BETWEEN: Final = "\t"


@dataclass(frozen=True)
class Metric:
    """A name of ours, its kind, its labels in order, and what it says."""

    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: Final[Mapping[str, Metric]] = {
    "ballast_requests_total": Metric("counter", "Requests that were answered.", ("route", "method", "status")),
    "ballast_request_seconds": Metric("histogram", "Time to answer a request.", ("part",)),
    "ballast_attempts_total": Metric(
        "counter", "What came of attempts at processors.", ("processor", "outcome", "decline_class")
    ),
    "ballast_processor_seconds": Metric("histogram", "Time a processor took for a call.", ("processor", "answer")),
    "ballast_turned_away_total": Metric(
        "counter", "Requests that would have waited for a processor, and were not let wait.", ("processor",)
    ),
    "ballast_prevented_total": Metric("counter", "What would have gone wrong and was stopped.", ("kind",)),
    "ballast_late_successes_total": Metric("counter", "Successes of attempts that had been given up.", ("processor",)),
    "ballast_dunning_total": Metric(
        "counter", "Invoices and installments that failed, and what became of them.", ("what", "result")
    ),
    "ballast_deliveries_total": Metric("counter", "Webhook deliveries that were tried.", ("result",)),
    "ballast_delivery_seconds": Metric("histogram", "Time from an event to its first arrival."),
    "ballast_mails_total": Metric("counter", "Mails that were handed on.", ("result",)),
    "ballast_rows_total": Metric("counter", "Due rows that runs of a job took.", ("job",)),
    "ballast_rows_failed_total": Metric("counter", "Due rows that a run could not finish.", ("job",)),
    "ballast_wake_ups_lost_total": Metric("counter", "Wake-ups that Redis did not take.", ("job",)),
    "ballast_measured_timestamp_seconds": Metric("gauge", "When a worker last measured what is below."),
    "ballast_queue_lag_seconds": Metric("gauge", "How long the longest-due row waits that nobody works on.", ("kind",)),
    "ballast_wake_ups_waiting": Metric("gauge", "Jobs in the queues of Redis.", ("queue",)),
    "ballast_jobs_failed": Metric("gauge", "Jobs that raised within a day.", ("queue",)),
    "ballast_workers": Metric("gauge", "Workers that serve a queue.", ("queue",)),
    "ballast_unknown_attempts": Metric("gauge", "Attempts that were sent and have no answer.", ("processor",)),
    "ballast_unknown_age_seconds": Metric("gauge", "Since when the oldest of them was sent.", ("processor",)),
    "ballast_open_drifts": Metric("gauge", "What differs from what processors list.", ("kind",)),
    "ballast_days_uncompared": Metric(
        "gauge", "Days that could not be compared with what processors list.", ("processor",)
    ),
    "ballast_inbox_failed": Metric("gauge", "Events of processors that were given up."),
    "ballast_unsealed_seconds": Metric("gauge", "Age of the oldest audit entry without a seal."),
    "ballast_archive_failing_seconds": Metric("gauge", "How long PostgreSQL could archive nothing of its log."),
}

# Shown before the first of them, for what first appears at one has not grown in Prometheus's eyes, and these alarm at the first.
AT_NOTHING: Final = tuple(
    (name, (processor, *rest))
    for processor in ("stripe", "braintree", "square")
    for name, rest in (
        ("ballast_late_successes_total", ()),
        ("ballast_attempts_total", ("declined", "configuration")),
    )
)

_counts: Counter[str] = Counter()
_lock = threading.Lock()


def count(name: str, by: int = 1, **labels: str) -> None:
    """Add to a counter. `labels` in the metric's order."""
    _add({_BETWEEN.join((name, *labels.values())): by})


def observe(name: str, seconds: float, **labels: str) -> None:
    """Put a duration into a histogram."""
    observe_all(name, (seconds,), **labels)


def observe_all(name: str, found: Sequence[float], **labels: str) -> None:
    """Put many durations into a histogram."""
    head = _BETWEEN.join((name, *labels.values())) + _BETWEEN
    places = Counter(f"{head}{bisect_left(BUCKETS, seconds)}" for seconds in found)
    if places:
        _add(places | {f"{head}sum": sum(round(seconds * 1e6) for seconds in found)})


def _add(more: Mapping[str, int]) -> None:
    with _lock:
        _counts.update(more)
        _flusher()


@cache
def _flusher() -> threading.Thread:
    thread = threading.Thread(target=_flush_for_ever, name="metrics", daemon=True)
    thread.start()
    atexit.register(flush)
    return thread


def _flush_for_ever() -> None:
    while True:
        time.sleep(FLUSH_SECONDS)
        flush()


def flush() -> bool:
    """Hand on what this process counted; False where Redis is away, and it is kept."""
    with _lock:
        handed = dict(_counts)
        _counts.clear()
    if not handed:
        return True
    try:
        with _client(config.current().redis_url).pipeline(transaction=True) as asked:
            for field, value in handed.items():
                asked.hincrby(COUNTS, field, value)
            asked.execute()
    except (RedisError, OSError) as error:
        log.debug("counts are kept until Redis is back: %s", type(error).__name__)
        with _lock:
            _counts.update(handed)
        return False
    return True


def write_gauges(values: Iterable[tuple[str, tuple[str, ...], float]]) -> None:
    """Put down what was measured, in place of what was measured before: name, label values, value. Raises RedisError."""
    _client(config.current().redis_url).set(GAUGES, json.dumps(list(values)))


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0), decode_responses=True
    )


# --- Showing -----------------------------------------------------------------------------------------------------------------


def read() -> str:
    """All of it as Prometheus reads it (text format 0.0.4). Raises RedisError."""
    flush()
    client = _client(config.current().redis_url)
    counts: Any = client.hgetall(COUNTS)
    gauges: Any = client.get(GAUGES)
    nothing = {_BETWEEN.join((name, *labels)): "0" for name, labels in AT_NOTHING}
    return "".join(f"{line}\n" for line in _lines(nothing | counts, json.loads(gauges or "[]")))


def _lines(counts: Mapping[str, str], gauges: list[Any]) -> Iterator[str]:
    by_name: dict[str, list[tuple[list[str], float]]] = {name: [] for name in METRICS}
    found = ((field.split(_BETWEEN), value) for field, value in counts.items())
    for (name, *rest), value in sorted(found):
        by_name.get(name, []).append((rest, float(value)))
    for name, labels, value in gauges:
        by_name.get(name, []).append((labels, value))
    for name, metric in METRICS.items():
        yield f"# HELP {name} {metric.help}"
        yield f"# TYPE {name} {metric.kind}"
        yield from (
            _histogram(name, metric, by_name[name])
            if metric.kind == "histogram"
            else _plain(name, metric, by_name[name])
        )


def _plain(name: str, metric: Metric, samples: list[tuple[list[str], float]]) -> Iterator[str]:
    for labels, value in samples:
        yield f"{name}{_labels(metric.labels, labels)} {value:.17g}"


def _histogram(name: str, metric: Metric, samples: list[tuple[list[str], float]]) -> Iterator[str]:
    by_labels: dict[tuple[str, ...], dict[str, float]] = {}
    for (*labels, place), value in samples:
        by_labels.setdefault(tuple(labels), {})[place] = value
    for told, places in by_labels.items():
        total = 0.0
        for number, bound in enumerate([*map(str, BUCKETS), "+Inf"]):
            total += places.get(str(number), 0)
            yield f"{name}_bucket{_labels((*metric.labels, 'le'), (*told, bound))} {total:.17g}"
        yield f"{name}_sum{_labels(metric.labels, told)} {places.get('sum', 0) / 1e6:.17g}"
        yield f"{name}_count{_labels(metric.labels, told)} {total:.17g}"


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    said = ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=False))
    return f"{{{said}}}" if said else ""


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
