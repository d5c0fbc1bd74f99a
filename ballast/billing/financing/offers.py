"""Offers as a merchant makes and changes them. An agreement keeps what its customer agreed to: nothing here touches one.

An offer is shown to nobody until it is published, and it is not published before quotes at its least, its greatest and a middle amount
have been made and both APR solvers agree on each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select

from ballast import audit, money
from ballast.billing import changes, minimums
from ballast.billing.financing import lending_settings, quoting
from ballast.billing.financing.offer_payloads import offer_payload
from ballast.clock import now
from ballast.db import db
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import FinancingOffer, Organization, Product
from ballast.models.financing_offers import offer_of
from ballast.models.states import move
from ballast.money import BPS, MAX_AMOUNT, format_money
from ballast.notifications import webhooks
from ballast.security import looks_like_card_number

LONGEST: Final = {"name": 80, "description": 500}
MOST_LISTED: Final = 250
COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
# What `create` takes and `edit` changes. The currency stays: in another one it is another offer.
EDITABLE: Final = frozenset(
    {"name", "description", "minimum_amount", "maximum_amount", "countries", "product_ids", "metadata"}
    | {"customer_cap", "exposure_cap", "expected_loss_bps", "position"}
) | frozenset(quoting.TERMS)
NEEDED: Final = ("name", "currency", "installments", "minimum_amount", "maximum_amount")
# Free, four payments, no fees: it needs no switch. What is least and most is set by `ready_made`.
PAY_IN_FOUR: Final = {
    "name": "Pay in 4",
    "description": "A quarter today, the rest in three monthly payments. No interest, no fees.",
    "installments": 3,
    "down_payment_bps": 2500,
    "grace_days": 10,
}


def create(organization_id: str, given: Mapping[str, Any], idempotency_key: str | None = None) -> FinancingOffer:
    """A new offer, a draft. `given`: EDITABLE and `currency`, as the columns have them. In the caller's transaction.

    Raises InvalidRequest(`parameter_missing`, `parameter_unknown`, `parameter_invalid`, `currency_unknown`, `product_unknown`,
    `financing_terms_invalid`), Conflict(`idempotency_key_expired`) where the key has made one before.
    """
    _refuse_used_key(organization_id, idempotency_key)
    offer = built(organization_id, given)
    offer.idempotency_key = idempotency_key
    db.session.add(offer)
    _tell(offer, "financing.offer.created")
    return offer


def built(organization_id: str, given: Mapping[str, Any]) -> FinancingOffer:
    """The offer that `create` would make, checked and written nowhere: to try out what was typed. Raises what `create` raises."""
    for name in NEEDED:
        if given.get(name) in (None, ""):
            raise InvalidRequest("parameter_missing", f"Say {name.replace('_', ' ')}.", param=name)
    _refuse_unknown(given, EDITABLE | {"currency"})
    values = {"metadata_" if name == "metadata" else name: value for name, value in given.items()}
    offer = FinancingOffer(
        id=new_id("offer"),
        organization_id=organization_id,
        status="draft",
        created_at=now(),
        **_defaults() | values,
    )
    _check(offer)
    return offer


def edit(organization_id: str, offer_id: str, wanted: Mapping[str, Any]) -> FinancingOffer:
    """Set what is given of EDITABLE; what is quoted from now on follows it, what was agreed does not. In the caller's transaction.

    A published offer must pass again what publishing asks. Raises NotFound, Conflict(`financing_offer_archived`), what `create` and
    `publish` raise.
    """
    _refuse_unknown(wanted, EDITABLE)
    offer = locked(organization_id, offer_id)
    if offer.status == "archived":
        raise Conflict("financing_offer_archived", "This offer is archived. Restore it first.")
    differences = changes.apply(offer, wanted)
    if differences:
        _check(offer)
        if offer.status == "published":
            _check_publishable(offer)
        _tell(offer, "financing.offer.updated", differences)
    return offer


def publish(organization_id: str, offer_id: str) -> FinancingOffer:
    """Show it to shoppers. In the caller's transaction.

    Raises NotFound, Conflict(`state_conflict`), Conflict(`financing_interest_not_allowed`) while the switch it needs is off, and what
    `quotes.quote` and `reading.check` raise for its example amounts.
    """
    offer = locked(organization_id, offer_id)
    _check_publishable(offer)
    offer.published_at = now()
    return _moved(offer, "published")


def unpublish(organization_id: str, offer_id: str) -> FinancingOffer:
    """Show it to nobody, and keep it as a draft. Agreements go on. In the caller's transaction.

    Raises NotFound, Conflict(`state_conflict`).
    """
    offer = locked(organization_id, offer_id)
    if offer.status != "published":
        raise Conflict("state_conflict", f"This offer is {offer.status}, not published.")
    return _moved(offer, "draft")


def archive(organization_id: str, offer_id: str) -> FinancingOffer:
    """Put it away. Agreements go on. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    offer = locked(organization_id, offer_id)
    offer.archived_at = now()
    return _moved(offer, "archived")


def restore(organization_id: str, offer_id: str) -> FinancingOffer:
    """Take it out of the archive, as a draft. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    offer = locked(organization_id, offer_id)
    if offer.status != "archived":
        raise Conflict("state_conflict", f"This offer is {offer.status}, not archived.")
    offer.archived_at = None
    return _moved(offer, "draft")


def locked(organization_id: str, offer_id: str) -> FinancingOffer:
    """The offer, locked until the transaction ends. Raises NotFound."""
    quoting.find(organization_id, offer_id)
    wanted = offer_of(organization_id, offer_id).with_for_update()
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def ready_made(organization: Organization) -> FinancingOffer:
    """“Pay in 4” in the organization's currency, published: from what splits in four, to thirty times that.
    In the caller's transaction."""
    step = minimums.grain(organization.currency)
    least = max(minimums.least(organization.currency) * 4, 10 ** money.exponent(organization.currency) * 35)
    bounds = {"minimum_amount": minimums.to_step(least, step), "maximum_amount": minimums.to_step(least * 30, step)}
    made = create(organization.id, {**PAY_IN_FOUR, **bounds, "currency": organization.currency})
    return publish(organization.id, made.id)


def has_any(organization_id: str) -> bool:
    """Whether the organization has ever made an offer."""
    wanted = select(FinancingOffer.id).where(FinancingOffer.organization_id == organization_id).limit(1)
    return db.session.scalars(wanted).first() is not None


def examples(offer: FinancingOffer) -> tuple[int, ...]:
    """The amounts that are tried before it is published, minor units: the least, a middle one in round figures, the greatest."""
    middle = (offer.minimum_amount + offer.maximum_amount) // 2
    middle -= middle % 10 ** max(len(str(middle)) - 2, 1)
    return tuple(sorted({offer.minimum_amount, max(middle, offer.minimum_amount), offer.maximum_amount}))


# --- Checks ------------------------------------------------------------------------------------------------------------------


def _refuse_used_key(organization_id: str, key: str | None) -> None:
    wanted = select(FinancingOffer.id).where(
        FinancingOffer.organization_id == organization_id, FinancingOffer.idempotency_key == key
    )
    if key and db.session.scalars(wanted).first():
        raise Conflict(
            "idempotency_key_expired",
            "An offer was made under this Idempotency-Key and its stored answer has expired. Look in the list.",
        )


def _refuse_unknown(given: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise InvalidRequest("parameter_unknown", f"An offer has no {unknown[0][:64]} to set.", param=unknown[0][:64])


def _defaults() -> dict[str, Any]:
    """The columns' own defaults, so that an offer can be checked before it is written."""
    columns = [column for column in FinancingOffer.__table__.columns if column.name in EDITABLE]
    fixed = {c.name: c.default.arg for c in columns if c.default is not None and c.default.is_scalar}
    return {**fixed, "countries": [], "product_ids": [], "metadata_": {}}


def _check(offer: FinancingOffer) -> None:
    """All of it together, so that no two changes add up to what either alone would not be. Raises InvalidRequest."""
    money.exponent(offer.currency)
    for name, most in LONGEST.items():
        text = getattr(offer, name)
        if len(text) > most or looks_like_card_number(text) or (name == "name" and not text):
            raise _invalid(name, f"Use at most {most} characters, and no card number.")
    quoting.terms_of(offer)
    _check_amounts(offer)
    _check_numbers(offer)
    _check_lists(offer)


def _check_amounts(offer: FinancingOffer) -> None:
    step = minimums.grain(offer.currency)
    for name in ("minimum_amount", "maximum_amount", "customer_cap", "exposure_cap"):
        amount = getattr(offer, name)
        if amount is not None and (not 1 <= amount <= MAX_AMOUNT or amount % step):
            raise _invalid(name, f"Enter an amount above zero that can be charged in {offer.currency}.")
    if offer.minimum_amount > offer.maximum_amount:
        raise _invalid("maximum_amount", "The greatest amount is less than the least.")
    if offer.down_payment_amount and offer.down_payment_amount >= offer.minimum_amount:
        raise _invalid("down_payment_amount", "The down payment is as much as the least amount.")


def _check_numbers(offer: FinancingOffer) -> None:
    for name, least, most in (("expected_loss_bps", 0, BPS), ("position", 0, 100_000), ("default_after_days", 1, 365)):
        if not least <= getattr(offer, name) <= most:
            raise _invalid(name, f"Choose a whole number from {least:,} to {most:,}.")


def _check_lists(offer: FinancingOffer) -> None:
    for name, listed in (("countries", offer.countries), ("products", offer.product_ids)):
        if len(listed) > MOST_LISTED or len(set(listed)) != len(listed):
            raise _invalid(name, f"Name each once, at most {MOST_LISTED}.")
    for country in offer.countries:
        if not COUNTRY.fullmatch(country):
            raise _invalid("countries", f"“{country[:12]}” is no country. Use two capitals, such as US.")
    known = [one for one in offer.product_ids if to_uuid(one, "prod")]
    wanted = select(func.count()).where(Product.organization_id == offer.organization_id, Product.id.in_(known))
    if len(known) < len(offer.product_ids) or (known and db.session.scalar(wanted) != len(known)):
        raise InvalidRequest("product_unknown", "One of these products is not yours.", param="products")


def _invalid(param: str, message: str) -> InvalidRequest:
    return InvalidRequest("parameter_invalid", message, param=param)


def _check_publishable(offer: FinancingOffer) -> None:
    needed = lending_settings.reasons(offer)
    if needed and lending_settings.locked(offer.organization_id).interest_allowed_at is None:
        raise Conflict(
            "financing_interest_not_allowed",
            f"This offer needs lending at a cost to be allowed in the lending settings: {'; '.join(needed)}.",
        )
    organization = db.session.get_one(Organization, offer.organization_id)
    terms, start = quoting.terms_of(offer), quoting.today(organization)
    for amount in examples(offer):
        try:
            quoting.checked(amount, offer.currency, terms, start)
        except BallastError as error:
            shown = format_money(amount, offer.currency)
            message = f"At {shown} this offer does not work: {error.message}"
            raise type(error)(error.code, message, param=error.param, status=error.status) from error


# --- Writing -----------------------------------------------------------------------------------------------------------------


def _moved(offer: FinancingOffer, status: str) -> FinancingOffer:
    before = offer.status
    move(offer, status)
    _tell(offer, "financing.offer.updated", {"status": {"before": before, "after": status}})
    return offer


def _tell(offer: FinancingOffer, event: str, differences: dict[str, Any] | None = None) -> None:
    db.session.flush()
    action = event.replace("financing.offer", "financing_offer")
    audit.record(offer.organization_id, action, "financing_offer", offer.id, differences)
    webhooks.publish(offer.organization_id, event, "financing_offer", offer.id, offer_payload(offer))
