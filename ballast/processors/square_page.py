"""What Square's scripts need of the page they run on."""

from __future__ import annotations

from typing import Final

from ballast.processors.urls import Policy

PRODUCTION: Final = "https://connect.squareup.com"
SANDBOX: Final = "https://connect.squareupsandbox.com"
LIBRARIES: Final = {
    PRODUCTION: "https://web.squarecdn.com/v1/square.js",
    SANDBOX: "https://sandbox.web.squarecdn.com/v1/square.js",
}


def policy(base: str) -> Policy:
    """Square's own origins. A bank's challenge may come from anywhere, and its first form is sent from the page.

    Source: developer.squareup.com/docs/web-payments/content-security-policy.
    """
    library = LIBRARIES[base].removesuffix("/v1/square.js")
    return (
        ("script-src", (library,)),
        ("frame-src", (library, "https:")),
        ("connect-src", (library, base, base.replace("//connect", "//pci-connect"), "https://*.ingest.sentry.io")),
        ("style-src", (library, "'unsafe-inline'")),
        (
            "font-src",
            (library, "https://square-fonts-production-f.squarecdn.com", "https://d1g145x70srn7h.cloudfront.net"),
        ),
        ("form-action", ("https:",)),
    )
