"""Currencies, the least and the most that may be charged, and the fee.

Sources: docs.stripe.com/currencies (supported currencies, zero-decimal and three-decimal ones, minimum amounts).
"""

from ballast.sandbox.stripe.errors import refuse_parameter

SUPPORTED = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd "
    "cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq "
    "gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd "
    "lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk "
    "php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top "
    "try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw"
)
CURRENCIES = frozenset(SUPPORTED.split())
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
LEAST = {
    **dict.fromkeys(("usd", "aud", "brl", "cad", "chf", "eur", "inr", "nzd", "sgd"), 50),
    **{"aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "jpy": 50},
    **{"mxn": 1000, "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000},
}
MOST = 99_999_999
MOST_OF_SMALL_UNITS = 999_999_999_999
SMALL_UNITS = frozenset(("clp", "cop", "huf", "idr", "inr", "jpy", "krw", "lbp", "pyg", "ugx", "vnd"))


def check_money(amount: int, currency: str) -> None:
    """Raise the 400 for a currency that is not supported, or an amount too small, too large or too fine."""
    if currency not in CURRENCIES:
        listed = ", ".join(sorted(CURRENCIES))
        raise refuse_parameter(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: {listed}", "currency"
        )
    check_amount(amount, currency)


def check_amount(amount: int, currency: str) -> None:
    """Raise the 400 for an amount, in minor units of a supported currency, that cannot be charged."""
    if amount < 1:
        raise refuse_parameter("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if amount < LEAST.get(currency, 1):
        least = f"{format_amount(LEAST[currency], currency)} {currency}"
        raise refuse_parameter(f"Amount must be at least {least}", "amount", "amount_too_small")
    if amount > (MOST_OF_SMALL_UNITS if currency in SMALL_UNITS else MOST):
        most = format_amount(MOST, currency)
        raise refuse_parameter(f"Amount must be no more than {most} {currency}", "amount", "amount_too_large")
    if currency in THREE_DECIMAL and amount % 10:
        message = f"Amounts in {currency} must be a multiple of 10: the last of their three decimals is not supported."
        raise refuse_parameter(message, "amount", "parameter_invalid_integer")


def decimals(currency: str) -> int:
    """Return how many decimals an amount in minor units of this currency has."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def format_amount(amount: int, currency: str) -> str:
    """Write an amount with its decimals, for people."""
    places = decimals(currency)
    whole, rest = divmod(abs(amount), 10**places)
    sign = "−" if amount < 0 else ""
    return f"{sign}{whole:,}.{rest:0{places}d}" if places else f"{sign}{whole:,}"


def fee_of(amount: int) -> int:
    """Return 2.9 % of the amount, halves up, plus 30 minor units, but never more than the amount."""
    return min(amount, (amount * 29 + 500) // 1000 + 30)
