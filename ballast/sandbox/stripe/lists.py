"""Lists with Stripe's cursors: newest first, `starting_after` and `ending_before` an id."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile
from typing import Any

from ballast.sandbox.store import Newest, Record
from ballast.sandbox.stripe.errors import report_missing
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.routes import Call

Filter = Callable[[Record], bool]


def list_page(
    call: Call, url: str, records: Iterable[Record], show: Callable[[Record], dict[str, Any]], *filters: Filter
) -> dict[str, Any]:
    """Return one page of the records, which come newest first."""
    params = call.params
    limit, created = params.get("limit", 10), params.get("created")
    rest = skip_to(iter(records), params["starting_after"]) if params.get("starting_after") else records
    wanted = (record for record in until(rest, created) if is_wanted(record, created, filters))
    if params.get("ending_before"):
        page, has_more = take_before(wanted, params["ending_before"], limit)
    else:
        page = list(islice(wanted, limit + 1))
        page, has_more = page[:limit], len(page) > limit
    shown = {"object": "list", "data": [show(record) for record in page], "has_more": has_more, "url": url}
    return expand(call.tx, shown, params.get("expand", []))


def until(records: Iterable[Record], created: dict[str, int] | None) -> Iterable[Record]:
    """Yield the records down to where they are older than the range asked for."""
    if not created:
        return records
    oldest = max(created.get("gte", 0), created.get("gt", -1))
    return takewhile(lambda record: record["created"] >= oldest, records)


def is_wanted(record: Record, created: dict[str, int] | None, filters: Iterable[Filter]) -> bool:
    """Tell whether a record was created in the range and passes every filter."""
    return (created is None or is_within(record["created"], created)) and all(wants(record) for wants in filters)


def is_within(moment: int, limits: dict[str, int]) -> bool:
    """Tell whether a moment lies within `gt`, `gte`, `lt`, `lte`."""
    return (
        moment > limits.get("gt", -1)
        and moment >= limits.get("gte", 0)
        and moment < limits.get("lt", moment + 1)
        and moment <= limits.get("lte", moment)
    )


def skip_to(records: Iterator[Record], key: str) -> Iterator[Record]:
    """Yield what comes after the record with this id. Raises 400 where there is none."""
    found = records.skip_past(key) if isinstance(records, Newest) else any(record["id"] == key for record in records)
    if not found:
        raise report_missing("object", key, "starting_after")
    return records


def take_before(records: Iterator[Record], key: str, limit: int) -> tuple[list[Record], bool]:
    """Return the `limit` records right before the one with this id, and whether there are more before them."""
    newer: list[Record] = []
    for record in records:
        if record["id"] == key:
            return newer[-limit:], len(newer) > limit
        newer.append(record)
    raise report_missing("object", key, "ending_before")


def having(field: str, value: str | None) -> Filter:
    """Return a filter on one field, which lets all pass where no value is asked for."""
    return lambda record: value is None or record.get(field) == value
