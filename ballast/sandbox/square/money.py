"""Currencies as Square writes them."""

KNOWN = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BZD CAD CDF CHF "
    "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD "
    "MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR "
    "RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW"
)
CURRENCIES = frozenset(KNOWN.split())
COUNTRIES = {
    "USD": "US",
    "CAD": "CA",
    "GBP": "GB",
    "EUR": "IE",
    "AUD": "AU",
    "JPY": "JP",
    "KWD": "KW",
    "INR": "IN",
}
# Source: developer.squareup.com/docs/build-basics/working-with-monetary-amounts; what one payment may be at most.
MOST = 9_999_999_999


def of(amount: int, currency: str) -> dict[str, int | str]:
    """Return Square's `Money`."""
    return {"amount": amount, "currency": currency}
