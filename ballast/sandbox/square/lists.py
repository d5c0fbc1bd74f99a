"""Pages with a cursor."""

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

from ballast.sandbox.square.errors import refuse
from ballast.sandbox.square.routes import Call
from ballast.sandbox.store import Record

Show = Callable[[Record], dict[str, Any]]
MOST = 100


def list_page(call: Call, name: str, newest: Iterable[Record], show: Show, limit: int = MOST) -> dict[str, Any]:
    """Return one page of records that come newest first, and a cursor if there is more; nothing at all is `{}`."""
    records = list(newest)
    if call.params.get("sort_order") == "ASC":
        records.reverse()
    after = read_cursor(call)
    if after is not None:
        places = [place for place, record in enumerate(records) if record["id"] == after]
        if not places:
            raise refuse("INVALID_CURSOR", "The cursor is invalid.", "cursor")
        records = records[places[0] + 1 :]
    most = call.params.get("limit", limit)
    shown, rest = records[:most], records[most:]
    page: dict[str, Any] = {name: [show(record) for record in shown]} if shown else {}
    return page | ({"cursor": write_cursor(call, shown[-1]["id"])} if rest else {})


def write_cursor(call: Call, last: str) -> str:
    """Return a cursor that goes with this query only."""
    return base64.urlsafe_b64encode(json.dumps([last, query_of(call)]).encode()).decode()


def read_cursor(call: Call) -> str | None:
    """Return the id after which the page begins. Raises the 400 for a cursor of another query."""
    given = call.params.get("cursor")
    if not given:
        return None
    try:
        last, query = json.loads(base64.urlsafe_b64decode(given))
    except (ValueError, TypeError) as error:
        raise refuse("INVALID_CURSOR", "The cursor is invalid.", "cursor") from error
    if query != query_of(call):
        raise refuse("INVALID_CURSOR", "The cursor belongs to another query.", "cursor")
    return str(last)


def query_of(call: Call) -> str:
    """Return what the cursor is bound to: every parameter but the cursor and the size of the page."""
    said = {name: value for name, value in call.params.items() if name not in ("cursor", "limit")}
    return json.dumps(said, sort_keys=True)


def within(call: Call, newest: Iterable[Record]) -> Iterable[Record]:
    """Yield the records of the window, the newest first; the default is the year until now."""
    begin = call.params.get("begin_time", call.moment - 365 * 86400)
    end = call.params.get("end_time", call.moment)
    if begin > end:
        raise refuse("INVALID_TIME_RANGE", "The begin time must be before the end time.", "begin_time")
    for record in newest:
        if record["_moment"] < begin:
            return
        if record["_moment"] <= end:
            yield record
