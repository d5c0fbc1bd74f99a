"""The ways in which an issuer says no, worded as Stripe words them.

Source: docs.stripe.com/testing and docs.stripe.com/declines/codes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decline:
    """An error of type `card_error`; `network_code` is the issuer's own two characters."""

    code: str
    message: str
    decline_code: str | None = None
    advice_code: str | None = None
    network_code: str | None = None
    blocked: bool = False


LATER, NEVER, CONFIRM = "try_again_later", "do_not_try_again", "confirm_card_data"
DECLINED = "Your card was declined."

DECLINES = {
    "generic_decline": Decline("card_declined", DECLINED, "generic_decline", LATER, "01"),
    "insufficient_funds": Decline(
        "card_declined", "Your card has insufficient funds.", "insufficient_funds", LATER, "51"
    ),
    "lost_card": Decline("card_declined", DECLINED, "lost_card", NEVER, "41"),
    "stolen_card": Decline("card_declined", DECLINED, "stolen_card", NEVER, "43"),
    "card_velocity_exceeded": Decline(
        "card_declined",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        "card_velocity_exceeded",
        LATER,
        "61",
    ),
    "expired_card": Decline("expired_card", "Your card has expired.", "expired_card", CONFIRM, "54"),
    "incorrect_cvc": Decline(
        "incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc", CONFIRM, "N7"
    ),
    "incorrect_number": Decline("incorrect_number", "Your card number is incorrect.", None, CONFIRM),
    "processing_error": Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "processing_error",
        LATER,
        "06",
    ),
    "fraudulent": Decline("card_declined", DECLINED, "fraudulent", NEVER, None, blocked=True),
    "authentication_required": Decline(
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        "authentication_required",
        None,
        "1A",
    ),
    "lookup_error": Decline("card_declined", DECLINED, "generic_decline", LATER, "01"),
    "test_mode_live_card": Decline(
        "card_declined",
        "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test "
        "cards, visit: https://stripe.com/docs/testing.",
        "test_mode_live_card",
    ),
    "invalid_cvc": Decline("invalid_cvc", "Your card's security code is invalid."),
    "invalid_expiry_month": Decline("invalid_expiry_month", "Your card's expiration month is invalid."),
    "invalid_expiry_year": Decline("invalid_expiry_year", "Your card's expiration year is invalid."),
    "invalid_number": Decline("invalid_number", "The card number is not a valid credit card number."),
}

AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
SETUP_AUTHENTICATION_FAILED = Decline("setup_intent_authentication_failure", AUTHENTICATION_FAILED.message)
