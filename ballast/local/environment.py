"""The environment of the children: what the user set wins, the embedded parts fill the rest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ballast.local.errors import LocalError
from ballast.local.secrets import generate_key, generate_password, load_or_generate

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
LOOPBACK = "127.0.0.1,localhost,::1"
# Setting one name of a group means the whole group is the user's.
STRIPE = ("STRIPE_SECRET_KEY", "STRIPE_API_BASE")
BRAINTREE = ("BRAINTREE_PRIVATE_KEY", "BRAINTREE_BASE_URL")
SQUARE = ("SQUARE_ACCESS_TOKEN", "SQUARE_BASE_URL")
RESEND = ("RESEND_API_KEY", "RESEND_API_URL")
ADDRESSES = ("STRIPE_API_BASE", "BRAINTREE_BASE_URL", "SQUARE_BASE_URL", "RESEND_API_URL")
# As `ballast.config` has it; here it is one sentence before anything starts, there a refusal in every process.
ADDRESS = re.compile(r"https?://[^/\s]", re.IGNORECASE)
ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")


@dataclass(frozen=True)
class Replaced:
    """Which parts of the stack the user replaced by something real."""

    database: bool
    redis: bool
    stripe: bool
    braintree: bool
    square: bool
    resend: bool

    @property
    def sandbox(self) -> bool:
        """Whether nothing is left that the sandbox would have to play."""
        return self.stripe and self.braintree and self.square and self.resend


def read_user_environment(environ: Mapping[str, str], dotenv: Path) -> dict[str, str]:
    """The environment with the names of a `.env` file filled in where it has none; empty values count as not set."""
    merged = _read_dotenv(dotenv) | dict(environ)
    return {name: value for name, value in merged.items() if value}


def check_addresses(user: Mapping[str, str]) -> None:
    """Raises LocalError for an address of a processor or the mail that is none."""
    for name in ADDRESSES:
        if name in user and not ADDRESS.match(user[name]):
            raise LocalError(f"{name} must begin with http:// or https:// and a host; it is {user[name]}.")


def find_replaced(user: Mapping[str, str]) -> Replaced:
    """Which parts the user's environment replaces."""
    return Replaced(
        database="DATABASE_URL" in user,
        redis="REDIS_URL" in user,
        stripe=any(name in user for name in STRIPE),
        braintree=any(name in user for name in BRAINTREE),
        square=any(name in user for name in SQUARE),
        resend=any(name in user for name in RESEND),
    )


def load_secrets(path: Path) -> dict[str, str]:
    """The application's secrets, generated on first use."""
    makers = {"SECRET_KEY": generate_password, "JWT_SECRET": generate_password, "ENCRYPTION_KEY": generate_key}
    return load_or_generate(path, makers)


def describe_sandbox(sandbox: str, replaced: Replaced) -> dict[str, str]:
    """Names that point the processors and the mail at the sandbox's address, but for those the user replaced."""
    names = {"SANDBOX_URL": sandbox}
    if not replaced.stripe:
        names |= {
            "STRIPE_SECRET_KEY": "sk_test_ballast_demo",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_ballast_demo",
            "STRIPE_API_BASE": sandbox,
            "STRIPE_JS_URL": f"{sandbox}/js/stripe/endive/stripe.js",
        }
    if not replaced.braintree:
        names |= {
            "BRAINTREE_MERCHANT_ID": "ballast_demo",
            "BRAINTREE_PUBLIC_KEY": "demo_public",
            "BRAINTREE_PRIVATE_KEY": "demo_private",
            "BRAINTREE_BASE_URL": sandbox,
        }
    if not replaced.square:
        names |= {
            "SQUARE_APPLICATION_ID": "sandbox-sq0idb-ballast_demo",
            "SQUARE_ACCESS_TOKEN": "EAAAEballast_demo",
            "SQUARE_LOCATION_ID": "Lballast_demo",
            "SQUARE_BASE_URL": sandbox,
        }
    if not replaced.resend:
        names |= {
            "RESEND_API_KEY": "re_sandbox_ballast_demo",
            "RESEND_API_URL": sandbox,
            "RESEND_FROM_EMAIL": "Acme Coffee <hello@acme.test>",
        }
    return names


def compose(user: Mapping[str, str], ours: Mapping[str, str], replaced: Replaced) -> dict[str, str]:
    """The children's environment. A proxy is dropped if all foreign calls go to loopback, else told to spare it."""
    composed = {"BALLAST_ENV": "local", "PYTHONUNBUFFERED": "1"} | dict(ours) | dict(user)
    if replaced.stripe or replaced.braintree or replaced.square or replaced.resend:
        composed |= {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}
    else:
        for name in PROXIES:
            composed.pop(name, None)
    return composed


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    found = (ASSIGNMENT.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {match[1]: _unquote(match[2]) for match in found if match}


def _unquote(value: str) -> str:
    for quote in "\"'":
        if value.startswith(quote) and quote in value[1:]:
            return value[1 : value.index(quote, 1)]
    return re.sub(r"\s+#.*$", "", value)
