"""Answers that say no: an HTTP status alone, validation errors by place and code, a transaction that did not go through."""

from typing import Any

from ballast.sandbox.braintree.markup import Items

Place = tuple[str, ...]

MESSAGES = {
    "81501": "Amount cannot be negative.",
    "81502": "Amount is required.",
    "81503": "Amount is an invalid format.",
    "81528": "Amount is too large.",
    "81531": "Amount must be greater than zero.",
    "81571": "Failed to authenticate, please try a different form of payment.",
    "81604": "Email is an invalid format.",
    "81709": "Expiration date is required.",
    "81710": "Expiration date is invalid.",
    "81714": "Credit card number is required.",
    "81715": "Credit card number is invalid.",
    "81716": "Credit card number must be 12-19 digits.",
    "81717": "Credit card number is not an accepted test number.",
    "81707": "CVV must be 4 digits for American Express and 3 digits for other card types.",
    "81724": "Duplicate card exists in the vault.",
    "91501": "Order ID is too long.",
    "91504": "Transaction can only be voided if status is authorized, submitted_for_settlement, or - for PayPal - "
    "settlement_pending.",
    "91505": "Cannot refund credit.",
    "91506": "Cannot refund transaction unless it is settled.",
    "91507": "Cannot submit for settlement unless status is authorized.",
    "91508": "Cannot determine payment method.",
    "91510": "Customer ID is invalid.",
    "91511": "Customer does not have any credit cards.",
    "91512": "Transaction has already been completely refunded.",
    "91513": "Merchant account ID is invalid.",
    "91515": "Cannot provide more than one of payment_method_token, payment_method_nonce and credit_card.",
    "91516": "Cannot provide both payment_method_token and customer_id unless the payment_method belongs to the customer.",
    "91518": "Payment method token is invalid.",
    "91521": "Refund amount is too large.",
    "91522": "Settlement amount is too large.",
    "91523": "Transaction type is invalid.",
    "91524": "Transaction type is required.",
    "91564": "Cannot use a payment_method_nonce more than once.",
    "91565": "Unknown or expired payment_method_nonce.",
    "91575": "Cannot simulate transaction settlement: the transaction is not submitted for settlement.",
    "91584": "Merchant account does not match the merchant account of the 3D Secure authentication.",
    "91585": "Amount does not match the amount of the 3D Secure authentication.",
    "915102": "Processor does not support partial settlement.",
    "915103": "Cannot submit for partial settlement.",
    "915133": "Transaction source is invalid.",
    "915230": "ApiRequestKey is too long.",
    "915231": "ApiRequestKey is not allowed.",
    "915232": "ApiRequestKey can be reused only with the same request.",
    "915233": "ApiRequestKey is in flight.",
    "915234": "ApiRequestKey belongs to a request that failed.",
    "915282": "Transaction cannot be reversed at this time.",
    "91609": "Customer ID has already been taken.",
    "91610": "Customer ID is invalid (use only letters, numbers, '-', and '_').",
    "91612": "Customer ID is too long.",
    "91718": "Credit card token is invalid (use only letters, numbers, '-', and '_').",
    "91719": "Credit card token is taken.",
    "91720": "Credit card token is too long.",
    "93102": "Payment method nonce is invalid.",
    "93103": "Nonce is required.",
    "93104": "Customer ID is required.",
    "93105": "Customer ID is invalid.",
    "93107": "Cannot use a payment_method_nonce more than once.",
    "93108": "Unknown or expired payment_method_nonce.",
    "95701": "Evidence can only be attached to disputes that are in an Open state.",
    "95704": "Disputes can only be accepted when they are in an Open state.",
    "95705": "Disputes can only be finalized when they are in an Open state.",
    "92301": "Settlement date is required.",
}


class BraintreeError(Exception):
    """What the API answers instead of a result. `committed`: what was done until then stays."""

    committed = False

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def body(self) -> dict[str, Any]:
        """Return the inside of `<api-error-response>`."""
        return {"errors": {"errors": Items("error", [])}, "message": str(self)}


class Invalid(BraintreeError):
    """Validation errors, each at a place such as ("transaction", "credit_card"); nothing happened."""

    def __init__(self, *faults: tuple[Place, str, str]) -> None:
        super().__init__(422, "\n".join(MESSAGES[code] for _, _, code in faults))
        self.faults = faults

    def body(self) -> dict[str, Any]:
        """Return the errors, nested as they lie."""
        return {"errors": nest(list(self.faults)), "params": {"action": "create"}, "message": str(self)}


class Unsuccessful(BraintreeError):
    """A transaction that was recorded and did not go through, or a verification that failed; `shown` is it, as its `noun`."""

    def __init__(self, noun: str, shown: dict[str, Any], message: str) -> None:
        super().__init__(422, message)
        self.committed = noun == "transaction"
        self.noun = noun
        self.shown = shown

    def body(self) -> dict[str, Any]:
        """Return an error without errors."""
        return super().body() | {self.noun: self.shown}


def invalid(attribute: str, code: str, *place: str) -> Invalid:
    """Return one validation error; its place is the transaction unless another is named."""
    return Invalid((place or ("transaction",), attribute, code))


def missing(noun: str) -> BraintreeError:
    """Return the 404."""
    return BraintreeError(404, f"{noun} not found")


def nest(faults: list[tuple[Place, str, str]]) -> dict[str, Any]:
    """Return errors as a tree: at each place its own `errors` and the places below it."""
    here = [
        {"attribute": attribute, "code": code, "message": MESSAGES[code]}
        for place, attribute, code in faults
        if not place
    ]
    tree: dict[str, Any] = {"errors": Items("error", here)}
    for name in dict.fromkeys(place[0] for place, _, _ in faults if place):
        tree[name] = nest([(place[1:], attribute, code) for place, attribute, code in faults if place[:1] == (name,)])
    return tree
