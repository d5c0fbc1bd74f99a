"""Commands of platform staff and operators: who may get in, what is live, and whether the audit log is as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, TypeVar

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from ballast.errors import BallastError

if TYPE_CHECKING:
    from ballast.audit.verification import Proof
    from ballast.doctor.finding import Finding
    from ballast.identity.bans import Effect

organization = AppGroup("organization", help="Begin organizations, and make them live.")

Made = TypeVar("Made")


@contextmanager
def _as_staff() -> Iterator[None]:
    """Whoever has a shell acts as staff."""
    from ballast import audit

    with audit.acting(audit.Actor("staff", "command line")):
        yield


def _told(act: Callable[[], Made]) -> Made:
    """Do it as staff; what is refused ends the command with its sentence."""
    with _as_staff():
        try:
            return act()
        except BallastError as error:
            raise click.ClickException(error.message) from None


@click.command("ban")
@click.argument("email")
@click.option("--reason", required=True, help="Kept in the audit log.")
@click.option("--keep-keys", is_flag=True, help="Let the API keys they made go on working.")
@with_appcontext
def ban(email: str, reason: str, keep_keys: bool) -> None:
    """Shut EMAIL out everywhere, at their next request; `unban` takes it back."""
    from ballast.identity import bans

    _tell_effect(_told(lambda: bans.ban(email, reason, keep_keys)), "banned", "keys frozen", "customers held")


@click.command("unban")
@click.argument("email")
@click.option("--reason", required=True, help="Kept in the audit log.")
@with_appcontext
def unban(email: str, reason: str) -> None:
    """Let EMAIL sign in again; what the ban froze or held goes on."""
    from ballast.billing.subscriptions import holding

    _tell_effect(_told(lambda: holding.unban(email, reason)), "unbanned", "keys working again", "customers released")


def _tell_effect(effect: Effect, done: str, keys: str, customers: str) -> None:
    click.echo(f"{done}: {effect.keys} {keys}, {effect.customers} {customers}")


@click.command("reset-second-factor")
@click.argument("email")
@click.option("--reason", required=True, help="Kept in the audit log.")
@with_appcontext
def reset_second_factor(email: str, reason: str) -> None:
    """Take off the second factor of EMAIL, who lost phone and recovery codes. Make sure that it is them. They are told by mail."""
    from ballast.identity import second_factor

    user = _told(lambda: second_factor.reset(email, reason))
    click.echo(f"{user.email} has no second factor any more, is signed out everywhere, and is told by mail.")


@organization.command("create")
@click.argument("name")
@click.option("--owner", "email", required=True, help="Whose it is: the address of an account there is.")
@click.option("--live", is_flag=True, help="It takes real money, once live keys of a processor are connected.")
@with_appcontext
def create_organization(name: str, email: str, live: bool) -> None:
    """Begin an organization NAME for somebody with an account."""
    from ballast.identity import organizations

    made = _told(lambda: organizations.begin_for(email, name, "live" if live else "sandbox"))
    click.echo(f"{made.slug}: {made.name}, {made.mode}, owned by {email.strip().lower()}")


@organization.command("go-live")
@click.argument("slug")
@click.option("--reason", required=True, help="Kept in the audit log.")
@with_appcontext
def go_live(slug: str, reason: str) -> None:
    """Make the sandbox organization SLUG live, before anything was paid in it. It cannot be taken back."""
    from ballast.billing import going_live
    from ballast.identity import users

    found = users.organization_by_slug(slug)
    if found is None:
        raise click.ClickException(f"There is no organization {slug}.")
    organization_id = found.id
    effect = _told(lambda: going_live.go_live(organization_id, reason))
    click.echo(f"{slug} is live: {effect.keys} test keys revoked, {effect.accounts} test accounts archived.")
    click.echo("It takes payments once an owner connects live keys of a processor.")


@click.command("verify-audit")
@click.option("--organization", "slug", help="Its address; every organization and the platform's own log if left out.")
@with_appcontext
def verify_audit(slug: str | None) -> None:
    """Prove that nothing in the audit log was changed, deleted or put in behind since it was sealed. Fails where something was."""
    from ballast.audit import verification
    from ballast.db import db

    worker = current_app.extensions["ballast"].as_worker()
    with worker.app_context():
        try:
            proofs = verification.verify(_organization_id(slug) if slug else None)
        finally:
            db.session.remove()
            db.engine.dispose()
    for proof in proofs:
        if proof.broken or proof.seals or proof.waiting:
            click.echo(_line(proof))
    if any(proof.broken for proof in proofs):
        raise SystemExit(1)


def _organization_id(slug: str) -> str:
    from sqlalchemy import select

    from ballast.db import db
    from ballast.models import Organization

    found = db.session.scalars(select(Organization.id).where(Organization.slug == slug)).first()
    if found is None:
        raise click.ClickException(f"There is no organization {slug}.")
    return found


def _line(proof: Proof) -> str:
    if proof.broken:
        return f"{proof.chain}\tBROKEN\t{proof.broken}"
    return f"{proof.chain}\tok\t{proof.entries} entries in {proof.seals} seals, {proof.waiting} waiting\t{proof.head}"


SHOWN: Final = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
@click.option("--deep", is_flag=True, help="Prove the audit log and the ledger whole too, which reads all of them.")
@with_appcontext
def doctor(as_json: bool, deep: bool) -> None:
    """Look at everything this deployment stands on, and say what mends what is wrong. Fails where something does not work."""
    from ballast import doctor as examination
    from ballast.db import db

    with current_app.extensions["ballast"].as_worker().app_context():
        try:
            findings = list(examination.examine(deep))
        finally:
            db.session.remove()
            db.engine.dispose()
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    if any(finding.state == "fail" for finding in findings):
        raise SystemExit(1)


def _show(findings: list[Finding]) -> None:
    for finding in findings:
        click.echo(f"{SHOWN[finding.state]}\t{finding.check}\t{finding.said}")
        if finding.mend:
            click.echo(f"\t\t→ {finding.mend}")


@click.command("db-check")
@with_appcontext
def check_database() -> None:
    """Say whether this release may start on the database as it is, and what each pending migration asks of the release before.

    Fails where it may not start.
    """
    from ballast.db import db
    from ballast.doctor import schema

    with current_app.extensions["ballast"].as_worker().app_context():
        findings = list(schema.check())
        db.session.remove()
        db.engine.dispose()
    _show(findings)
    if any(finding.state == "fail" for finding in findings):
        raise SystemExit(1)


COMMANDS: Final = (doctor, check_database, ban, unban, reset_second_factor, verify_audit, organization)
