"""Settings → Processors: owners connect, test, route and archive; others read; nobody sees a secret; a stranger sees nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from ballast.billing import circuits
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.ids import new_id
from ballast.models import AuditEntry, PaymentMethod, ProcessorAccount
from tests.world import World, csrf

LIST = "/admin/settings/processors"
GIVEN = {
    "stripe": {"publishable_key": "pk_test_second", "secret_key": "sk_test_second", "webhook_secret": "whsec_second"},
    "braintree": {"merchant_id": "ballast_second", "public_key": "the_public", "secret_key": "the_private"},
    "square": {
        "publishable_key": "sandbox-sq0idb-second",
        "secret_key": "EAAAEsecond",
        "location_id": "Lsecond",
        "webhook_secret": "sq-signs-with-this",
    },
}
CARD = "4242 4242 4242 4242"
HTMX = {"HX-Request": "true"}


def post(client: FlaskClient, path: str, headers: dict[str, str] | None = None, **form: Any) -> TestResponse:
    token = csrf(client.get("/admin/").get_data(as_text=True))
    return client.post(f"{LIST}{path}", data={"csrf_token": token, **form}, headers=headers)


def add(client: FlaskClient, processor: str = "stripe", **changes: str) -> TestResponse:
    return post(client, "/new", processor=processor, **(GIVEN[processor] | changes))


def added(client: FlaskClient, processor: str = "stripe", **changes: str) -> str:
    """A second account; its path below the list."""
    answer = add(client, processor, **changes)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"].removeprefix(LIST)


def look(client: FlaskClient, path: str = "") -> str:
    answer = client.get(f"{LIST}{path}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def words(page: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2]))


def known(world: World) -> list[ProcessorAccount]:
    return world.all_of(ProcessorAccount)


# --- Adding ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processor", GIVEN)
def test_an_owner_connects_an_account_and_sees_its_secrets_never_again(world: World, processor: str) -> None:
    owner = world.sign_in("owner")
    form = look(owner, f"/new?processor={processor}")
    assert all(f'name="{field}"' in form for field in GIVEN[processor])
    path = added(owner, processor)
    pages = [look(owner), look(owner, path), look(owner, f"{path}/keys"), look(owner, f"{path}/routing")]
    assert "The keys work" in pages[1]
    hidden = [value for name, value in GIVEN[processor].items() if name in ("secret_key", "webhook_secret")]
    assert [secret for secret in hidden for page in pages if secret in page] == []


@pytest.mark.parametrize("field", ["name", "publishable_key", "secret_key", "location_id"])
def test_a_card_number_in_a_field_is_refused_and_never_shown_again(world: World, field: str) -> None:
    owner = world.sign_in("owner")
    pages = [
        add(owner, "square", **{field: CARD}),
        post(owner, f"/{world.acme.account_id}/keys", **(GIVEN["stripe"] | {"name": CARD})),
        post(owner, f"/{world.acme.account_id}/routing", share=CARD, currencies=CARD, amount_from=CARD, amount_to=""),
    ]
    assert [page.status_code for page in pages] == [422] * 3
    assert all(CARD not in page.get_data(as_text=True) for page in pages)
    assert len(known(world)) == 1


def test_the_processor_is_chosen_first(world: World) -> None:
    page = look(world.sign_in("owner"), "/new")
    assert all(f"?processor={processor}" in page for processor in GIVEN)
    assert 'name="secret_key"' not in page
    assert look(world.sign_in("owner"), "/new?processor=paypal") != ""


@pytest.mark.parametrize(
    ("processor", "wrong", "field", "says"),
    [
        ("stripe", {"secret_key": "sk_test_"}, "secret_key", "Stripe did not accept the secret key."),
        ("stripe", {"secret_key": "sk_live_x"}, "secret_key", "This is a live secret key."),
        ("stripe", {"publishable_key": "pk_live_x"}, "publishable_key", "This is a live publishable key."),
        ("stripe", {"publishable_key": ""}, "publishable_key", "Enter the publishable key."),
        ("braintree", {"merchant_id": "nobody"}, "secret_key", "Braintree refused these keys"),
        ("square", {"publishable_key": "sq0idp-x"}, "publishable_key", "This is a live application ID."),
        ("square", {"location_id": "Lwrong"}, "location_id", "This Square account has no location Lwrong."),
        ("square", {"secret_key": "EAAA"}, "secret_key", "Square did not accept the access token."),
    ],
)
def test_wrong_keys_are_told_at_their_field_and_what_is_public_stays_typed(
    world: World, processor: str, wrong: dict[str, str], field: str, says: str
) -> None:
    answer = add(world.sign_in("owner"), processor, name="My account", **wrong)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    error = re.search(rf'id="{field}-error">.*?<span>(.*?)</span>', page, re.DOTALL)
    assert error, page
    assert says in error[1]
    assert 'value="My account"' in page
    assert [
        value for name, value in GIVEN[processor].items() if name in ("secret_key", "webhook_secret") and value in page
    ] == []
    assert len(known(world)) == 1


def test_a_processor_that_cannot_be_reached_is_said_to_and_nothing_is_stored(world: World) -> None:
    for processor in GIVEN:
        world.fault(processor=processor, kind="reset_before")
        answer = add(world.sign_in("owner"), processor)
        assert answer.status_code == 422
        assert "Nothing was stored." in answer.get_data(as_text=True)
    assert len(known(world)) == 1


@pytest.mark.parametrize("processor", ["", "paypal", "stripe\n"])
def test_a_processor_we_do_not_know_is_refused(world: World, processor: str) -> None:
    answer = post(world.sign_in("owner"), "/new", processor=processor, secret_key="x")
    assert answer.status_code == 422
    assert "Choose Stripe, Braintree or Square." in answer.get_data(as_text=True)


def test_nobody_names_an_account_himself(world: World) -> None:
    added(world.sign_in("owner"), external_account="acct_of_somebody", is_default="yes", share="100")
    account = known(world)[-1]
    assert (account.external_account, account.is_default, account.share) == ("acct_second", False, 0)


def test_an_account_another_organization_has_is_refused_in_a_plain_sentence(world: World) -> None:
    added(world.sign_in("owner"))
    answer = add(world.sign_in("stranger"))
    assert answer.status_code == 409
    assert "One account belongs to one organization." in answer.get_data(as_text=True)


# --- Who may -----------------------------------------------------------------------------------------------------------------

FORMS = ("/new", "/{}/keys", "/{}/routing", "/{}/archive")
ACTS = (
    "/new",
    "/{}/keys",
    "/{}/check",
    "/{}/routing",
    "/{}/webhooks",
    "/{}/enabled",
    "/{}/default",
    "/{}/archive",
    "/{}/restore",
)


@pytest.mark.parametrize("role", ["admin", "viewer", "staff"])
def test_who_is_no_owner_reads_and_changes_nothing(world: World, role: str) -> None:
    client, account_id = world.sign_in(role), world.acme.account_id
    for page in (look(client), look(client, f"/{account_id}")):
        assert "pk_test_acme" in page
        assert "sk_test" not in page
        assert "whsec_" not in page
        assert f'method="post" action="{LIST}' not in page
        assert f'href="{LIST}/new"' not in page
    assert {client.get(LIST + path.format(account_id)).status_code for path in FORMS} == {403}
    assert {post(client, path.format(account_id), share="0").status_code for path in ACTS} == {403}
    assert (known(world)[0].enabled, known(world)[0].share) == (True, 100)


def test_a_strangers_account_is_not_found(world: World) -> None:
    stranger = world.sign_in("stranger")
    for account_id in (world.acme.account_id, new_id("pac"), "pac_nonsense", "x"):
        assert stranger.get(f"{LIST}/{account_id}").status_code == 404
        assert {stranger.get(LIST + path.format(account_id)).status_code for path in FORMS[1:]} == {404}
        assert {post(stranger, path.format(account_id), share="0").status_code for path in ACTS[1:]} == {404}
    assert world.acme.account_id not in look(stranger)


# --- Keys and tests ----------------------------------------------------------------------------------------------------------


def test_keys_are_replaced_and_an_empty_secret_is_kept(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner)
    form = look(owner, f"{path}/keys")
    assert 'value="pk_test_second"' in form
    assert "Leave it empty to keep it." in form
    answer = post(
        owner, f"{path}/keys", publishable_key="pk_test_second", secret_key="rk_test_second", webhook_secret=""
    )
    assert answer.status_code == 303
    assert "Secret set" in look(owner, path)
    assert post(owner, f"{path}/keys", publishable_key="pk_test_second", secret_key="").status_code == 303


def test_another_accounts_keys_are_refused(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner)
    answer = post(owner, f"{path}/keys", publishable_key="pk_test_third", secret_key="sk_test_third")
    assert answer.status_code == 422
    assert "open another Stripe account, acct_third" in answer.get_data(as_text=True)
    assert known(world)[-1].public_config["publishable_key"] == "pk_test_second"


def test_the_connection_is_tested_without_scripts_and_with(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner)
    world.fault(kind="reset_before")
    assert post(owner, f"{path}/check").status_code == 303
    assert "Stripe did not answer" in look(owner, path)
    world.forget_faults()
    fragment = post(owner, f"{path}/check", headers=HTMX)
    page = fragment.get_data(as_text=True)
    assert fragment.status_code == 200
    assert page.lstrip().startswith('<div id="connection"')
    assert "The keys work" in page
    assert [entry.action for entry in world.all_of(AuditEntry)].count("processor_account.checked") == 2


# --- New cards ---------------------------------------------------------------------------------------------------------------


def test_shares_are_shown_as_what_they_come_to(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner, "braintree")
    assert (
        post(
            owner, f"{path}/routing", share="50", currencies="usd, EUR usd", amount_from="10", amount_to="1,500.50"
        ).status_code
        == 303
    )
    account = known(world)[-1]
    assert (account.share, account.currencies, account.amount_from, account.amount_to) == (
        50,
        ["USD", "EUR"],
        1000,
        150_050,
    )
    seen = words(look(owner))
    assert "67% of new cards" in seen
    assert "33% of new cards" in seen
    assert "USD, EUR, $10.00 to $1,500.50" in seen
    form = look(owner, f"{path}/routing")
    assert 'value="10.00"' in form
    assert 'value="1500.50"' in form


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"share": "101"}, "share", "A share is a whole number from 0 to 100."),
        ({"share": "-1"}, "share", "A share is a whole number from 0 to 100."),
        ({"share": "half"}, "share", "A share is a whole number from 0 to 100."),
        ({"share": "٣"}, "share", "A share is a whole number from 0 to 100."),
        ({"share": ""}, "share", "A share is a whole number from 0 to 100."),
        ({"currencies": "USD, ABC"}, "currencies", "is not a currency we know."),
        ({"currencies": "XAU"}, "currencies", "is not a currency one can be charged in."),
        ({"amount_from": "ten"}, "amount_from", "Enter an amount such as 20.00."),
        ({"amount_from": "-10"}, "amount_from", "This amount is out of range."),
        ({"amount_to": "1.001"}, "amount_to", "at most 2 decimals"),
        ({"amount_from": "20", "amount_to": "10"}, "amount_to", "The lowest amount is above the highest."),
    ],
)
def test_a_rule_that_makes_no_sense_is_told_at_its_field_beside_what_was_typed(
    world: World, typed: dict[str, str], field: str, says: str
) -> None:
    answer = post(world.sign_in("owner"), f"/{world.acme.account_id}/routing", **({"share": "70"} | typed))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert says in page.partition(f'id="{field}-error"')[2][:400]
    assert f'value="{typed[field]}"' in page
    assert known(world)[0].share == 100


def test_a_rule_for_a_currency_the_account_cannot_take_is_refused(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner, "square")
    assert "Takes USD as Square says" in words(look(owner, path))
    answer = post(owner, f"{path}/routing", share="70", currencies="USD, EUR")
    assert answer.status_code == 422
    says = "This account takes USD only, and cannot be for EUR."
    assert says in answer.get_data(as_text=True).partition('id="currencies-error"')[2][:400]
    assert post(owner, f"{path}/routing", share="70", currencies="USD").status_code == 303


def test_a_card_number_is_no_name_and_is_not_shown_again(world: World) -> None:
    answer = add(world.sign_in("owner"), name="4242 4242 4242 4242")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "This looks like a card number" in page.partition('id="name-error"')[2][:400]
    assert "4242" not in page


def test_who_stops_the_default_account_is_told_what_that_refuses(world: World) -> None:
    owner = world.sign_in("owner")
    path = f"/{world.acme.account_id}"
    assert "“Stop new cards” would have them refused" in words(look(owner, path))
    assert post(owner, f"{path}/enabled", enabled="no").status_code == 303
    assert "Payments of the API that name no account are refused" in words(look(owner, path))


def test_amounts_are_typed_in_the_organizations_currency(world: World) -> None:
    from ballast.models import Organization

    with organization(world.acme.id), transaction() as session:
        session.execute(update(Organization).where(Organization.id == world.acme.id).values(currency="KWD"))
    post(world.sign_in("owner"), f"/{world.acme.account_id}/routing", share="1", amount_from="1.250")
    assert known(world)[0].amount_from == 1250


# --- State -------------------------------------------------------------------------------------------------------------------


def test_enable_default_and_archive_are_one_press_each_and_written_down(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner, "square")
    assert post(owner, f"{path}/enabled", enabled="no").status_code == 303
    assert "No new cards" in look(owner, path)
    refused = post(owner, f"{path}/default")
    assert refused.status_code == 409
    assert "Enable this account before making it the default." in refused.get_data(as_text=True)
    post(owner, f"{path}/enabled", enabled="yes")
    assert post(owner, f"{path}/default").status_code == 303
    old = f"/{world.acme.account_id}"
    assert post(owner, f"{old}/archive").status_code == 303
    assert "Archived" in look(owner)
    assert post(owner, f"{old}/restore").status_code == 303
    done = [entry.action.partition(".")[2] for entry in world.all_of(AuditEntry) if entry.actor_kind == "user"]
    assert done == ["added", "disabled", "enabled", "made_default", "archived", "restored"]


def test_the_archive_page_says_what_stays_chargeable(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner)
    with organization(world.acme.id), transaction() as session:
        for number in range(14):
            session.add(
                PaymentMethod(organization_id=world.acme.id, processor_account_id=path[1:], external_id=f"pm_{number}")
            )
    assert "14 stored cards stay chargeable there." in words(look(owner, f"{path}/archive"))
    default = look(owner, f"/{world.acme.account_id}/archive")
    assert "Make another account the default first" in default
    assert ">Archive this account<" not in default
    answer = post(owner, f"/{world.acme.account_id}/archive")
    assert answer.status_code == 409


def test_an_archived_account_is_not_connected_twice_but_brought_back(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner)
    post(owner, f"{path}/archive")
    answer = add(owner)
    assert answer.status_code == 409
    assert "is archived here" in answer.get_data(as_text=True)


def test_a_paused_account_says_since_when_and_what_that_means(world: World) -> None:
    with organization(world.acme.id):
        for _ in range(circuits.FAILURES):
            circuits.note(world.acme.id, world.acme.account_id, answered=False)
    viewer = world.sign_in("viewer")
    assert "Not answering" in look(viewer)
    page = words(look(viewer, f"/{world.acme.account_id}"))
    assert "Not answering since" in page
    assert "Stored cards, refunds and open payments are asked for here all the same." in page
    db.session.rollback()
    assert known(world)[0].paused_until > real_time()


# --- Webhooks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processor", GIVEN)
def test_the_webhook_address_is_there_to_copy_with_what_to_do_with_it(world: World, processor: str) -> None:
    owner = world.sign_in("owner")
    path = added(owner, processor)
    page = look(owner, path)
    assert f'data-copy="http://127.0.0.1:9/hooks/{processor}{path}"' in page
    assert ("Register webhooks" in page) is (processor != "braintree")
    assert ("Settings → API → Webhooks" in page) is (processor == "braintree")
    assert "None has come yet" in page


@pytest.mark.parametrize("processor", ["stripe", "square"])
def test_webhooks_are_registered_at_the_press_of_a_button(world: World, processor: str) -> None:
    owner = world.sign_in("owner")
    path = added(owner, processor, webhook_secret="")
    assert "No secret yet" in look(owner, path)
    assert post(owner, f"{path}/webhooks").status_code == 303
    assert "Secret set" in look(owner, path)


def test_webhooks_that_could_not_be_registered_are_told_and_nothing_is_changed(world: World) -> None:
    owner = world.sign_in("owner")
    path = added(owner, webhook_secret="")
    world.fault(kind="error_before")
    answer = post(owner, f"{path}/webhooks")
    assert answer.status_code == 422
    assert "Stripe did not take the address (http_500)." in answer.get_data(as_text=True)
    assert "No secret yet" in look(owner, path)


def test_the_last_event_is_shown(world: World) -> None:
    from tests.billing.acts import event_of, hook

    hook(world, event_of("pi_1"))
    assert "None has come yet" not in look(world.sign_in("viewer"), f"/{world.acme.account_id}")
