"""What requests may hold, as the official SDK's own signatures list it; anything else the gateway refuses."""

from typing import Any

from ballast.sandbox.braintree.errors import BraintreeError

# What a parameter may hold: other parameters, None for a plain value, or anything.
Schema = dict[str, Any]
ANY: Schema = {"*": None}


def keys(text: str, **nested: Schema) -> Schema:
    """Return a schema of these words, and of the nested ones."""
    return dict.fromkeys(text.split()) | nested


def check_body(root: str, schema: Schema, body: dict[str, Any]) -> None:
    """Refuse a body with another root, or with a parameter the API does not have. Raises 403, as Braintree does."""
    for name, value in body.items():
        if name != root:
            raise BraintreeError(403, f"Invalid params: {name}")
        check(schema, value, root)


def check(schema: Schema, params: Any, path: str) -> None:
    """Refuse a parameter the API does not have. Raises 403."""
    if schema == ANY or params is None:
        return
    for one in params if isinstance(params, list) else [params]:
        if not isinstance(one, dict):
            raise BraintreeError(403, f"Invalid params: {path}")
        for name, value in one.items():
            check_one(schema, name, value, f"{path}[{name}]")


def check_one(schema: Schema, name: str, value: Any, path: str) -> None:
    """Refuse one parameter that does not exist, or holds others where a plain value is meant. Raises 403."""
    if name not in schema or (schema[name] is None and isinstance(value, dict)):
        raise BraintreeError(403, f"Invalid params: {path}")
    if schema[name]:
        check(schema[name], value, path)


PHONE = keys("country_code national_number")
ADDRESS = keys(
    "first_name last_name company street_address extended_address locality region postal_code country_name "
    "country_code_alpha2 country_code_alpha3 country_code_numeric phone_number",
    international_phone=PHONE,
)
PERSON = keys("first_name last_name company email phone fax website", international_phone=PHONE)
RISK = keys("customer_browser customer_device_id customer_ip customer_location_zip customer_tenure")
THREE_DS = keys(
    "cavv ds_transaction_id eci_flag three_d_secure_version xid authentication_response cavv_algorithm directory_response"
)
DEVICE = keys("device_data device_session_id fraud_merchant_id")
ADYEN = keys("overwrite_brand selected_brand")
INDUSTRY = keys("industry_type", data=ANY)
LINE_ITEM = keys(
    "commodity_code description discount_amount image_url kind name product_code quantity tax_amount total_amount unit_amount "
    "unit_of_measure unit_tax_amount upc_code upc_type url"
)
# Ways to pay that the sandbox does not play; what stands in them is not looked at.
OTHER_WALLETS = dict.fromkeys(("apple_pay_card", "android_pay_card", "paypal_account"), ANY)
