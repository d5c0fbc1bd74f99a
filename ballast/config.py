"""Settings, read once from the environment (and `.env`). docs/configuration.md is written from here by
`python -m scripts.write_configuration`."""

from __future__ import annotations

import base64
import logging
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

log = logging.getLogger(__name__)

# Public on purpose: fit for a first look on one machine and refused in production.
DEFAULT_SECRET = "not-a-secret-change-me"  # noqa: S105
DEFAULT_ENCRYPTION_KEY = base64.b64encode(b"not-a-secret-change-me-32-bytes!").decode()
# RFC 7518, section 3.2: a key of HS256 is at least as long as its hash.
JWT_SECRET_LENGTH = 32
ADDRESS = re.compile(r"https?://[^/\s]", re.IGNORECASE)
SECRET_NAMES = ("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEY")


class ConfigurationError(RuntimeError):
    """The environment does not add up; the message says what to set."""


class Settings(BaseSettings):
    """Typed settings. Field names are the environment's names in lower case."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=False)

    ballast_env: Literal["local", "test", "production"] = Field(
        default="local",
        description="`production` refuses public secrets and sends strict headers; `local` serves files anew",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        description="how browsers and processors reach us; required in production",
    )
    webapp_url: str = Field(
        default="", description="a front end on another origin, whose pages may call the API from a browser"
    )
    admin_url: str = Field(default="", description="another one")
    trusted_proxies: int = Field(
        default=0, ge=0, description="how many reverse proxies in front set `X-Forwarded-*`; `compose.yaml` has one"
    )

    database_url: str = Field(
        default="postgresql://localhost/ballast",
        description="PostgreSQL 16 or newer, as the serving role `ballast_app`",
    )
    database_owner_url: str = Field(
        default="",
        description="as `ballast_owner`, for migrations, to PostgreSQL itself and not to PgBouncer; empty: `DATABASE_URL`",
    )
    database_worker_url: str = Field(
        default="",
        description="as `ballast_worker`, for workers; empty: `DATABASE_URL`. With one address for all, each process takes its "
        "role with SET ROLE",
    )
    database_replica_url: str = Field(
        default="",
        description="as `ballast_app`, a replica that follows: pages of the dashboard that only look are read there. Never what pays",
    )
    database_pooling: Literal["session", "transaction"] = Field(
        default="session", description="`transaction`: between us and PostgreSQL stands PgBouncer in transaction mode"
    )
    database_prepared_statements: bool | None = Field(
        default=None,
        description="empty: on, but off with transaction pooling. On there too with PgBouncer 1.21 or newer and "
        "`max_prepared_statements`",
    )
    redis_url: str = Field(default="redis://localhost:6379/0", description="Valkey, or Redis 6.2 or newer")

    secret_key: str = Field(default=DEFAULT_SECRET, description="signs sessions and links")
    jwt_secret: str = Field(default=DEFAULT_SECRET, description="signs access tokens of the API; 32 bytes or more")
    jwt_expires_in: int = Field(default=604_800, description="how long an access token holds, seconds")
    encryption_key: str = Field(
        default=DEFAULT_ENCRYPTION_KEY,
        description="32 bytes of base64. To rotate, `2:<new>,1:<old>`: the first encrypts, all decrypt",
    )
    sign_in_needs_verified_email: bool | None = Field(
        default=None,
        description="whether signing in waits for the address to be confirmed; empty: in production. Without it, registering and "
        "then signing in tells whether an address had an account",
    )
    secrets_folder: str = Field(
        default="",
        description="a folder of files named as settings (`secret_key`, `stripe_secret_key` …), each holding its value, as Docker, "
        "Kubernetes and vaults mount them; what the environment says comes first",
    )
    second_factor_required: bool = Field(
        default=False, description="members of every organization need a second factor; else each owner decides"
    )
    leaked_passwords_file: str = Field(
        default="",
        description="Have I Been Pwned's SHA-1 list in one file, ordered by hash, as its downloader writes it; empty: a short list "
        "of ours",
    )

    stripe_secret_key: str = Field(
        default="", description="the demo organization's account; others connect in the dashboard"
    )
    stripe_publishable_key: str = Field(default="", description="its key for pages")
    stripe_webhook_secret: str = Field(default="", description="what its events are signed with")
    stripe_api_base: str = Field(default="https://api.stripe.com", description="points the SDK elsewhere")
    stripe_js_url: str = Field(
        default="https://js.stripe.com/endive/stripe.js", description="points the checkout page elsewhere"
    )
    stripe_charges_per_second: float = Field(
        default=80.0, gt=0, description="due charges of an account, all workers together"
    )
    braintree_merchant_id: str = Field(default="", description="the demo organization's account")
    braintree_public_key: str = Field(default="", description="its public key")
    braintree_private_key: str = Field(default="", description="its private key")
    braintree_base_url: str = Field(
        default="", description="points the SDK elsewhere; empty: the address of the account's mode"
    )
    braintree_charges_per_second: float = Field(
        default=10.0, gt=0, description="due charges of an account, all workers together"
    )
    braintree_read_timeout: float = Field(default=65.0, gt=0, description="seconds; its gateway may take 60 to answer")
    square_application_id: str = Field(default="", description="the demo organization's account")
    square_access_token: str = Field(default="", description="its key")
    square_location_id: str = Field(default="", description="its location")
    square_webhook_signature_key: str = Field(default="", description="what its events are signed with")
    square_base_url: str = Field(
        default="", description="points the SDK elsewhere; empty: the address of the account's mode"
    )
    square_charges_per_second: float = Field(
        default=10.0, gt=0, description="due charges of an account, all workers together"
    )
    processor_connect_timeout: float = Field(default=2.0, gt=0, description="seconds, for every processor")
    processor_read_timeout: float = Field(default=30.0, gt=0, description="seconds, for Stripe and Square")
    sandbox_url: str = Field(default="", description="the processor sandbox; only on a local stack")

    resend_api_key: str = Field(default="", description="mail; without it none is sent")
    resend_from_email: str = Field(default="Ballast <onboarding@resend.dev>", description="the sender of every mail")
    resend_api_url: str = Field(default="https://api.resend.com", description="points the SDK elsewhere")

    webhook_timeout: float = Field(default=5.0, gt=0, le=30, description="seconds, at most 30")
    webhook_max_retries: int = Field(default=5, ge=0, description="tries of a delivery after the first")
    webhook_retry_delays: str = Field(
        default="30,120,600,3600,86400",
        description="seconds between them, comma-separated; the last is repeated for more",
    )
    webhook_jitter: float = Field(
        default=0.1, ge=0, le=1, description="up to this part of a delay is added at random; 0 turns it off"
    )

    payment_reminder_days_before: int = Field(
        default=3,
        ge=0,
        description="days before a renewal its customer is told; a week for trials and rare charges. An organization may have its "
        "own",
    )
    rate_limit_default_rpm: int = Field(
        default=1000, gt=0, description="requests an API key may send in any window, unless it has a limit of its own"
    )
    rate_limit_window_seconds: int = Field(default=60, gt=0, description="the window")
    jobs_internal_api_token: str = Field(
        default="", description="what `POST /internal/jobs/<name>` asks for; without it there is nothing there"
    )

    metrics_token: str = Field(
        default="", description="what `GET /metrics` asks for; without it there is nothing there"
    )
    log_format: Literal["text", "json"] | None = Field(
        default=None, description="`text` or `json`, how lines of the log are written; empty: `json` in production"
    )
    sentry_dsn: str = Field(
        default="", description="where errors are told; needs the dependency group `sentry`, which the image has"
    )

    @field_validator("database_url", "database_owner_url", "database_worker_url", "database_replica_url")
    @classmethod
    def use_psycopg3(cls, value: str) -> str:
        for scheme in ("postgresql://", "postgres://"):
            if value.startswith(scheme):
                return "postgresql+psycopg://" + value.removeprefix(scheme)
        return value

    @field_validator("leaked_passwords_file")
    @classmethod
    def is_a_file(cls, value: str) -> str:
        if value and not (Path(value).is_file() and os.access(value, os.R_OK)):
            raise ValueError("there is no such file, or it cannot be read")
        return value

    @field_validator("webhook_retry_delays")
    @classmethod
    def are_seconds(cls, value: str) -> str:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not parts or not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError("give whole seconds, separated by commas, such as 30,120,600")
        return value

    @field_validator(
        "public_url", "sandbox_url", "stripe_api_base", "braintree_base_url", "square_base_url", "resend_api_url"
    )
    @classmethod
    def drop_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("stripe_api_base", "braintree_base_url", "square_base_url", "resend_api_url")
    @classmethod
    def is_an_address(cls, value: str) -> str:
        if value and not ADDRESS.match(value):
            raise ValueError("must begin with http:// or https:// and a host")
        return value

    @cached_property
    def webhook_delays(self) -> tuple[int, ...]:
        """Seconds to wait after the first, second … failed delivery; after the last one comes the dead letter."""
        given = tuple(int(part) for part in self.webhook_retry_delays.split(",") if part.strip())
        return (given + given[-1:] * self.webhook_max_retries)[: self.webhook_max_retries]

    @property
    def is_production(self) -> bool:
        return self.ballast_env == "production"

    @property
    def logs_as(self) -> str:
        """How lines of the log are written: `text` or `json`."""
        return self.log_format or ("json" if self.is_production else "text")

    @property
    def needs_verified_email(self) -> bool:
        """Whether signing in waits for the address to be confirmed. If it does not, registering and then signing in tells whether
        an address had an account."""
        if self.sign_in_needs_verified_email is None:
            return self.is_production
        return self.sign_in_needs_verified_email

    @property
    def prepares_statements(self) -> bool:
        """Whether the driver may prepare statements: not behind PgBouncer in transaction mode, unless told that it follows them there
        (PgBouncer 1.21 or newer with `max_prepared_statements`)."""
        if self.database_prepared_statements is None:
            return self.database_pooling == "session"
        return self.database_prepared_statements

    @property
    def owner_url(self) -> str:
        return self.database_owner_url or self.database_url

    @property
    def worker_url(self) -> str:
        return self.database_worker_url or self.database_url


def load() -> Settings:
    """Read the environment. Warns once for each default in use that a deployment would want to set; raises ConfigurationError in
    production when a secret is missing."""
    settings = _read()
    defaulted = [name for name in SECRET_NAMES if name.lower() not in settings.model_fields_set]
    public = [
        name
        for name in SECRET_NAMES
        if not (value := getattr(settings, name.lower())) or value == DEFAULT_SECRET or DEFAULT_ENCRYPTION_KEY in value
    ]
    if settings.is_production and public:
        raise ConfigurationError(f"Refusing to start in production: set {', '.join(public)} to secrets of your own.")
    if settings.is_production and len(settings.jwt_secret.encode()) < JWT_SECRET_LENGTH:
        raise ConfigurationError(
            f"Refusing to start in production: JWT_SECRET needs {JWT_SECRET_LENGTH} bytes or more."
        )
    if settings.is_production and "public_url" not in settings.model_fields_set:
        raise ConfigurationError("Refusing to start in production: set PUBLIC_URL to the address browsers use.")
    for name in [*defaulted, *(n for n in ("DATABASE_URL", "REDIS_URL") if n.lower() not in settings.model_fields_set)]:
        log.warning("%s is not set: using the default, which is fit for this machine only", name)
    return settings


def _read() -> Settings:
    """The environment, `.env`, and the files of SECRETS_FOLDER, in this order. Raises ConfigurationError without the folder."""
    found = Settings()
    if not found.secrets_folder:
        return found
    if not Path(found.secrets_folder).is_dir():
        raise ConfigurationError(f"SECRETS_FOLDER names no folder that can be read: {found.secrets_folder}")
    return Settings(_secrets_dir=found.secrets_folder)


_current: Settings | None = None


def use(settings: Settings) -> None:
    """Make these the settings of this process."""
    global _current
    _current = settings


def current() -> Settings:
    """The settings of this process. Raises ConfigurationError before create_app() has run."""
    if _current is None:
        raise ConfigurationError("no settings yet: call create_app() first")
    return _current
