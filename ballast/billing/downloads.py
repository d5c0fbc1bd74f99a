"""Files that were bought: granted when the order is paid, fetched by a signed address that ends, so many times, until a refund.

The address is made anew whenever the order's page is shown; what it says is whose it is, never what. How often a file was fetched is
counted in the commit before it is sent: a connection that breaks costs one of five.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from itsdangerous import BadData, SignatureExpired
from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from ballast.billing import signed
from ballast.clock import now, real_time
from ballast.db import db
from ballast.errors import Conflict, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Download, Order, OrderLine, Price, ProductFile
from ballast.models.media import downloads_of, files_of

LASTS: Final = timedelta(hours=24)
MOST: Final = 5
SALT: Final = "ballast: a file that was bought"


@dataclass(frozen=True)
class Offered:
    """A file as its buyer's page shows it. `token`: what the address ends with, while there is one to give."""

    download: Download
    file: ProductFile
    token: str

    @property
    def left(self) -> int:
        return self.download.most - self.download.taken


def grant(order: Order) -> None:
    """The order is paid: what of it is a file may be fetched. In the caller's transaction; safe to do twice."""
    wanted = (
        select(Price.product_id)
        .join(OrderLine, (OrderLine.organization_id == Price.organization_id) & (OrderLine.price_id == Price.id))
        .where(OrderLine.organization_id == order.organization_id, OrderLine.order_id == order.id)
    )
    products = list(dict.fromkeys(db.session.scalars(wanted)))
    files = db.session.scalars(files_of(order.organization_id, products)).all() if products else []
    known = {
        download.product_id for download, _file in db.session.execute(downloads_of(order.organization_id, order.id))
    }
    for file in files:
        if file.product_id not in known:
            db.session.add(
                Download(
                    organization_id=order.organization_id,
                    id=new_id("dl"),
                    order_id=order.id,
                    product_id=file.product_id,
                    most=MOST,
                    created_at=now(),
                )
            )


def offered(order: Order) -> list[Offered]:
    """What the buyer of a paid order may fetch, with addresses that work for a day; nothing once it was refunded."""
    if order.status != "paid":
        return []
    rows = db.session.execute(downloads_of(order.organization_id, order.id)).all()
    return [Offered(download, file, _token(download)) for download, file in rows]


def _token(download: Download) -> str:
    return str(signed.serializer(SALT).dumps([download.organization_id, download.id]))


def read(token: str) -> tuple[str, str]:
    """(organization_id, download_id) an address was signed for. Raises NotFound, Conflict(`link_expired`)."""
    try:
        organization_id, download_id = signed.serializer(SALT).loads(token, max_age=int(LASTS.total_seconds()))
    except SignatureExpired as error:
        raise Conflict("link_expired", "This link has expired. Open your order's page for a new one.") from error
    except BadData as error:
        raise NotFound("download") from error
    return organization_id, download_id


def find(organization_id: str, download_id: str) -> tuple[Offered, Order]:
    """What an address offers, and the order it was bought with. Raises NotFound, Conflict(`order_refunded`)."""
    if to_uuid(download_id, "dl") is None:
        raise NotFound("download")
    wanted = (
        select(Download, ProductFile, Order)
        .join(
            ProductFile,
            (ProductFile.organization_id == Download.organization_id)
            & (ProductFile.product_id == Download.product_id)
            & ProductFile.removed_at.is_(None),
        )
        .join(Order, (Order.organization_id == Download.organization_id) & (Order.id == Download.order_id))
        .where(Download.organization_id == organization_id, Download.id == download_id)
    )
    row = db.session.execute(wanted).first()
    if row is None:
        raise NotFound("download")
    download, file, order = row
    if order.status != "paid":
        raise Conflict("order_refunded", "This order was refunded, so its files are not yours to fetch any more.")
    return Offered(download, file, _token(download)), order


def take(organization_id: str, download_id: str) -> ProductFile:
    """Count one more, and answer the file with its bytes. In the caller's transaction.

    Raises NotFound, Conflict(`order_refunded`, `downloads_used_up`).
    """
    found, _order = find(organization_id, download_id)
    taking = update(Download).where(
        Download.organization_id == organization_id, Download.id == download_id, Download.taken < Download.most
    )
    counted = taking.values(taken=Download.taken + 1, last_at=real_time()).returning(Download.taken)
    if db.session.execute(counted.execution_options(synchronize_session=False)).first() is None:
        said = f"This file was fetched {MOST} times, as often as it may be. The shop can help you."
        raise Conflict("downloads_used_up", said)
    wanted = select(ProductFile).where(ProductFile.organization_id == organization_id, ProductFile.id == found.file.id)
    with_bytes = wanted.options(undefer(ProductFile.content)).execution_options(populate_existing=True)
    return db.session.scalars(with_bytes).one()
