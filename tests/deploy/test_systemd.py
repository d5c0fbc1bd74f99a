"""The units in deploy/systemd, read: systemd runs in no test."""

from __future__ import annotations

import re

from tests.deploy.compose import ROOT

UNITS = {path.name: path.read_text() for path in (ROOT / "deploy" / "systemd").iterdir()}
FLASK = (ROOT / "deploy" / "flask").read_text()


def test_a_unit_starts_in_the_current_release_and_stays_in_its_folder() -> None:
    """A process that went by way of the link would load the next release's modules as soon as the link leads there."""
    ours = [text for text in UNITS.values() if "User=ballast" in text]
    assert len(ours) == 3
    for text in ours:
        assert "\nWorkingDirectory=/srv/ballast/current\n" in text
        assert re.search(r"^ExecStart=/bin/sh -c 'exec \"\$\(pwd -P\)/\.venv/bin/python\" ", text, re.MULTILINE)


def test_every_file_that_a_unit_starts_is_in_a_release() -> None:
    named = {path for text in UNITS.values() for path in re.findall(r"/srv/ballast/current/([\w./-]+)", text)}
    assert {path for path in named if not path.startswith(".venv/bin/")} == {"deploy/pgbouncer/start"}
    assert (ROOT / "deploy" / "pgbouncer" / "start").is_file()


def test_no_unit_is_given_the_owners_address() -> None:
    assert "EnvironmentFile=/etc/ballast/owner" in FLASK
    assert [name for name, text in UNITS.items() if "/etc/ballast/owner" in text] == []


def test_a_unit_is_started_again_however_often_it_ends() -> None:
    """Cron ends within half a second where Valkey is away: systemd's default, five starts in ten seconds, would be over in eight."""
    services = [text.partition("\n[Service]\n") for name, text in UNITS.items() if name.endswith(".service")]
    assert len(services) == 4
    for unit, _, service in services:
        assert "\nStartLimitIntervalSec=0\n" in unit
        assert "\nRestart=always\n" in service
