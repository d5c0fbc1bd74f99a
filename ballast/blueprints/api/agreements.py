"""Running agreements over the API: found, and serviced. Every act has a preview, and takes its hash."""

from __future__ import annotations

from functools import partial
from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing.financing import rows
from ballast.billing.financing.servicing import (
    acting,
    amendments,
    dates,
    filters,
    payloads,
    payoffs,
    plan_cards,
    prepayments,
    recordings,
    relief,
    reschedules,
    returns,
    settlements,
)
from ballast.billing.financing.servicing.acting import Decide
from ballast.billing.financing.servicing.charging import Means
from ballast.blueprints.api import refusals
from ballast.blueprints.api.agreement_act_schemas import (
    Acted,
    AgreementCard,
    AgreementCardPreview,
    AgreementPause,
    AgreementPausePreview,
    AgreementPayment,
    AgreementPaymentPreview,
    AgreementRefund,
    AgreementRefundPreview,
    DateMove,
    DateMovePreview,
    Payoff,
    PayoffPreview,
    Reschedule,
    ReschedulePreview,
    Settlement,
    SettlementPreview,
    Waiver,
    WaiverPreview,
    WriteOff,
    WriteOffPreview,
)
from ballast.blueprints.api.agreement_schemas import (
    AgreementList,
    AgreementOut,
    AgreementPath,
    AgreementPreviewOut,
    AgreementQuery,
)
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, list_answer, once, where_given
from ballast.blueprints.api.schemas import ErrorOut
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.errors import InvalidRequest
from ballast.models import FinancingAgreement

blueprint = make_blueprint(
    "api_agreements",
    "Financing agreements",
    "Plans that customers have agreed to: what is owed, and what is done to them, previewed to the cent first.",
    read="financing:read",
    write="financing:write",
)
AT = "/financing/agreements/<agreement_id>"


# --- Found -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/financing/agreements", summary="List agreements", responses={200: AgreementList})
def list_agreements(query: AgreementQuery) -> Response:
    """Newest first, by status, customer and how far behind they are."""
    wanted = where_given(
        select(FinancingAgreement).where(FinancingAgreement.organization_id == g.organization_id),
        (FinancingAgreement.status, eq, "canceled" if query.status == "cancelled" else query.status),
        (FinancingAgreement.customer_id, eq, query.customer),
    )
    if query.bucket:
        wanted = wanted.where(filters.in_bucket(query.bucket))
    return list_answer(
        wanted, FinancingAgreement, "agr", query, lambda found: payloads.listed([row[0] for row in found])
    )


@blueprint.get(AT, summary="Get an agreement", responses={200: AgreementOut})
def get_agreement(path: AgreementPath) -> Response:
    """One agreement with its installments and amendments."""
    return _shown(path.agreement_id)


def _shown(agreement_id: str) -> Response:
    return json_answer(200, payloads.whole(rows.find(g.organization_id, agreement_id)))


# --- Acted on ----------------------------------------------------------------------------------------------------------------


def _look(path: AgreementPath, decide: Decide) -> Response:
    key_of_request()
    return json_answer(200, payloads.preview(acting.preview(g.organization_id, path.agreement_id, decide)))


def _do(path: AgreementPath, body: Acted, decide: Decide, payment_method: str | None = None) -> Response:
    """What the preview said, once for a key; 402 with the agreement beside it where the bank said no: then nothing has changed."""
    key = key_of_request()
    charged: list[str] = []

    def begin() -> Done:
        by = amendments.signed(body.preview_hash, body.reason, key)
        done = acting.act(g.organization_id, path.agreement_id, decide, by, Means(payment_method))
        if done.payment_id:
            charged.append(done.payment_id)
        return Done(done.agreement_id, partial(acting.finish, done))

    return once(key, begin, partial(_answer, charged))


def _answer(charged: list[str], agreement_id: str) -> Response:
    agreement = payloads.whole(rows.find(g.organization_id, agreement_id))
    refused = payloads.refused(g.organization_id, charged[0]) if charged else None
    return refusals.refusal(refused, agreement=agreement) if refused else json_answer(200, agreement)


@blueprint.post(
    f"{AT}/payoff/preview",
    summary="Preview a payoff",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_payoff(path: AgreementPath, body: PayoffPreview) -> Response:
    """What settles the plan until the end of a day, with the interest that is not earned by then given back."""
    return _look(path, lambda plan: payoffs.decide(plan, body.good_until))


@blueprint.post(
    f"{AT}/payoff", summary="Pay off a plan", responses={200: AgreementOut, 402: ErrorOut}, openapi_extensions=TAKES_KEY
)
def payoff(path: AgreementPath, body: Payoff) -> Response:
    """Charges what the preview said. Until the money is there nothing has changed; after a 402 nothing has either."""
    return _do(path, body, lambda plan: payoffs.decide(plan, body.good_until), body.payment_method)


def _payment(body: AgreementPaymentPreview) -> Decide:
    if body.recorded:
        if body.amount is None:
            raise InvalidRequest("parameter_missing", "Say how much came.", param="amount")
        return partial(recordings.decide, amount=body.amount, received_on=body.received_on)
    if body.received_on is not None:
        raise InvalidRequest("parameter_conflict", "Only what is `recorded` came on another day.", param="received_on")
    return partial(prepayments.extra, amount=body.amount) if body.amount else prepayments.next_installment


@blueprint.post(
    f"{AT}/payments/preview",
    summary="Preview a payment",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_payment(path: AgreementPath, body: AgreementPaymentPreview) -> Response:
    """Which installments an amount pays, or money that came by cash or transfer, on a day that may be past."""
    return _look(path, _payment(body))


@blueprint.post(
    f"{AT}/payments",
    summary="Pay a plan early",
    responses={200: AgreementOut, 402: ErrorOut},
    openapi_extensions=TAKES_KEY,
)
def pay(path: AgreementPath, body: AgreementPayment) -> Response:
    """The next installment, an amount, or what came by another road, which is written down."""
    return _do(path, body, _payment(body), body.payment_method)


@blueprint.post(
    f"{AT}/date_moves/preview",
    summary="Preview a date move",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_date_move(path: AgreementPath, body: DateMovePreview) -> Response:
    """Another day, before the next one. No interest is added."""
    return _look(path, lambda plan: dates.move(plan, body.installment, body.to))


@blueprint.post(
    f"{AT}/date_moves", summary="Move a due date", responses={200: AgreementOut}, openapi_extensions=TAKES_KEY
)
def move_date(path: AgreementPath, body: DateMove) -> Response:
    """The installment is due, and charged, on that day."""
    return _do(path, body, lambda plan: dates.move(plan, body.installment, body.to))


@blueprint.post(
    f"{AT}/pauses/preview",
    summary="Preview a pause",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_pause(path: AgreementPath, body: AgreementPausePreview) -> Response:
    """Every date so many months later; no interest and no late fee for it."""
    return _look(path, lambda plan: dates.pause(plan, body.months))


@blueprint.post(f"{AT}/pauses", summary="Pause a plan", responses={200: AgreementOut}, openapi_extensions=TAKES_KEY)
def pause(path: AgreementPath, body: AgreementPause) -> Response:
    """For hardship."""
    return _do(path, body, lambda plan: dates.pause(plan, body.months))


@blueprint.post(
    f"{AT}/waivers/preview",
    summary="Preview a waiver",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_waiver(path: AgreementPath, body: WaiverPreview) -> Response:
    """What is owed without the late fee."""
    return _look(path, lambda plan: relief.waive(plan, body.installment))


@blueprint.post(
    f"{AT}/waivers", summary="Waive a late fee", responses={200: AgreementOut}, openapi_extensions=TAKES_KEY
)
def waive(path: AgreementPath, body: Waiver) -> Response:
    """It is owed no more."""
    return _do(path, body, lambda plan: relief.waive(plan, body.installment))


@blueprint.post(
    f"{AT}/reschedules/preview",
    summary="Preview a new schedule",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_reschedule(path: AgreementPath, body: ReschedulePreview) -> Response:
    """What is left in so many equal payments, for no more interest than is left."""
    return _look(path, _reschedule(body))


def _reschedule(body: ReschedulePreview) -> Decide:
    return lambda plan: reschedules.decide(plan, body.installments, body.first_due_on, body.interest)


@blueprint.post(
    f"{AT}/reschedules", summary="Reschedule a plan", responses={200: AgreementOut}, openapi_extensions=TAKES_KEY
)
def reschedule(path: AgreementPath, body: Reschedule) -> Response:
    """The new schedule is in force; the agreement's terms stay as they were agreed."""
    return _do(path, body, _reschedule(body))


@blueprint.post(
    f"{AT}/write_offs/preview",
    summary="Preview a write-off",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_write_off(path: AgreementPath, body: WriteOffPreview) -> Response:
    """What is not expected any more."""
    assert body is not None
    return _look(path, relief.write_off)


@blueprint.post(
    f"{AT}/write_offs", summary="Write off a plan", responses={200: AgreementOut}, openapi_extensions=TAKES_KEY
)
def write_off(path: AgreementPath, body: WriteOff) -> Response:
    """Charged off: owed all the same, charged no more, and what comes in after all is a recovery."""
    return _do(path, body, relief.write_off)


@blueprint.post(
    f"{AT}/settlements/preview",
    summary="Preview a settlement",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_settlement(path: AgreementPath, body: SettlementPreview) -> Response:
    """What is taken for all that is owed, and what is written off."""
    return _look(path, _settlement(body))


def _settlement(body: SettlementPreview) -> Decide:
    return partial(settlements.decide, amount=body.amount, recorded=body.recorded)


@blueprint.post(
    f"{AT}/settlements",
    summary="Settle a plan for less",
    responses={200: AgreementOut, 402: ErrorOut},
    openapi_extensions=TAKES_KEY,
)
def settle(path: AgreementPath, body: Settlement) -> Response:
    """Nothing is owed afterwards. Until the money is there nothing has changed; after a 402 nothing has either."""
    return _do(path, body, _settlement(body), body.payment_method)


@blueprint.post(
    f"{AT}/card/preview",
    summary="Preview a card change",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_card(path: AgreementPath, body: AgreementCardPreview) -> Response:
    """What will be charged to the new card at once."""
    return _look(path, lambda plan: plan_cards.change(plan, body.payment_method))


@blueprint.post(
    f"{AT}/card", summary="Change a plan's card", responses={200: AgreementOut}, openapi_extensions=TAKES_KEY
)
def change_card(path: AgreementPath, body: AgreementCard) -> Response:
    """Charged from now on, and for what is late at once."""
    return _do(path, body, lambda plan: plan_cards.change(plan, body.payment_method))


@blueprint.post(
    f"{AT}/refunds/preview",
    summary="Preview a refund",
    responses={200: AgreementPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_refund(path: AgreementPath, body: AgreementRefundPreview) -> Response:
    """What comes off what is owed, what of the interest, and what goes back to which card."""
    return _look(path, lambda plan: returns.decide(plan, body.amount))


@blueprint.post(f"{AT}/refunds", summary="Refund a plan", responses={200: AgreementOut}, openapi_extensions=TAKES_KEY)
def refund(path: AgreementPath, body: AgreementRefund) -> Response:
    """What the preview said. A refund that fails later is undone on the plan, and can be made again."""
    g.caller.require_scope("refunds:write")
    return _do(path, body, lambda plan: returns.decide(plan, body.amount))
