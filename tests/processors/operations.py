"""Which operations of its SDK an adapter uses, read from its code, and which requests each of them sends, read from the SDK's.

Nothing here is a list that someone has to keep: a new call in an adapter is a new operation that the wire log must hold.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import braintree
import stripe
from braintree.client_token import ClientToken
from braintree.customer import Customer
from braintree.dispute_search import DisputeSearch
from braintree.payment_method import PaymentMethod
from braintree.resource import Resource
from braintree.transaction import Transaction
from braintree.transaction_search import TransactionSearch
from square import Square

import ballast.processors

Route = tuple[str, str]
HERE = Path(ballast.processors.__file__).parent
CONFIGURATION = braintree.Configuration(braintree.Environment.Sandbox, "m", "public", "private")
CLIENTS: Final[dict[str, Any]] = {
    "stripe": stripe.StripeClient("sk_test_x").v1,
    "braintree": braintree.BraintreeGateway(CONFIGURATION),
    "square": Square(token="EAAAx"),
}
IN_STRIPE = re.compile(r'"(get|post|delete)",\s*"(/v1/[^"]*)"')
IN_SQUARE = re.compile(r'request\(\s*f?"(v2/[^"]*)",\s*(?:base_url=[^,]*,\s*)?method="([A-Z]+)"')
# What the SDK itself checks a request against. Where it checks nothing, what it writes.
SIGNATURES: Final[dict[str, list[Any]]] = {
    "POST /transactions": Transaction.create_signature(),
    "PUT /transactions/{}/submit_for_settlement": ["amount", *Transaction.submit_for_settlement_signature()],
    "POST /transactions/{}/submit_for_partial_settlement": [
        "amount",
        *Transaction.submit_for_partial_settlement_signature(),
    ],
    "PUT /transactions/{}/void": ["api_request_key"],
    "POST /transactions/{}/refund": Transaction.refund_signature(),
    "POST /customers": Customer.create_signature(),
    "POST /payment_methods": PaymentMethod.create_signature(),
    "POST /client_token": ClientToken.generate_signature(),
    "POST /disputes/{}/evidence": ["comments", "category", "sequence_number"],
}
# By what may be searched, by the beginning of the path.
SEARCHES: Final = {"transactions": TransactionSearch, "disputes": DisputeSearch}


@cache
def operations_of(name: str) -> dict[str, tuple[Route, ...]]:
    """The SDK operations that an adapter's modules name, each with the requests it may send."""
    found: dict[str, tuple[Route, ...]] = {}
    trees = [ast.parse(path.read_text()) for path in sorted(HERE.glob(f"{name}*.py"))]
    aliases = {key: value for tree in trees for key, value in _aliases(tree).items()}
    for tree in trees:
        for chain in _chains(tree):
            resolved = _resolve(name, chain, aliases | _aliases(tree))
            if resolved:
                service, verb = resolved
                found[f"{type(service).__module__}.{verb}"] = tuple(sorted(_routes(name, service, verb)))
        found |= {path: (("POST", path),) for path in (_raw_paths(tree) if name == "stripe" else ())}
    return found


def _raw_paths(tree: ast.AST) -> Iterator[str]:
    """What is said to Stripe past the objects of its SDK, which has to have an operation for each. Raises KeyError."""
    source = inspect.getsource(type(CLIENTS["stripe"].payment_intents))
    ours = {_template(path) for method, path in IN_STRIPE.findall(source) if method == "post"}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = [one for one in ast.walk(tree) if isinstance(one, ast.Constant | ast.JoinedStr) and id(one) not in parts]
    for node in texts:
        if (path := _template_of(node)).startswith("/v1/"):
            if path not in ours:
                raise KeyError(path)
            yield path


def _template_of(node: ast.Constant | ast.JoinedStr) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}" for part in parts
    )


def _chains(tree: ast.AST) -> Iterator[list[str]]:
    """Every `a.b.c` in the code, longest first."""
    for node in ast.walk(tree):
        parts = _parts(node)
        if len(parts) > 1:
            yield parts


def _parts(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = _parts(node.value)
        return [*before, node.attr] if before else []
    return []


def _aliases(tree: ast.AST) -> dict[str, list[str]]:
    """What short names stand for: `self._intents = self._client.v1.payment_intents`, `disputes = merchant.gateway.dispute`."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = _parts(node.targets[0]), _parts(node.value)
            if target and len(value) > 1:
                found[target[-1]] = value
    return found


def _resolve(name: str, chain: list[str], aliases: dict[str, list[str]]) -> tuple[Any, str] | None:
    """The service of the SDK and its verb, if that is what the chain names."""
    readings = [chain]
    while readings[-1][-2] in aliases and len(readings) < 4:
        readings.append([*aliases[readings[-1][-2]], chain[-1]])
    for reading in reversed(readings):
        for start in range(len(reading) - 1):
            if found := _walk(CLIENTS[name], reading[start:]):
                return found
    return None


def _walk(client: Any, parts: list[str]) -> tuple[Any, str] | None:
    service = client
    for part in parts[:-1]:
        service = getattr(service, part, None)
        if service is None or not type(service).__module__.startswith(("stripe.", "braintree.", "square.")):
            return None
    is_verb = service is not client and inspect.ismethod(getattr(service, parts[-1], None))
    return (service, parts[-1]) if is_verb else None


def _routes(name: str, service: Any, verb: str) -> set[Route]:
    """The method and path of each request that an operation sends; `{}` stands for an id."""
    if name == "braintree":
        return set(_braintree_routes(type(service), verb))
    source = service._raw_client if name == "square" else service
    text = inspect.getsource(getattr(type(source), verb))
    if name == "square":
        return {(method, _template(f"/{path}")) for path, method in IN_SQUARE.findall(text)}
    return {(method.upper(), _template(path)) for method, path in IN_STRIPE.findall(text)}


def _template(path: str) -> str:
    return re.sub(r"\{[^{}]*(\{[^{}]*\}[^{}]*)*\}", "{}", path)


def _braintree_routes(gateway: type, verb: str, url: str = "") -> Iterator[Route]:
    """The requests of a gateway's method, and of those of its own that it calls or hands on (`url` is what it is called with)."""
    function = getattr(gateway, verb, None) or getattr(gateway, f"_{gateway.__name__}{verb}", None)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if _is_http(node.func.value):
                yield node.func.attr.upper(), _path(node.args[0], url).partition("?")[0].rstrip("/")
                continue
            given = _path(node.args[0], "") if node.args and isinstance(node.args[0], ast.Constant | ast.BinOp) else ""
            if _parts(node.func)[:1] == ["self"] and len(_parts(node.func)) == 2 and node.func.attr != verb:
                yield from _braintree_routes(gateway, node.func.attr, given)
        handed_on = [_parts(one) for one in node.args] if isinstance(node, ast.Call) else []
        for parts in handed_on:
            if parts[:1] == ["self"] and len(parts) == 2 and callable(_own(gateway, parts[1])):
                yield from _braintree_routes(gateway, parts[1])


def _own(gateway: type, name: str) -> Any:
    return getattr(gateway, name, None) or getattr(gateway, f"_{gateway.__name__}{name}", None)


def _is_http(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "http"


def _path(node: ast.AST, url: str) -> str:
    """A path out of `base_merchant_path() + "/transactions/" + id`."""
    if isinstance(node, ast.BinOp):
        return _path(node.left, url) + _path(node.right, url)
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "base_merchant_path":
        return ""
    return url if isinstance(node, ast.Name) and node.id == "url" else "{}"


def route_of(name: str, row: dict[str, Any]) -> str | None:
    """The request of a line of the wire log, as one of the adapter's; None for one that no operation of it sends."""
    path = re.sub(r"^/merchants/[^/]+", "", row["path"]).rstrip("/")
    routes = {route for routes in operations_of(name).values() for route in routes}
    for method, template in sorted(routes, key=lambda route: route[1].count("{}")):
        pattern = re.escape(template).replace(r"\{\}", "[^/]+")
        if method == row["method"] and re.fullmatch(pattern, path):
            return f"{method} {template}"
    return None


def verify_braintree(route: str, body: str) -> None:
    """Check what was sent against the SDK's own signature. Raises KeyError."""
    params = _read(ElementTree.fromstring(body)) if body else {}
    if "advanced_search" in route:
        unknown = set(params) - set(vars(SEARCHES[route.split("/")[1]]))
        if unknown:
            raise KeyError(f"no criteria: {unknown}")
        return
    Resource.verify_keys(params or {}, SIGNATURES.get(route, []))


def _read(element: ElementTree.Element) -> Any:
    """An XML body as the SDK's parameters."""
    if element.get("type") == "array":
        return [_read(one) for one in element]
    return {one.tag: _read(one) for one in element} if len(element) else (element.text or "")
