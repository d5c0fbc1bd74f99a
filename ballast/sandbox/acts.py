"""What only banks, card holders and time can do, done on request: how such a request is refused, and whose charge it is about."""

from ballast.sandbox.store import Store


class RefusedActError(Exception):
    """It cannot be done; `status` is 404 for an object that is not there, 409 for one in the wrong state, 422 for bad input."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def find_account(store: Store, kind: str, key: str) -> str:
    """Return the account that holds this record. Raises RefusedActError."""
    for account in store.accounts(kind):
        if key in store.tables[f"{account}/{kind}"]:
            return account
    raise RefusedActError(404, f"There is no {key} in the sandbox.")


def read_reason(given: str | None, reasons: tuple[str, ...]) -> str | None:
    """Return the reason in the processor's own spelling. Raises RefusedActError."""
    if not given:
        return None
    for reason in reasons:
        if reason.lower() == given.lower():
            return reason
    raise RefusedActError(422, f"reason must be one of {', '.join(reasons)}.")
