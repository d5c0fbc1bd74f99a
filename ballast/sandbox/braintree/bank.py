"""What the gateway and the bank say to a charge or to a card that is to be stored.

Sources: developer.paypal.com/braintree/docs/reference/general/testing (amounts) and
/reference/general/processor-responses/authorization-responses (codes, texts, hard and soft).
"""

from dataclasses import dataclass
from typing import Any

from ballast.sandbox.braintree.card_numbers import Facts, check_postal_code, is_expired
from ballast.sandbox.braintree.cards import CARDS
from ballast.sandbox.braintree.markup import Instant, words
from ballast.sandbox.braintree.money import whole, write_amount
from ballast.sandbox.braintree.routes import Call, new_id

TEXTS = {
    "1000": "Approved",
    "2000": "Do Not Honor",
    "2001": "Insufficient Funds",
    "2002": "Limit Exceeded",
    "2003": "Cardholder's Activity Limit Exceeded",
    "2004": "Expired Card",
    "2005": "Invalid Credit Card Number",
    "2006": "Invalid Expiration Date",
    "2007": "No Account",
    "2008": "Card Account Length Error",
    "2009": "No Such Issuer",
    "2010": "Card Issuer Declined CVV",
    "2011": "Voice Authorization Required",
    "2012": "Processor Declined - Possible Lost Card",
    "2013": "Processor Declined - Possible Stolen Card",
    "2014": "Processor Declined - Fraud Suspected",
    "2015": "Transaction Not Allowed",
    "2016": "Duplicate Transaction",
    "2017": "Cardholder Stopped Billing",
    "2018": "Cardholder Stopped All Billing",
    "2019": "Invalid Transaction",
    "2020": "Violation",
    "2021": "Security Violation",
    "2022": "Declined - Updated Cardholder Available",
    "2038": "Processor Declined",
    "2044": "Declined - Call Issuer",
    "2046": "Declined",
    "2047": "Call Issuer. Pick Up Card.",
    "2053": "Card reported as lost or stolen",
    "2057": "Issuer or Cardholder has put a restriction on the card",
    "2099": "Cardholder Authentication Required",
    "3000": "Processor Network Unavailable - Try Again",
}
HARD = frozenset(
    words(
        "2004 2005 2006 2007 2008 2009 2011 2012 2013 2014 2015 2017 2018 2019 2020 2021 2022 2036 2037 2039 2041 "
        "2043 2044 2047 2051 2053 2059 2060 2061 2074 2075 2107 2108"
    )
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a charge ended. `status` is the transaction's; `code` the processor's, None if it was never asked."""

    status: str
    code: str | None = "1000"
    rejection: str | None = None

    @property
    def text(self) -> str | None:
        """Return the processor's words."""
        return TEXTS.get(self.code, "Processor Declined") if self.code else None

    @property
    def kind(self) -> str | None:
        """Return approved, soft_declined or hard_declined."""
        if self.code is None:
            return None
        return "approved" if self.code == "1000" else "hard_declined" if self.code in HARD else "soft_declined"


APPROVED = Verdict("authorized")


def judge(call: Call, amount: int, currency: str, facts: Facts) -> Verdict:
    """Return the verdict on a charge: the gateway's own checks first, then the bank's."""
    card = CARDS[facts["name"]]
    if card.rejects:
        return reject(card.rejects)
    if call.must_decline:
        return decline("2000")
    verdict = judge_amount(int(whole(amount, currency)), f"{whole(amount, currency):.2f}")
    if verdict is not APPROVED:
        return verdict
    if card.declines:
        return decline(card.declines)
    if is_expired(facts, call.now):
        return decline("2004")
    return judge_checks(call, facts)


def judge_amount(units: int, written: str) -> Verdict:
    """Return the verdict that Braintree's sandbox gives to an amount, by its whole units."""
    if 2000 <= units < 3001:
        return decline(str(units))
    if written == "5001.00":
        return reject("application_incomplete")
    return APPROVED


def judge_checks(call: Call, facts: Facts) -> Verdict:
    """Return the verdict by the merchant's own rules for security codes and addresses, which are off unless set."""
    wrong_cvv = facts["cvv"] == "N" and "cvv" in call.merchant["rejects"]
    wrong_avs = check_postal_code(facts["postal_code"]) == "N" and "avs" in call.merchant["rejects"]
    if wrong_cvv or wrong_avs:
        return reject("avs_and_cvv" if wrong_cvv and wrong_avs else "cvv" if wrong_cvv else "avs", "1000")
    return APPROVED


def decline(code: str) -> Verdict:
    """Return the bank's no; 3000 means that it could not be asked."""
    return Verdict("failed" if code == "3000" else "processor_declined", code)


def reject(reason: str, code: str | None = None) -> Verdict:
    """Return the gateway's no."""
    return Verdict("gateway_rejected", code, reason)


def verify(call: Call, facts: Facts) -> dict[str, Any] | None:
    """Return the failed `verification` of a card that its bank will not have stored, or None."""
    verdict = judge(call, 0, str(call.merchant["currency"]), facts)
    if verdict is APPROVED:
        return None
    return {
        "id": new_id(),
        "status": verdict.status,
        "amount": write_amount(0, str(call.merchant["currency"])),
        "currency_iso_code": call.merchant["currency"],
        "processor_response_code": verdict.code,
        "processor_response_text": verdict.text,
        "processor_response_type": verdict.kind,
        "gateway_rejection_reason": verdict.rejection,
        "cvv_response_code": facts["cvv"],
        "avs_postal_code_response_code": check_postal_code(facts["postal_code"]),
        "network_response_code": None,
        "network_response_text": None,
        "three_d_secure_info": None,
        "created_at": Instant(call.now),
        "updated_at": Instant(call.now),
    }
