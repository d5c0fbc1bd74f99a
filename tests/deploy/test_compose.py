"""compose.yaml, read: what no test that runs its commands by hand would miss."""

from __future__ import annotations

import yaml

from tests.deploy.compose import ROOT

WRITTEN = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_no_container_fills_the_disk_with_what_it_writes() -> None:
    """Docker's own driver keeps everything."""
    for name, service in WRITTEN.items():
        assert service["logging"] == {"driver": "local", "options": {"max-size": "50m", "max-file": "5"}}, name


def test_a_client_whose_host_is_gone_is_noticed_by_postgres_and_pgbouncer() -> None:
    assert "tcp_keepalives_idle=60" in WRITTEN["postgres"]["command"]
    assert "tcp_keepidle = 60" in (ROOT / "deploy" / "pgbouncer" / "start").read_text()


def test_a_web_server_may_finish_what_a_processor_lets_it_wait_for() -> None:
    from ballast.serving import FINISH_SECONDS

    goodbye = 5
    assert float(WRITTEN["web-1"]["stop_grace_period"].removesuffix("s")) >= goodbye + FINISH_SECONDS
    unit = (ROOT / "deploy" / "systemd" / "ballast-web@.service").read_text()
    assert float(unit.partition("TimeoutStopSec=")[2].split()[0]) >= goodbye + FINISH_SECONDS
