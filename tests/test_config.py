"""Settings: what a deployment must say, and what it is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from ballast import config
from ballast.config import ConfigurationError, Settings

SECRETS = {
    "SECRET_KEY": "a long secret of our own",
    "JWT_SECRET": "another long secret of our own, long enough",
    "ENCRYPTION_KEY": "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but the test's own, and no `.env` in sight."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def production(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> None:
    monkeypatch.setenv("BALLAST_ENV", "production")
    monkeypatch.setenv("PUBLIC_URL", "https://pay.example")
    for name, value in {**SECRETS, **changed}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


def test_production_starts_with_secrets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch)
    assert config.load().is_production


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("kind", ["missing", "empty", "default"])
def test_production_refuses_a_secret_that_is_not_one(monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    default = config.DEFAULT_ENCRYPTION_KEY if name == "ENCRYPTION_KEY" else config.DEFAULT_SECRET
    production(monkeypatch, **{name: {"missing": None, "empty": "", "default": default}[kind]})
    with pytest.raises(ConfigurationError, match=name) as refused:
        config.load()
    assert [other for other in SECRETS if other in str(refused.value)] == [name]


def test_production_refuses_the_default_encryption_key_under_any_id_and_beside_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for spec in (
        f"1:{config.DEFAULT_ENCRYPTION_KEY}",
        f"{SECRETS['ENCRYPTION_KEY']},old:{config.DEFAULT_ENCRYPTION_KEY}",
    ):
        production(monkeypatch, ENCRYPTION_KEY=spec)
        with pytest.raises(ConfigurationError, match="ENCRYPTION_KEY"):
            config.load()


def test_the_refusal_does_not_repeat_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch, JWT_SECRET=None)
    with pytest.raises(ConfigurationError) as refused:
        config.load()
    assert not any(secret in str(refused.value) for secret in SECRETS.values())


def test_each_default_in_use_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ballast.config"):
        config.load()
    told = [record.getMessage().split(" ")[0] for record in caplog.records]
    assert sorted(told) == ["DATABASE_URL", "ENCRYPTION_KEY", "JWT_SECRET", "REDIS_URL", "SECRET_KEY"]


def test_nothing_is_warned_of_when_everything_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    production(monkeypatch, DATABASE_URL="postgresql://db.example/ballast", REDIS_URL="redis://cache.example/0")
    with caplog.at_level(logging.WARNING, "ballast.config"):
        config.load()
    assert caplog.records == []


def test_the_shipped_default_keys_work_locally() -> None:
    from ballast.security import Keyring

    assert Keyring(config.DEFAULT_ENCRYPTION_KEY).decrypt(Keyring(config.DEFAULT_ENCRYPTION_KEY).encrypt("x", "c"), "c")


@pytest.mark.parametrize("given", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_every_postgres_address_uses_psycopg_3(given: str) -> None:
    assert Settings(_env_file=None, database_url=given).database_url == "postgresql+psycopg://u:p@h/d"


def test_one_database_address_is_enough() -> None:
    one = Settings(_env_file=None, database_url="postgresql://h/d")
    assert one.owner_url == one.worker_url == one.database_url


@pytest.mark.parametrize(
    ("delays", "retries", "expected"),
    [("30,120,600", 5, (30, 120, 600, 600, 600)), ("30,120,600", 2, (30, 120)), ("1, 2 ,", 3, (1, 2, 2)), ("1", 0, ())],
)
def test_webhook_delays_are_as_many_as_there_may_be_retries(
    delays: str, retries: int, expected: tuple[int, ...]
) -> None:
    settings = Settings(_env_file=None, webhook_retry_delays=delays, webhook_max_retries=retries)
    assert settings.webhook_delays == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BALLAST_ENV", "prod"),
        ("TRUSTED_PROXIES", "-1"),
        ("WEBHOOK_TIMEOUT", "0"),
        ("PROCESSOR_READ_TIMEOUT", "soon"),
        ("RATE_LIMIT_DEFAULT_RPM", "0"),
    ],
)
def test_a_setting_out_of_range_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name.lower()):
        config.load()


def test_asking_for_settings_before_there_are_any_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_current", None)
    with pytest.raises(ConfigurationError, match="create_app"):
        config.current()


@pytest.mark.parametrize("delays", ["", "30s,2m", "soon", "-1", "1.5"])
def test_webhook_delays_that_are_no_seconds_are_refused_at_the_start(delays: str) -> None:
    with pytest.raises(ValidationError, match="whole seconds"):
        Settings(_env_file=None, webhook_retry_delays=delays)


@pytest.mark.parametrize("name", ["stripe_api_base", "braintree_base_url", "square_base_url", "resend_api_url"])
@pytest.mark.parametrize("address", ["127.0.0.1:9999", "ftp://example.com", "https://", "example.com"])
def test_an_address_of_a_processor_that_is_none_is_refused_at_the_start(name: str, address: str) -> None:
    with pytest.raises(ValidationError, match=f"{name}\n.*must begin with http:// or https://"):
        Settings(_env_file=None, **{name: address})  # type: ignore[arg-type]


def test_production_refuses_to_start_without_the_address_browsers_use(monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch)
    monkeypatch.delenv("PUBLIC_URL")
    with pytest.raises(ConfigurationError, match="PUBLIC_URL"):
        config.load()


def test_production_refuses_a_jwt_secret_shorter_than_its_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch, JWT_SECRET="only twenty-nine characters..")
    with pytest.raises(ConfigurationError, match="JWT_SECRET needs 32 bytes"):
        config.load()


@pytest.mark.parametrize(("given", "waits"), [(None, True), ("false", False), ("true", True)])
def test_signing_in_waits_for_a_confirmed_address_in_production_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, given: str | None, waits: bool
) -> None:
    production(monkeypatch, SIGN_IN_NEEDS_VERIFIED_EMAIL=given)
    assert config.load().needs_verified_email is waits


def test_secrets_are_read_from_files_that_a_vault_mounts_and_the_environment_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in SECRETS.items():
        (tmp_path / name.lower()).write_text(f"{value}\n")
    production(monkeypatch, **dict.fromkeys(SECRETS), SECRETS_FOLDER=str(tmp_path))
    assert {name: getattr(config.load(), name.lower()) for name in SECRETS} == SECRETS
    monkeypatch.setenv("SECRET_KEY", "another one of our own")
    assert config.load().secret_key == "another one of our own"
    monkeypatch.setenv("SECRETS_FOLDER", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="SECRETS_FOLDER"):
        config.load()
