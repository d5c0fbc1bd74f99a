"""What the deployment counts and measures, as Prometheus reads it, and the alarms that stand on it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

import ballast
from ballast import metrics, queue
from ballast.billing import measuring
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.models import Attempt, Email
from tests.billing.acts import as_worker
from tests.notifications.acts import deliver
from tests.statements import counted
from tests.world import Api, World

ROOT = Path(ballast.__file__).parent.parent
TOKEN = "a token for Prometheus"
COUNTED = "ballast_requests_total"
Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


@pytest.fixture
def prometheus(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(world.settings, "metrics_token", TOKEN)
    return world


def scrape(world: World) -> Samples:
    """Name → labels → value."""
    answer = world.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: Samples = {}
    for family in text_string_to_metric_families(answer.get_data(as_text=True)):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get(name, {}).get(tuple(sorted(labels.items())), 0.0)


def test_whoever_has_no_token_reads_no_metrics(world: World, prometheus: World) -> None:
    client = world.app.test_client()
    for headers in ({}, {"Authorization": "Bearer another"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "metrics_token_invalid")


def test_what_was_paid_declined_delivered_and_asked_for_is_counted(prometheus: World, api: Api) -> None:
    before = scrape(prometheus)
    assert api.pay().status_code == 201
    assert api.pay(payment_method="pm_card_chargeDeclinedInsufficientFunds").status_code == 402
    deliver(prometheus)
    after = scrape(prometheus)

    def grew(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    stripe = {"processor": "stripe"}
    assert grew("ballast_attempts_total", **stripe, outcome="approved", decline_class="") == 1
    assert grew("ballast_attempts_total", **stripe, outcome="declined", decline_class="soft") == 1
    assert grew("ballast_requests_total", route="/api/v1/payments", method="POST", status="201") == 1
    assert grew("ballast_requests_total", route="/api/v1/payments", method="POST", status="402") == 1
    assert grew("ballast_processor_seconds_count", **stripe, answer="some") >= 3
    assert grew("ballast_deliveries_total", result="delivered") >= 2
    assert grew("ballast_delivery_seconds_count") == grew("ballast_deliveries_total", result="delivered")
    assert grew("ballast_request_seconds_count", part="api") >= 2
    assert 0 < grew("ballast_request_seconds_sum", part="api") < 60


def test_a_histogram_holds_each_duration_in_every_bucket_above_it(prometheus: World) -> None:
    for seconds in (0.004, 0.04, 4.0, 4000.0):
        metrics.observe("ballast_delivery_seconds", seconds)
    found = scrape(prometheus)
    by_bound = {labels[0][1]: value for labels, value in found["ballast_delivery_seconds_bucket"].items()}
    assert [by_bound[bound] for bound in ("0.005", "0.025", "0.05", "2.5", "5.0", "300.0", "+Inf")] == [
        1,
        1,
        2,
        2,
        3,
        3,
        4,
    ]
    assert value(found, "ballast_delivery_seconds_sum") == pytest.approx(4004.044)


def test_counts_wait_in_memory_while_redis_is_away_and_none_is_lost(
    prometheus: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = prometheus.settings.redis_url
    before = value(scrape(prometheus), "ballast_mails_total", result="sent")
    monkeypatch.setattr(prometheus.settings, "redis_url", "redis://127.0.0.1:9/0")
    metrics.count("ballast_mails_total", 3, result="sent")
    assert not metrics.flush()
    answer = prometheus.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 503
    monkeypatch.setattr(prometheus.settings, "redis_url", home)
    assert value(scrape(prometheus), "ballast_mails_total", result="sent") == before + 3


def test_a_worker_measures_what_waits_and_what_has_no_answer(prometheus: World, api: Api) -> None:
    prometheus.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    assert api.pay().get_json()["status"] == "processing"
    hour = timedelta(hours=1)
    with organization(prometheus.acme.id), transaction() as session:
        sent = {"submitted_at": real_time() - hour, "next_probe_at": real_time() - hour / 2}
        session.execute(update(Attempt).values(**sent))
        mail = Email(
            id="em_01m8gx3v9vhtz6r2m3n4p5q6s7",
            organization_id=prometheus.acme.id,
            kind="receipt",
            dedupe_key="one",
            recipient="ada@example.com",
            subject="A mail",
            html="",
            text="",
            next_attempt_at=real_time() - 2 * hour,
        )
        session.add(mail)
    as_worker(prometheus, measuring.measure_due)()
    found = scrape(prometheus)
    assert value(found, "ballast_unknown_attempts", processor="stripe") == 1
    assert value(found, "ballast_unknown_age_seconds", processor="stripe") == pytest.approx(3600, abs=60)
    assert value(found, "ballast_unknown_attempts", processor="square") == 0
    assert value(found, "ballast_queue_lag_seconds", kind="mails") == pytest.approx(7200, abs=60)
    assert value(found, "ballast_queue_lag_seconds", kind="attempts") == pytest.approx(1800, abs=60)
    assert value(found, "ballast_queue_lag_seconds", kind="invoices") == 0
    assert value(found, "ballast_measured_timestamp_seconds") == pytest.approx(real_time().timestamp(), abs=60)
    assert value(found, "ballast_workers", queue="payments") == 0
    assert found["ballast_archive_failing_seconds"] == {(): 0.0}, "the tests' PostgreSQL keeps no archive"
    assert {dict(labels)["kind"] for labels in found["ballast_queue_lag_seconds"]} >= {"deliveries", "inbox", "refunds"}


def test_measuring_is_a_few_statements_however_much_there_is(prometheus: World) -> None:
    with counted(prometheus.worker_app) as seen:
        as_worker(prometheus, measuring.measure_due)()
    assert len(seen) <= 20


# --- Alarms ------------------------------------------------------------------------------------------------------------------


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_each_alarm_stands_on_metrics_there_are_and_leads_to_its_runbook() -> None:
    known = set(metrics.METRICS) | {
        f"{name}{end}"
        for name, metric in metrics.METRICS.items()
        if metric.kind == "histogram"
        for end in ("_bucket", "_sum", "_count")
    }
    runbooks = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    linked = set()
    for rule in rules():
        promql_parser.parse(rule["expr"])
        named = set(re.findall(r"\bballast_\w+", rule["expr"]))
        assert named or "up{" in rule["expr"], rule["alert"]
        assert named <= known, rule["alert"]
        page = re.fullmatch(r"docs/runbooks/([\w-]+)\.md", rule["annotations"]["runbook"])
        assert page, rule["alert"]
        linked.add(page[1])
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")
    assert linked == runbooks


def test_an_alarm_names_only_labels_its_metric_has() -> None:
    for rule in rules():
        for name, inside in re.findall(r"\b(ballast_\w+)\{([^}]*)\}", rule["expr"]):
            plain = re.sub(r"_(bucket|sum|count)$", "", name)
            metric = metrics.METRICS.get(name) or metrics.METRICS[plain]
            used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
            assert used <= {*metric.labels, "le"}, rule["alert"]


def test_what_is_counted_is_written_about() -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    assert [name for name in metrics.METRICS if f"`{name}`" not in page] == []


def test_the_measuring_job_comes_around_several_times_before_its_alarm() -> None:
    assert queue.SCHEDULE[queue.MEASURE][1] <= 30


def test_who_asks_each_second_whether_we_are_well_is_counted_only_where_we_are_not(
    prometheus: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = prometheus.app.test_client()
    before = scrape(prometheus)
    with caplog.at_level("INFO"):
        assert [client.get(path).status_code for path in ("/health", "/readyz")] == [200, 200]
        (tmp_path / "leaving").touch()
        monkeypatch.setenv("BALLAST_LEAVING", str(tmp_path / "leaving"))
        assert client.get("/readyz").status_code == 503
    after = scrape(prometheus)
    asked = {name: {"route": "/readyz", "method": "GET", "status": name} for name in ("200", "503")}
    grown = [value(after, COUNTED, **one) - value(before, COUNTED, **one) for one in asked.values()]
    assert grown == [0, 1]
    told = [
        line for line in (record.getMessage() for record in caplog.records) if "/readyz" in line or "/health" in line
    ]
    assert len(told) == 1
    assert " 503 " in told[0]
