"""Which webhook addresses at a processor are an installation's own."""

from __future__ import annotations

import pytest

from ballast.processors.urls import is_hook_of_ours

NOW = "https://pay.acme.test/hooks/stripe/pac_2"


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        (NOW, True),
        ("https://pay.acme.test/hooks/stripe/pac_1", True),
        ("https://pay.acme.test:8443/hooks/stripe/pac_1", True),
        ("https://old.acme.test/hooks/stripe/pac_2", True),
        ("https://staging.acme.test/hooks/stripe/pac_1", False),
        ("https://pay.acme.test/hooks/square/pac_1", False),
        ("https://pay.acme.test/erp/hooks/stripe/pac_1", False),
        ("https://elsewhere.test/stripe", False),
        ("", False),
    ],
)
def test_only_what_this_installation_registered_is_replaced(found: str, ours: bool) -> None:
    assert is_hook_of_ours(found, NOW) is ours
