"""The description of the API is true and complete."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.conftest import problem
from tests.world import Api, World


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    """What /api/openapi.json answers."""
    found: dict[str, Any] = app.test_client().get("/api/openapi.json").get_json()
    return found


def test_it_is_the_same_however_often_it_is_asked_for(app: Flask) -> None:
    assert len({app.test_client().get("/api/openapi.json").get_data() for _ in range(3)}) == 1


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_it_is_a_valid_openapi_3_1_document(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_of_the_api_is_described_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    served = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(operations(document)) == served


ONLY_PEOPLE = {"PATCH /api/v1/organizations/me"}


def security_of(name: str) -> list[dict[str, list[str]]]:
    """Signing in takes nothing, members and keys take a person, everything else a program or a person."""
    path = name.partition(" ")[2]
    if path.startswith("/api/v1/auth/"):
        return []
    only_people = path.startswith(("/api/v1/organizations/me/members", "/api/v1/api-keys")) or name in ONLY_PEOPLE
    return [{"bearer": []}] if only_people else [{"api_key": []}, {"bearer": []}]


def test_every_operation_has_a_summary_an_id_a_tag_and_its_security(document: dict[str, Any]) -> None:
    found = operations(document)
    for name, operation in found.items():
        assert operation["summary"], name
        assert operation["tags"], name
        assert operation.get("security", []) == security_of(name), name
    assert len({operation["operationId"] for operation in found.values()}) == len(found)


def test_every_operation_documents_its_success_and_its_errors_with_a_schema(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        answers = operation["responses"]
        expected = {"400", "401", "403", "404", "409", "413", "415", "500"}
        assert expected - ({"404"} if "/auth/" in name else set()) <= set(answers), name
        assert set(answers) & {"200", "201"}, name
        for status, answer in answers.items():
            schema = answer["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("ErrorOut") == (status >= "400"), (name, status)


# Nobody's yet, or with an answer that holds a key of its own and is kept nowhere.
WITHOUT_KEY = {
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/organizations/me/members",
    "POST /api/v1/api-keys",
    "POST /api/v1/api-keys/{key_id}/rotate",
}


def test_what_moves_money_when_it_is_made_needs_a_key_and_every_other_post_of_an_object_takes_one(
    document: dict[str, Any],
) -> None:
    required = {f"POST /api/v1/{path}" for path in ("payments", "refunds", "subscriptions", "credit_notes")}
    for name, operation in operations(document).items():
        if name in WITHOUT_KEY:
            continue
        keys = [p["required"] for p in operation["parameters"] if p["name"] == "Idempotency-Key"]
        assert keys == ([name in required] if name.startswith("POST") else []), name
        assert [p["required"] for p in operation["parameters"] if p["name"] == "Ballast-Version"] == [False], name


def test_every_call_has_examples_that_fit_their_own_schemas(document: dict[str, Any]) -> None:
    from openapi_schema_validator import OAS31Validator

    schemas = document["components"]["schemas"]
    for name, operation in operations(document).items():
        for parameter in operation["parameters"]:
            assert parameter["in"] == "query" or parameter.get("example"), (name, parameter["name"])
        contents = [operation["responses"][status]["content"] for status in operation["responses"]]
        contents += [operation["requestBody"]["content"]] if "requestBody" in operation else []
        for content in contents:
            schema = content["application/json"]["schema"]
            example = schemas[schema["$ref"].rpartition("/")[2]].get("example")
            assert example is not None, (name, schema)
            errors = OAS31Validator({**schema, "components": document["components"]}).iter_errors(example)
            assert [error.message for error in errors] == [], (name, schema)


def test_an_amount_is_an_integer_between_1_and_the_maximum(document: dict[str, Any]) -> None:
    amount = document["components"]["schemas"]["PaymentCreate"]["properties"]["amount"]
    assert (amount["type"], amount["minimum"], amount["maximum"]) == ("integer", 1, 999_999_999_999)


def test_the_example_of_the_document_works_as_it_stands(api: Api, document: dict[str, Any]) -> None:
    example = document["components"]["schemas"]["PaymentCreate"]["example"]
    assert api.post("/payments", example).status_code == 201


def test_what_the_api_answers_fits_its_own_schemas(api: Api, document: dict[str, Any]) -> None:
    from openapi_schema_validator import OAS31Validator

    def fits(body: Any, name: str) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        errors = [error.message for error in OAS31Validator(schema).iter_errors(body)]
        assert errors == []

    paid = api.pay(metadata={"order": "1042"}).get_json()
    fits(paid, "PaymentOut")
    fits(api.get("/payments").get_json(), "PaymentList")
    fits(api.pay(payment_method="pm_card_visa_chargeDeclined").get_json(), "ErrorOut")
    fits(api.pay(payment_method="pm_card_authenticationRequired").get_json(), "PaymentOut")
    fits(api.get("/payments/nothing").get_json(), "ErrorOut")
    everything = api.get("/payments", **{"expand[]": ["customer", "payment_method", "refunds", "disputes"]})
    fits(everything.get_json(), "PaymentList")
    assert problem(api.get("/payments/nothing"))


def test_the_reference_page_uses_our_own_files_alone(world: World) -> None:
    page = world.app.test_client().get("/api/docs").get_data(as_text=True)
    assert "/api/openapi.json" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
