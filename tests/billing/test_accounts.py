"""Accounts at the processors: keys are tried before they are stored, belong to one account, and are never told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from ballast.billing import accounts, demo, routing
from ballast.billing.account_fields import read_fields
from ballast.billing.routing import Route
from ballast.db import db, end_reading, organization, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest, NotFound, ProcessorError
from ballast.ids import new_id
from ballast.models import AuditEntry, Organization, PaymentMethod, ProcessorAccount
from ballast.sandbox.braintree.merchants import LISTED
from tests.billing.acts import rows
from tests.world import Merchant, World

STRIPE = {"publishable_key": "pk_test_second", "secret_key": "sk_test_second"}
BRAINTREE = {"merchant_id": "ballast_second", "public_key": "public", "secret_key": "private"}
SQUARE = {
    "publishable_key": "sandbox-sq0idb-second",
    "secret_key": "EAAAEsecond",
    "location_id": "Lsecond",
    "webhook_secret": "signed-with-this",
}
GIVEN = {"stripe": STRIPE, "braintree": BRAINTREE, "square": SQUARE}
OPENS = {"stripe": "acct_second", "braintree": "ballast_second", "square": "Lsecond"}


@pytest.fixture
def acme(world: World) -> Iterator[Merchant]:
    """Acme, with the context working for it."""
    with organization(world.acme.id):
        yield world.acme
    db.session.rollback()


def house(merchant: Merchant) -> Organization:
    return db.session.scalars(select(Organization).where(Organization.id == merchant.id)).one()


def connect(merchant: Merchant, processor: str = "stripe", **changes: str) -> str:
    return accounts.connect(house(merchant), processor, GIVEN[processor] | changes)


def all_of(merchant: Merchant) -> list[ProcessorAccount]:
    db.session.rollback()
    return accounts.all_of(merchant.id)


def refused(act: Callable[[], Any], kind: type[BallastError]) -> BallastError:
    with pytest.raises(kind) as caught:
        act()
    db.session.rollback()
    return caught.value


def change(act: Callable[[], Any]) -> None:
    end_reading()
    with transaction():
        act()


def written(world: World, verb: str) -> list[dict[str, Any]]:
    """What the audit log says of an act, oldest first."""
    return [one.changes for one in rows(world, AuditEntry) if one.action == f"processor_account.{verb}"]


# --- Connecting --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processor", GIVEN)
def test_keys_that_work_open_an_account_known_by_the_processors_own_name(
    world: World, acme: Merchant, processor: str
) -> None:
    account_id = connect(acme, processor)
    account = accounts.find(acme.id, account_id)
    assert account.external_account == OPENS[processor]
    assert (account.mode, account.enabled, account.is_default, account.share) == ("test", True, False, 0)
    assert (account.problem, account.checked_at is not None) == (None, True)
    assert accounts.unseal(account)["secret_key"] == GIVEN[processor]["secret_key"]
    assert written(world, "added")[-1] == {"processor": processor, "external_account": OPENS[processor]}


@pytest.mark.parametrize("processor", GIVEN)
def test_no_secret_is_stored_in_the_open_or_written_into_the_audit_log(
    world: World, acme: Merchant, processor: str
) -> None:
    account_id = connect(acme, processor)
    accounts.change_keys(house(acme), account_id, GIVEN[processor])
    accounts.check(acme.id, account_id)
    account = accounts.find(acme.id, account_id)
    secrets = [value for value in accounts.unseal(account).values() if value]
    assert [secret for secret in secrets if secret.encode() in account.credentials] == []
    seen = [json.dumps(account.public_config), *(json.dumps(one.changes) for one in rows(world, AuditEntry))]
    assert [text for text in seen for secret in secrets if f'"{secret}"' in text] == []


@pytest.mark.parametrize(
    ("processor", "wrong", "field", "says"),
    [
        ("stripe", {"secret_key": "sk_test_"}, "secret_key", "did not accept the secret key"),
        ("braintree", {"merchant_id": "somebody"}, "secret_key", "refused these keys (authentication)"),
        ("square", {"secret_key": "EAAA"}, "secret_key", "did not accept the access token"),
        ("square", {"location_id": "Lelsewhere"}, "location_id", "has no location Lelsewhere"),
    ],
)
def test_keys_that_open_nothing_are_refused_at_their_field_and_not_stored(
    acme: Merchant, processor: str, wrong: dict[str, str], field: str, says: str
) -> None:
    error = refused(lambda: connect(acme, processor, **wrong), InvalidRequest)
    assert (error.code, error.param) == ("processor_credentials_invalid", field)
    assert says in error.message
    assert len(all_of(acme)) == 1


@pytest.mark.parametrize("processor", GIVEN)
@pytest.mark.parametrize("kind", ["reset_before", "error_before"])
def test_a_processor_that_does_not_answer_is_said_to_and_nothing_is_stored(
    world: World, acme: Merchant, processor: str, kind: str
) -> None:
    world.fault(processor=processor, kind=kind)
    error = refused(lambda: connect(acme, processor), ProcessorError)
    assert error.code == "processor_unreachable"
    assert "Nothing was stored" in error.message
    assert len(all_of(acme)) == 1


@pytest.mark.parametrize("processor", GIVEN)
def test_a_test_that_lost_one_answer_asks_again(world: World, acme: Merchant, processor: str) -> None:
    world.fault(processor=processor, kind="reset_before", count=1)
    assert accounts.find(acme.id, connect(acme, processor)).problem is None


@pytest.mark.parametrize(
    ("processor", "field", "value"),
    [
        ("stripe", "publishable_key", "pk_live_second"),
        ("stripe", "secret_key", "sk_live_second"),
        ("stripe", "secret_key", "rk_live_second"),
        ("square", "publishable_key", "sq0idp-second"),
        ("square", "secret_key", "sq0atp-second"),
    ],
)
def test_a_live_key_in_a_sandbox_organization_is_refused_and_leaves_for_nowhere(
    world: World, acme: Merchant, processor: str, field: str, value: str
) -> None:
    world.fault(processor=processor, kind="reset_before")
    error = refused(lambda: connect(acme, processor, **{field: value}), InvalidRequest)
    assert (error.code, error.param) == ("processor_mode_mismatch", field)
    assert error.message.startswith("This is a live ")
    assert "takes test keys only" in error.message


LIVE = {
    "stripe": {"publishable_key": "pk_live_second", "secret_key": "sk_live_second"},
    "square": SQUARE | {"publishable_key": "sq0idp-second", "secret_key": "EAAAlive"},
}


@pytest.mark.parametrize(
    ("processor", "field", "value"),
    [
        ("stripe", "publishable_key", "pk_test_second"),
        ("stripe", "secret_key", "sk_test_second"),
        ("stripe", "secret_key", "rk_test_second"),
        ("square", "publishable_key", "sandbox-sq0idb-second"),
        ("square", "secret_key", "sandbox-sq0atb-second"),
    ],
)
def test_a_test_key_in_a_live_organization_is_refused(acme: Merchant, processor: str, field: str, value: str) -> None:
    change(lambda: db.session.execute(update(Organization).where(Organization.id == acme.id).values(mode="live")))
    given = LIVE[processor] | {field: value}
    error = refused(lambda: accounts.connect(house(acme), processor, given), InvalidRequest)
    assert (error.code, error.param) == ("processor_mode_mismatch", field)
    assert "takes live keys only" in error.message
    assert read_fields(processor, "live", LIVE[processor])


@pytest.mark.parametrize(
    ("processor", "field", "value", "code"),
    [
        ("stripe", "secret_key", "", "processor_field_required"),
        ("stripe", "secret_key", "pk_test_second", "processor_field_invalid"),
        ("stripe", "publishable_key", "nonsense", "processor_field_invalid"),
        ("stripe", "webhook_secret", "nonsense", "processor_field_invalid"),
        ("braintree", "merchant_id", " ", "processor_field_required"),
        ("braintree", "public_key", "x" * 2001, "processor_field_invalid"),
        ("square", "location_id", "L\x07", "processor_field_invalid"),
        ("stripe", "secret_key", "sk_test_💥", "processor_field_invalid"),
        ("stripe", "publishable_key", "pk_test_a b", "processor_field_invalid"),
        ("braintree", "secret_key", "schlüssel", "processor_field_invalid"),
        ("braintree", "merchant_id", "a/../b", "processor_field_invalid"),
        ("braintree", "merchant_id", "ballast?x", "processor_field_invalid"),
        ("square", "location_id", "L/../payments", "processor_field_invalid"),
        ("braintree", "merchant_accounts", "rubbish", "processor_field_invalid"),
        ("braintree", "merchant_accounts", "USD:", "processor_field_invalid"),
        ("braintree", "merchant_accounts", "USD:a, USD:b", "processor_field_invalid"),
        ("braintree", "merchant_accounts", "ZZZ:a_zzz", "processor_field_invalid"),
        ("braintree", "merchant_accounts", "USD:nosuch", "processor_credentials_invalid"),
        ("braintree", "merchant_accounts", "USD:eur", "processor_credentials_invalid"),
        ("square", "name", "4242 4242 4242 4242", "card_number_refused"),
        ("paypal", "secret_key", "x", "processor_unknown"),
    ],
)
def test_what_is_no_key_is_told_by_its_field(acme: Merchant, processor: str, field: str, value: str, code: str) -> None:
    given = GIVEN.get(processor, {}) | {field: value}
    error = refused(lambda: accounts.connect(house(acme), processor, given), InvalidRequest)
    assert (error.code, error.param) == (code, "processor" if code == "processor_unknown" else field)


@pytest.mark.parametrize("processor", GIVEN)
def test_an_account_belongs_to_one_organization(world: World, acme: Merchant, processor: str) -> None:
    connect(acme, processor)
    assert refused(lambda: connect(acme, processor), Conflict).code == "processor_account_taken"
    db.session.rollback()
    with organization(world.stranger.id):
        error = refused(lambda: connect(world.stranger, processor), Conflict)
        assert (error.code, error.status) == ("processor_account_taken", 409)
        assert "One account belongs to one organization." in error.message
        assert len(all_of(world.stranger)) == 1


def test_the_first_account_takes_all_new_cards_and_a_later_one_none(world: World, acme: Merchant) -> None:
    first = accounts.find(acme.id, acme.account_id)
    assert (first.is_default, first.share) == (True, 100)
    change(lambda: accounts.enable(acme.id, acme.account_id, False))
    second = accounts.find(acme.id, connect(acme, "square"))
    assert (second.is_default, second.share) == (False, 0)


# --- Keys --------------------------------------------------------------------------------------------------------------------


def test_new_keys_of_the_same_account_take_the_old_ones_place_and_an_empty_secret_stays(
    world: World, acme: Merchant
) -> None:
    account_id = connect(acme, webhook_secret="whsec_kept")
    accounts.change_keys(house(acme), account_id, STRIPE | {"secret_key": "rk_test_second", "webhook_secret": ""})
    found = accounts.unseal(accounts.find(acme.id, account_id))
    assert (found["secret_key"], found["webhook_secret"]) == ("rk_test_second", "whsec_kept")
    assert written(world, "credentials_replaced") == [{"secrets_replaced": ["secret_key"]}]
    accounts.change_keys(house(acme), account_id, STRIPE | {"secret_key": "", "webhook_secret": ""})
    assert len(written(world, "credentials_replaced")) == 1, "nothing was replaced the second time"


@pytest.mark.parametrize(
    ("processor", "others"),
    [
        ("stripe", {"secret_key": "sk_test_third"}),
        ("braintree", {"merchant_id": "ballast_third"}),
        ("square", {"secret_key": "EAAAEthird", "location_id": "Lthird"}),
    ],
)
def test_the_keys_of_another_account_are_refused_for_tokens_belong_to_one(
    world: World, acme: Merchant, processor: str, others: dict[str, str]
) -> None:
    account_id = connect(acme, processor)
    given = GIVEN[processor] | others
    error = refused(lambda: accounts.change_keys(house(acme), account_id, given), InvalidRequest)
    assert error.code == "processor_account_other"
    assert error.param in others
    assert accounts.unseal(accounts.find(acme.id, account_id))["secret_key"] == GIVEN[processor]["secret_key"]
    assert written(world, "credentials_replaced") == []


def test_keys_that_do_not_work_leave_the_old_ones(world: World, acme: Merchant) -> None:
    account_id = connect(acme)
    for kind, error in (("error_before", ProcessorError), ("reset_before", ProcessorError)):
        world.fault(kind=kind)
        refused(lambda: accounts.change_keys(house(acme), account_id, STRIPE), error)
        world.forget_faults()
    assert accounts.unseal(accounts.find(acme.id, account_id))["secret_key"] == STRIPE["secret_key"]


def test_keys_whose_seal_is_broken_can_be_entered_anew(acme: Merchant) -> None:
    account_id = connect(acme)
    change(lambda: setattr(accounts.find(acme.id, account_id), "credentials", b"9:nothing"))
    assert "Enter them again" in str(accounts.check(acme.id, account_id).problem)
    assert refused(lambda: accounts.listen(acme.id, account_id), Conflict).code == "processor_keys_unreadable"
    accounts.change_keys(house(acme), account_id, STRIPE)
    assert accounts.check(acme.id, account_id).problem is None


# --- Testing and webhooks ----------------------------------------------------------------------------------------------------


def test_a_test_notes_what_came_of_it(world: World, acme: Merchant) -> None:
    account_id = connect(acme)
    world.fault(kind="reset_before")
    assert "did not answer" in str(accounts.check(acme.id, account_id).problem)
    assert "did not answer" in str(accounts.find(acme.id, account_id).problem)
    world.forget_faults()
    assert accounts.check(acme.id, account_id).problem is None
    assert accounts.find(acme.id, account_id).problem is None
    assert [bool(entry["problem"]["after"]) for entry in written(world, "checked")] == [True, False]


@pytest.mark.parametrize(
    ("processor", "changes", "takes"),
    [
        ("stripe", {}, []),
        ("square", {}, ["USD"]),
        ("braintree", {"merchant_accounts": "eur:eur, usd:usd"}, ["EUR", "USD"]),
        ("braintree", {}, [*LISTED]),
    ],
)
def test_an_account_knows_which_currencies_it_takes(
    acme: Merchant, processor: str, changes: dict[str, str], takes: list[str]
) -> None:
    account_id = connect(acme, processor, **changes)
    assert accounts.find(acme.id, account_id).takes_currencies == takes
    change(lambda: setattr(accounts.find(acme.id, account_id), "takes_currencies", ["JPY"]))
    assert accounts.check(acme.id, account_id).problem is None
    db.session.rollback()
    assert accounts.find(acme.id, account_id).takes_currencies == takes


def test_merchant_accounts_are_kept_in_one_way_of_writing(acme: Merchant) -> None:
    account_id = connect(acme, "braintree", merchant_accounts=" usd : usd,EUR:eur,")
    assert accounts.find(acme.id, account_id).public_config["merchant_accounts"] == "USD:usd, EUR:eur"


def test_merchant_accounts_that_are_there_no_more_are_a_problem(acme: Merchant) -> None:
    account_id = connect(acme, "braintree", merchant_accounts="USD:usd")
    account = accounts.find(acme.id, account_id)
    gone = account.public_config | {"merchant_accounts": "USD:nosuch"}
    change(lambda: setattr(accounts.find(acme.id, account_id), "public_config", gone))
    found = accounts.check(acme.id, account_id)
    assert found.problem == "This Braintree merchant has no active merchant account nosuch in USD."


def test_the_demo_says_which_keys_of_the_environment_are_of_no_use(
    world: World, acme: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for processor, names in demo.ENVIRONMENT.items():
        for field, name in names.items():
            monkeypatch.setattr(world.settings, name.lower(), GIVEN[processor].get(field, ""))
    monkeypatch.setattr(world.settings, "stripe_secret_key", "")
    monkeypatch.setattr(world.settings, "braintree_merchant_id", "")
    monkeypatch.setattr(world.settings, "square_access_token", "EAAA")
    end_reading()
    assert demo._connect_processors(acme.id) == [
        "Stripe is left out, see STRIPE_SECRET_KEY in the environment: Enter the secret key.",
        "Braintree is left out, see BRAINTREE_MERCHANT_ID in the environment: Enter the merchant ID.",
        "Square will not work with the keys in the environment: Square did not accept the access token.",
    ]


def test_an_account_that_nobody_has_tried_learns_its_name_from_the_processor(world: World, acme: Merchant) -> None:
    assert accounts.find(acme.id, acme.account_id).external_account == "pk_test_acme"
    accounts.check(acme.id, acme.account_id)
    assert accounts.find(acme.id, acme.account_id).external_account == "acct_ballast_tests_acme"


def test_a_name_that_another_organization_has_already_is_a_problem_and_no_crash(world: World, acme: Merchant) -> None:
    db.session.rollback()
    with organization(world.stranger.id):
        given = {"publishable_key": "pk_test_other_acme", "secret_key": "sk_test_ballast_tests_acme"}
        accounts.connect(house(world.stranger), "stripe", given)
        db.session.rollback()
    assert "connected to Ballast already" in str(accounts.check(acme.id, acme.account_id).problem)
    assert accounts.find(acme.id, acme.account_id).external_account == "pk_test_acme"


def test_keys_that_were_moved_to_another_account_behind_our_back_are_found_out(acme: Merchant) -> None:
    account_id = connect(acme)
    account = accounts.find(acme.id, account_id)
    change(lambda: accounts.seal(accounts.find(acme.id, account.id), {"secret_key": "sk_test_third"}))
    assert "another Stripe account, acct_third" in str(accounts.check(acme.id, account_id).problem)


@pytest.mark.parametrize("processor", ["stripe", "square"])
def test_registered_webhooks_leave_their_secret_with_the_account(world: World, acme: Merchant, processor: str) -> None:
    account_id = connect(acme, processor)
    before = accounts.unseal(accounts.find(acme.id, account_id)).get("webhook_secret")
    assert accounts.listen(acme.id, account_id) is True
    after = accounts.unseal(accounts.find(acme.id, account_id))["webhook_secret"]
    assert after
    assert after != before
    assert written(world, "webhook_registered") == [{"url": accounts.hook_url(processor, account_id)}]


def test_braintree_takes_the_address_by_hand_only(acme: Merchant) -> None:
    assert accounts.listen(acme.id, connect(acme, "braintree")) is False


def test_webhooks_that_could_not_be_registered_leave_the_secret_as_it_was(world: World, acme: Merchant) -> None:
    account_id = connect(acme, webhook_secret="whsec_kept")
    world.fault(kind="reset_before")
    assert refused(lambda: accounts.listen(acme.id, account_id), ProcessorError).code == "processor_unreachable"
    assert accounts.unseal(accounts.find(acme.id, account_id))["webhook_secret"] == "whsec_kept"


# --- State -------------------------------------------------------------------------------------------------------------------


def test_another_default_takes_the_place_of_the_first(world: World, acme: Merchant) -> None:
    account_id = connect(acme)
    change(lambda: accounts.make_default(acme.id, account_id))
    assert [one.id for one in all_of(acme) if one.is_default] == [account_id]
    assert written(world, "made_default") == [{"default": {"before": acme.account_id, "after": account_id}}]
    change(lambda: accounts.enable(acme.id, acme.account_id, False))
    with pytest.raises(Conflict, match="processor_account_disabled"):
        change(lambda: accounts.make_default(acme.id, acme.account_id))


def test_an_archived_account_takes_nothing_new_and_can_come_back(world: World, acme: Merchant) -> None:
    account_id = connect(acme)
    change(lambda: accounts.archive(acme.id, account_id))
    assert [one.id for one in all_of(acme)] == [acme.account_id]
    assert [one.id for one in accounts.archived_of(acme.id)] == [account_id]
    for act in (lambda: accounts.enable(acme.id, account_id, True), lambda: accounts.make_default(acme.id, account_id)):
        with pytest.raises(Conflict):
            change(act)
    assert refused(lambda: connect(acme), Conflict).code == "processor_account_archived"
    change(lambda: accounts.restore(acme.id, account_id))
    change(lambda: accounts.enable(acme.id, account_id, True))
    assert routing.state_of(accounts.find(acme.id, account_id)) == "enabled"
    assert [written(world, verb) for verb in ("archived", "restored", "enabled")] == [
        [{"enabled": {"before": True, "after": False}, "archived": {"before": False, "after": True}}],
        [{"archived": {"before": True, "after": False}}],
        [{"enabled": {"before": False, "after": True}}],
    ]


def test_the_default_account_is_not_archived(acme: Merchant) -> None:
    with pytest.raises(Conflict, match="processor_account_default"):
        change(lambda: accounts.archive(acme.id, acme.account_id))


def test_a_new_route_is_in_the_audit_log_as_it_was_and_as_it_is(world: World, acme: Merchant) -> None:
    change(lambda: routing.route(acme.id, acme.account_id, Route(40, ("USD", "EUR"), 1000, None)))
    assert written(world, "routed") == [
        {
            "share": {"before": 100, "after": 40},
            "currencies": {"before": [], "after": ["USD", "EUR"]},
            "amount_from": {"before": None, "after": 1000},
        }
    ]


def test_stored_cards_are_counted_for_their_own_account_while_they_are_chargeable(world: World, acme: Merchant) -> None:
    account_id = connect(acme)
    with transaction() as session:
        for number in range(3):
            for place, status in ((account_id, "active"), (account_id, "detached"), (acme.account_id, "active")):
                card = PaymentMethod(
                    id=new_id("pm"),
                    organization_id=acme.id,
                    processor_account_id=place,
                    external_id=f"pm_{number}_{status}",
                    status=status,
                )
                session.add(card)
    assert accounts.stored_cards(acme.id, account_id) == 3


@pytest.mark.parametrize("account_id", ["", "x", "pac_nonsense", "pay_01jd8h2m4s6v8x0z2b4d6f8h0k"])
def test_an_account_nobody_has_is_not_found(acme: Merchant, account_id: str) -> None:
    with pytest.raises(NotFound):
        accounts.find(acme.id, account_id)


def test_a_strangers_account_is_not_found(world: World, acme: Merchant) -> None:
    for act in (accounts.check, accounts.listen, accounts.archive, accounts.make_default, accounts.find):
        with pytest.raises(NotFound):
            act(acme.id, world.stranger.account_id)
        db.session.rollback()
