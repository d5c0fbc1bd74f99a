"""Every error code of the API and what to do about it: the reference page and docs/errors.md are made of this.

A code that the API's modules raise and that is not here fails tests/api/test_errors.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Entry:
    """`status`: the usual HTTP status. `meaning`: one or two sentences for a programmer."""

    status: int
    meaning: str


CATALOG: Final[dict[str, Entry]] = {
    # The request
    "bad_request": Entry(400, "The request could not be read at all. Look at its first line and its headers."),
    "json_invalid": Entry(400, "The body is not one JSON object, or it is nested too deep."),
    "parameter_missing": Entry(400, "A field that is required is not there. `param` names it."),
    "parameter_invalid": Entry(
        400, "A field has a value it cannot have. `param` names it, `message` says what it should be."
    ),
    "parameter_unknown": Entry(
        400, "There is no such field. Look for a typing mistake in the name that `param` gives."
    ),
    "parameter_conflict": Entry(
        400, "Two parameters exclude each other: page by number or by cursor, and give a filter in one spelling."
    ),
    "page_too_deep": Entry(
        400, "Pages by number go 10,000 rows deep. Go on with `starting_after` and the last id you have."
    ),
    "metadata_too_large": Entry(
        400, "After this change the object would have more than 20 metadata keys. Take some away with `null`."
    ),
    "character_invalid": Entry(
        400, "A text holds a character that cannot be stored: NUL, or half of a surrogate pair."
    ),
    "card_number_refused": Entry(
        400,
        "A field holds what looks like a card number. Send the processor's token: card numbers must never reach us.",
    ),
    "version_unknown": Entry(400, "`Ballast-Version` names no version of this API. Leave it out for the present one."),
    "not_found": Entry(404, "There is nothing at this address."),
    "method_not_allowed": Entry(405, "This address does not take that method. `Allow` says which it takes."),
    "body_too_large": Entry(413, "A body may have at most 65,536 bytes, one with a picture 3 MB."),
    "content_type_invalid": Entry(415, "Send `Content-Type: application/json`."),
    # Who asks
    "api_key_missing": Entry(401, "Send your API key as `X-API-Key`, or as `Authorization: Bearer`."),
    "api_key_invalid": Entry(401, "There is no such API key. Was it copied whole?"),
    "api_key_revoked": Entry(401, "This API key was revoked or has expired. Make a new one."),
    "unauthenticated": Entry(401, "Nobody we know sent this."),
    "forbidden": Entry(403, "You may not do this."),
    "scope_missing": Entry(
        403, "The API key does not have the scope that `message` names. Scopes of a key do not change: make another."
    ),
    "too_many_attempts": Entry(
        429,
        "Too many cards were declined before this one, so it was not tried: see docs/card-testing.md. Wait for `Retry-After` seconds.",
    ),
    "rate_limit_exceeded": Entry(429, "Too many requests. Wait for `Retry-After` seconds."),
    "resource_missing": Entry(
        404, "There is no such object for this key: another organization's looks the same as none."
    ),
    # Idempotency
    "idempotency_key_missing": Entry(
        400, "What moves money when it is created needs an `Idempotency-Key`: a UUID of your own."
    ),
    "idempotency_key_invalid": Entry(400, "The `Idempotency-Key` must be a UUID, bare or quoted."),
    "idempotency_in_progress": Entry(
        409, "The first request with this key is still running. Send the same again shortly."
    ),
    "idempotency_key_reused": Entry(409, "This key was used for another request. Use a new UUID for a new request."),
    "idempotency_key_expired": Entry(
        409,
        "Something was made under this key more than 72 hours ago, and its answer is gone. Look for it in the list.",
    ),
    "request_lost": Entry(409, "The first request with this key died before it made anything. Use a new key."),
    # Payments
    "amount_invalid": Entry(400, "The amount must be between 1 and 999,999,999,999 minor units."),
    "currency_unknown": Entry(400, "This is not an ISO 4217 code of a currency one can be charged in."),
    "currency_unsupported": Entry(
        400, "The processor counts this currency in other minor units, so we do not charge it there."
    ),
    "customer_unknown": Entry(400, "There is no such customer of yours."),
    "customer_required": Entry(400, "A card is stored for somebody: name the `customer`."),
    "customer_has_open_money": Entry(
        409, "A customer cannot be erased while money is open. `message` says what is: end it, and erase then."
    ),
    "customer_held": Entry(409, "This customer's charges are on hold."),
    "payment_method_required": Entry(400, "Say which `payment_method` to charge."),
    "payment_method_unknown": Entry(400, "There is no such stored card of this customer, or it was detached."),
    "payment_method_not_new": Entry(
        400, "This payment's method cannot be replaced by the one named: retry it as it was, or make another payment."
    ),
    "payment_method_not_stored": Entry(400, "Off-session only a stored card (`pm_…`) can be charged."),
    "processor_unavailable": Entry(
        400,
        "No account at this processor is set up and enabled, or nobody can read its keys: they are to be entered again.",
    ),
    "processor_unsupported": Entry(400, "This processor is not available."),
    "processor_mismatch": Entry(400, "The card is stored at another processor, and stays there."),
    "payment_in_progress": Entry(
        409, "Another attempt at this payment is open. Wait for its outcome: get the payment, or wait for its event."
    ),
    "state_conflict": Entry(409, "The object's status does not allow this. Get it and look."),
    "card_declined": Entry(402, "The bank said no; `decline_code` says why as far as it told. Ask for another card."),
    "capture_too_large": Entry(400, "More than what is held cannot be captured."),
    "payment_not_capturable": Entry(409, "No money is held for this payment."),
    # Refunds and disputes
    "refund_part_unknown": Entry(
        400, "Only a payment for goods and a subscription together has parts. Leave `part` out."
    ),
    "refund_too_large": Entry(400, "More than what is left of the payment cannot go back; `message` says how much is."),
    "payment_not_refundable": Entry(409, "Only a payment that succeeded can be refunded."),
    "payment_refunded": Entry(409, "All of this payment has gone back already."),
    "payment_disputed": Entry(
        409, "A dispute of this payment is open. Whatever goes back goes back through the dispute."
    ),
    "evidence_required": Entry(400, "Write what the bank should know."),
    "evidence_too_long": Entry(400, "The processor takes less text than this; `message` says how much."),
    "dispute_action_pending": Entry(409, "An answer is on its way to the processor already."),
    "dispute_answered": Entry(409, "The dispute was answered, and the bank decides now."),
    "dispute_closed": Entry(409, "The dispute is over. Nothing can be sent any more."),
    # The catalog and discounts
    "product_unknown": Entry(
        400, "There is no such product of yours, it is archived, or it has no one-time price that is for sale."
    ),
    "price_unknown": Entry(
        400, "There is no such price of yours, it is no longer sold, or it is not of the kind that is asked for."
    ),
    "price_not_recurring": Entry(400, "A subscription needs a price with an `interval`."),
    "price_recurring": Entry(400, "A price with an `interval` is billed by a subscription, not by an invoice by hand."),
    "interval_invalid": Entry(400, "A period lasts at most three years; `message` says how many intervals that are."),
    "time_past": Entry(400, "The time has passed. Choose one to come."),
    "code_taken": Entry(409, "There is such a promotion code already, perhaps an archived one."),
    "tax_rate_exists": Entry(409, "There is a rate for this place already. Archive that one first."),
    "order_not_paid": Entry(409, "Only an order that is paid, and was not refunded, is sent."),
    "order_fulfilled": Entry(409, "Nothing of this order is left to send."),
    "order_refunded": Entry(409, "The order was refunded: its files are not to be fetched any more."),
    "link_expired": Entry(409, "The address works for a day. The order's page has a new one."),
    "downloads_used_up": Entry(409, "The file was fetched as often as it may be."),
    "stock_invalid": Entry(400, "There cannot be fewer than none. `message` says how many there are."),
    "out_of_stock": Entry(409, "There are not so many left. `message` says how many are."),
    "shipping_rate_unknown": Entry(400, "There is no such shipping rate of yours, or it is archived."),
    "shipping_unavailable": Entry(409, "Nothing is sent to that country at the rates there are."),
    "image_invalid": Entry(400, "These bytes are no PNG, JPEG or WebP. What a file calls itself is not asked."),
    "image_too_large": Entry(400, "A picture may have at most 2 MB, and 6,000 pixels each way."),
    "too_many_images": Entry(409, "A product has at most ten pictures. Delete one first."),
    "too_many_rates": Entry(409, "There are as many shipping rates as there may be. Archive one first."),
    "country_unknown": Entry(400, "There is no such country. Use ISO 3166: two capitals, such as `DE`."),
    "days_invalid": Entry(400, "A delivery takes `min_days` to `max_days`, at most 365."),
    "coupon_invalid": Entry(
        400, "There is no such coupon; or it is archived, over, used up, for another currency or for other things."
    ),
    "promotion_code_invalid": Entry(
        400,
        "There is no such code; or it is archived, over, used up, for a first purchase only, or leaves less than a card can pay.",
    ),
    # Subscriptions and invoices
    "quantity_invalid": Entry(400, "A quantity is 1 to 100,000, and comes to no more than can be charged."),
    "currency_mismatch": Entry(400, "Everything that is billed together is in one currency; a subscription keeps its."),
    "nothing_to_change": Entry(400, "The subscription has this price and quantity already."),
    "preview_expired": Entry(400, "A preview is good for an hour, within its period. Make another."),
    "clock_target_invalid": Entry(
        400, "The clock moves forward only, at most five years at once; or nothing is waiting to happen."
    ),
    "clock_is_moving": Entry(409, "The clock is on its way. Ask for it until its `target` is null."),
    "clock_not_allowed": Entry(409, "Only a sandbox all of whose processors are the local sandbox has its own clock."),
    "change_in_progress": Entry(409, "An earlier change is being paid for. Wait for its outcome."),
    "resumes_at_invalid": Entry(400, "A pause ends at a time to come."),
    "invoice_not_payable": Entry(409, "Only an invoice that is `open` or `uncollectible` can be paid."),
    "invoice_with_order": Entry(409, "The invoice is paid together with an order, at the checkout of that."),
    "payment_method_blocked": Entry(409, "The card was declined for good. Ask for another card."),
    "retry_limit_reached": Entry(
        409, "The card network allows no more tries with this card and amount for now. Wait, or ask for another card."
    ),
    "invoice_not_creditable": Entry(409, "Only an invoice that was paid can be credited. Void one that was not."),
    "invoice_credited": Entry(409, "All that was paid of this invoice, or paid by card, has gone back already."),
    "credit_too_large": Entry(400, "More than what is left of the invoice cannot go back; `message` says how much is."),
    # Financing
    "financing_terms_invalid": Entry(400, "The terms of an offer do not go together; `param` and `message` say which."),
    "financing_amount_invalid": Entry(
        400, "The amount cannot be paid in parts: too small, or finer than can be charged."
    ),
    "financing_payment_below_minimum": Entry(400, "A payment of the plan would be less than can be charged."),
    "financing_line_not_positive": Entry(400, "An installment would repay nothing. Fewer of them, or a larger amount."),
    "financing_last_payment_uneven": Entry(
        400, "Rounding would leave a last payment unlike the others. Fewer installments, or a larger amount."
    ),
    "financing_apr_out_of_range": Entry(400, "No annual percentage rate up to 10,000% fits the plan."),
    "disclosure_disagrees": Entry(
        409, "The two APR solvers, or the disclosure and its schedule, disagree. Nothing is quoted or sold so."
    ),
    "financing_offer_not_published": Entry(400, "The offer is a draft or archived: nobody is offered it."),
    "financing_offer_archived": Entry(409, "An archived offer does not change. Restore it first."),
    "financing_interest_not_allowed": Entry(
        409,
        "The offer has interest, fees or more than four payments, which your lending settings do not allow; see `message`.",
    ),
    "financing_interest_in_use": Entry(409, "Published offers need lending at a cost. Unpublish them first."),
    "financing_currency_mismatch": Entry(400, "The offer is for amounts in another currency."),
    "financing_amount_out_of_range": Entry(400, "The offer is for other amounts; `message` says which."),
    "financing_country_not_served": Entry(400, "The offer is not for this country, or `country` is missing."),
    "financing_product_not_served": Entry(400, "The offer is for other products, or `products` is missing."),
    "financing_customer_held": Entry(409, "The customer's charges are held, so they are offered no plan."),
    "financing_limit_reached": Entry(
        409, "The customer, or all together, would owe more under the offer than its cap."
    ),
    # People and their access tokens
    "token_invalid": Entry(401, "This is no access token of ours. Sign in for one."),
    "token_expired": Entry(401, "The access token has expired. Sign in again."),
    "token_revoked": Entry(
        401,
        "The access token no longer holds: a password was changed, or its user left the organization. Sign in again.",
    ),
    "credentials_invalid": Entry(401, "That email and password do not match."),
    "second_factor_required": Entry(401, "This account has a second factor. Send the code of its app too, as `code`."),
    "second_factor_wrong": Entry(401, "The code is not right, or it was used already. Wait for the next one."),
    "second_factor_missing": Entry(
        403, "The organization asks for a second factor, and this user has none. It is set up on the account's page."
    ),
    "second_factor_not_begun": Entry(409, "Begin setting up the second factor first."),
    "second_factor_on": Entry(409, "There is a second factor already."),
    "organization_unavailable": Entry(403, "The user is not a member of such an organization."),
    "user_required": Entry(403, "Only people do this: send an access token instead of an API key."),
    "role_insufficient": Entry(403, "The user's role, which `message` names, does not allow this."),
    "email_invalid": Entry(400, "This is not an email address."),
    "password_missing": Entry(400, "Choose a password."),
    "password_too_short": Entry(400, "A password has at least 12 characters."),
    "password_too_long": Entry(400, "A password has at most 256 characters."),
    "password_too_easy": Entry(400, "This password is easily guessed. Use a few unrelated words."),
    "password_wrong": Entry(400, "This is not the account's password."),
    # Checkout sessions
    "financing_not_offered": Entry(
        400, "No published plan is for what the session sells: see its amount, currency, products."
    ),
    "lines_invalid": Entry(
        400, "A line has a `price`, or a `product`, or a `name` and an `amount`; a session has 1 to 50."
    ),
    "return_url_invalid": Entry(
        400,
        "This is not an address a shopper may be sent to; `message` says why. Use https, in the sandbox also http on localhost.",
    ),
    "expires_at_invalid": Entry(400, "A session may be open for 30 minutes to 24 hours from now."),
    "session_not_open": Entry(409, "The session is complete or expired already."),
    # Organizations, members and keys
    "slug_invalid": Entry(400, "A slug is 1 to 63 small letters, digits and dashes, with no dash at an end."),
    "slug_taken": Entry(409, "Another organization, or another product of yours, has this slug. Choose another."),
    "timezone_unknown": Entry(400, "There is no such time zone. Use a name such as `Europe/Berlin` or `UTC`."),
    "currency_in_use": Entry(
        409, "Amounts in the present currency are set for processor accounts. Clear those before you change it."
    ),
    "role_unknown": Entry(400, "A role is `owner`, `admin` or `viewer`."),
    "member_exists": Entry(409, "This person is a member already."),
    "members_full": Entry(409, "An organization has at most 500 members and open invitations."),
    "last_owner": Entry(409, "An organization needs an owner. Make somebody else an owner first."),
    "sign_in_first": Entry(409, "The invitation is for an account that exists. Sign in to it to join."),
    "scope_unknown": Entry(400, "There is no such scope."),
    "api_key_inactive": Entry(409, "The key no longer works, so it cannot be rotated. Create another."),
    # Platform staff
    "reason_missing": Entry(400, "Staff say why. It is kept in the audit log."),
    "reason_too_long": Entry(400, "A reason has at most 500 characters."),
    "own_account": Entry(409, "Staff do this to others, and another member of staff does it to them."),
    "second_factor_off": Entry(409, "There is no second factor to take off."),
    "user_banned": Entry(409, "The user is banned."),
    # Webhooks
    "url_invalid": Entry(400, "This is not an address a webhook can be sent to; `message` says why."),
    "url_private": Entry(400, "The address is not on the public internet."),
    "events_invalid": Entry(400, "Name event types, families such as `refund.*`, or `*` for all."),
    "overlap_invalid": Entry(400, "The old secret may sign for 0 to 168 hours more."),
    "too_many_endpoints": Entry(409, "There are as many endpoints as there may be. Delete one first."),
    "endpoint_disabled": Entry(409, "The endpoint is disabled. Enable it first."),
    "range_invalid": Entry(400, "The range must begin before it ends."),
    "range_too_long": Entry(400, "The range holds too many events to replay at once. Replay it in parts."),
    "deliveries_invalid": Entry(400, "Name 1 to 100 deliveries."),
    "delivery_under_way": Entry(409, "The delivery is being sent right now. Look at it again shortly."),
    # Our side
    "internal_error": Entry(
        500, "Something failed on our side. Send the same request, with the same key, again; quote `request_id` to us."
    ),
    "unavailable": Entry(
        503, "Our database cannot be reached. Send the same request again after `Retry-After` seconds."
    ),
    # Running plans
    "preview_outdated": Entry(
        409,
        "What the preview showed is not what would happen now. Ask for it again, look, and send its `preview_hash`.",
    ),
    "agreement_not_running": Entry(409, "Only a plan that has begun is serviced; this one is a draft, or canceled."),
    "agreement_closed": Entry(409, "Nothing is owed on this plan any more."),
    "installment_absent": Entry(409, "The plan has no installment of this number."),
    "installment_paid": Entry(409, "Nothing is owed of this installment any more."),
    "date_move_refused": Entry(
        409, "This date cannot be moved: too late, or as often as the lender allows. `message` says which."
    ),
    "date_move_invalid": Entry(400, "The day is not one it can be moved to. `message` says from when to when."),
    "pause_refused": Entry(409, "This plan cannot be paused by who asks, or has nothing that is charged by itself."),
    "pause_invalid": Entry(400, "A pause lasts from one month to as many as the lending settings say."),
    "late_fee_absent": Entry(409, "No late fee is owed here."),
    "settlement_not_less": Entry(400, "The amount pays everything: pay the plan off instead of settling for less."),
    "write_off_refused": Entry(409, "Only a plan that is `delinquent` or `defaulted` is written off."),
    "card_unchanged": Entry(409, "The plan is charged to this card already."),
    "payoff_date_invalid": Entry(
        400, "A payoff is quoted for today or some days ahead: as many as the lending settings say."
    ),
    "received_on_invalid": Entry(400, "A payment is recorded for a day from the start of the plan to today."),
    "financing_amount_too_large": Entry(400, "The amount is more than pays everything. `message` says how much does."),
    "reschedule_refused": Entry(409, "Nothing of this plan is charged by itself, so it has no schedule to change."),
    "reschedule_invalid": Entry(400, "No schedule comes of these numbers. `param` names which, `message` says why."),
    "payment_on_plan": Entry(
        409, "This payment is on an installment plan. Refund the agreement: `POST /financing/agreements/{id}/refunds`."
    ),
}


def to_markdown() -> str:
    """docs/errors.md."""
    rows = "\n".join(
        f'| <a id="error-{code}"></a>`{code}` | {entry.status} | {entry.meaning} |' for code, entry in CATALOG.items()
    )
    return f"{_HEAD}\n{rows}\n{_TAIL}"


_HEAD: Final = """# Errors

Every error of the API has one shape. `code` is stable, `message` is for people and may change, `param` names the field that is wrong,
and `doc_url` leads to the line of this table on the reference page. Every response carries `X-Request-Id`; quote it to us.

```json
{"error": {"type": "card_error", "code": "card_declined", "message": "…", "param": null,
           "request_id": "req_…", "doc_url": "…", "decline_code": "insufficient_funds", "payment": {"…": "…"}}}
```

This page is written by `python -m scripts.write_error_docs`; change `ballast/blueprints/api/error_catalog.py`, not this.

| code | status | what it means |
|---|---|---|"""

_TAIL: Final = """
When a processor refuses a request for a reason that is not the card (its configuration, its credentials), the `type` is
`processor_error`, the status 400 and the code the processor's own. The codes of declines are in [decline-codes.md](decline-codes.md).
"""
