"""The platform's jobs, for its staff: queues, workers, the schedule, what ran, what failed and why, and running something now."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from ballast import clock, queue, working
from ballast.billing.subscriptions import rehearsal, reminding
from ballast.clock import now
from ballast.db import end_reading, organization
from ballast.errors import BallastError, NotFound
from ballast.identity import platform, users
from ballast.models import Organization
from ballast.web import PAGE_SIZE, cut, filter_url, render, see_other, staff_area

blueprint = Blueprint("platform_jobs", __name__, url_prefix="/platform/jobs")
staff_area(blueprint)

RUNS: Final = "platform_jobs.runs"
PREFIX: Final = "ballast."
# What can be rehearsed: the job of each, and what it is called.
DRY: Final = {"charge": queue.CHARGE_SUBSCRIPTIONS, "remind": queue.REMIND}
MOST_SHOWN: Final = 100


@blueprint.get("")
def index() -> Response:
    """How it stands, and the schedule."""
    try:
        state, problem = working.look(), None
    except BallastError as error:
        state, problem = working.State([], [], []), error.message
    return render(
        "platform/jobs.html",
        "live",
        state=state,
        schedule=_schedule(),
        problem=problem,
        pending=any(line.waiting or line.running for line in state.lines),
    )


def _schedule() -> list[dict[str, Any]]:
    """The jobs by queue, as they are swept."""
    return [
        {"job": job.removeprefix(PREFIX), "queue": name, "seconds": seconds, "runs": working.RUNS.get(job)}
        for job, (name, seconds) in sorted(
            queue.SCHEDULE.items(), key=lambda one: (queue.QUEUES.index(one[1][0]), one[0])
        )
    ]


@blueprint.post("/run/<name>")
def run(name: str) -> Response:
    """Have a worker run it now, as its schedule would."""
    job = PREFIX + name
    if job not in queue.SCHEDULE:
        raise NotFound("job", name[:80])
    if queue.ask(job):
        flash(f"{name} waits in the queue {queue.SCHEDULE[job][0]}.", "success")
    else:
        flash("Redis is away. The sweepers run the job once it is back.", "danger")
    return see_other(url_for("platform_jobs.index"))


@blueprint.get("/failed/<job_id>")
def failed(job_id: str) -> Response:
    """One job that raised, with its trace."""
    return render("platform/job_failed.html", failure=working.failure(job_id))


@blueprint.post("/failed/<job_id>/retry")
def retry(job_id: str) -> Response:
    """Once more."""
    working.retry(job_id)
    flash("The job waits in its queue again.", "success")
    return see_other(url_for("platform_jobs.index"))


@blueprint.post("/failed/<job_id>/forget")
def forget(job_id: str) -> Response:
    """Off the list."""
    working.forget(job_id)
    flash("The failed job is forgotten. What it was to do is swept as ever.", "success")
    return see_other(url_for("platform_jobs.index"))


@blueprint.get("/runs")
def runs() -> Response:
    """What ran and found something to do, newest first."""
    chosen = {
        "name": request.args.get("name", "").strip()[:80],
        "failing": "yes" if request.args.get("failing") else "",
    }
    before, after = request.args.get("before"), request.args.get("after")
    found: list[Any] = platform.runs(
        current_user.id, chosen["name"], bool(chosen["failing"]), before, None if before else after, PAGE_SIZE + 1
    )
    page = cut([(one,) for one in found], PAGE_SIZE, backwards=bool(before), started=bool(after))
    return render(
        "platform/job_runs.html",
        "list",
        rows=[row[0] for row in page.rows],
        chosen=chosen,
        names=sorted(working.RUNS.values()),
        filtered=any(chosen.values()),
        previous_url=filter_url(RUNS, chosen, before=page.before),
        next_url=filter_url(RUNS, chosen, after=page.after),
    )


# --- Rehearsing --------------------------------------------------------------------------------------------------------------


@blueprint.post("/rehearse")
def rehearse() -> Response:
    """What a run would do now for one organization. Nothing is charged, sent or kept."""
    slug, what = request.form.get("organization", "").strip()[:80], request.form.get("what", "")
    found = users.organization_by_slug(slug)
    if found is None or what not in DRY:
        return _rehearsal(
            slug, what, [], "There is no organization with this address." if found is None else "Choose a job."
        )
    return _rehearsal(slug, what, _planned(found, what), None)


def _planned(found: Organization, what: str) -> list[dict[str, Any]]:
    organization_id, moment = found.id, found.clock_at or now()
    end_reading()
    with organization(organization_id), clock.at(moment):
        if what == "remind":
            return [
                {"what": "remind", "subscription": subscription_id, "who": email, "amount": 0, "currency": "", "at": at}
                for subscription_id, email, at in reminding.due_now(organization_id)[:MOST_SHOWN]
            ]
        items = list(islice(rehearsal.rehearse(organization_id), MOST_SHOWN))
    return [
        {
            "what": item.what,
            "subscription": item.subscription_id,
            "who": item.customer,
            "amount": item.amount,
            "currency": item.currency,
            "at": item.at,
        }
        for item in items
    ]


def _rehearsal(slug: str, what: str, items: list[dict[str, Any]], problem: str | None) -> Response:
    return render(
        "platform/rehearsal.html",
        status=422 if problem else 200,
        slug=slug,
        what=what,
        items=items,
        most=MOST_SHOWN,
        problem=problem,
    )
