"""Tables, constraints, predicates, selects and transition tables. No I/O, no commits."""

from ballast.models.access import Invitation, UserLink, UserSession
from ballast.models.audit import AuditEntry, AuditSeal, PlatformEntry, UnsealedEntry
from ballast.models.catalog import Price, Product
from ballast.models.checkout_sessions import CheckoutSession, PaymentLink
from ballast.models.customers import Customer, PaymentMethod, ProcessorAccount, ProcessorCustomer
from ballast.models.discounts import Coupon, PromotionCode, TaxRate
from ballast.models.disputes import Dispute
from ballast.models.figures import DailyFigure, FigureChange
from ballast.models.financing import (
    AgreementAmendment,
    AgreementDocument,
    AgreementEntry,
    FinancingAgreement,
    Installment,
)
from ballast.models.financing_offers import FinancingOffer, FinancingSettings
from ballast.models.held_back import HeldBack
from ballast.models.holds import HoldAction
from ballast.models.identity import ApiKey, Membership, Organization, User
from ballast.models.invoices import CreditBalance, CreditEntry, CreditNote, Invoice, InvoiceLine
from ballast.models.late_successes import LateSuccess
from ballast.models.ledger import BalanceSnapshot, LedgerAccount, LedgerTransfer
from ballast.models.media import Download, ProductFile, ProductImage
from ballast.models.orders import Cart, CartLine, Order, OrderLine
from ballast.models.outbox import Email, Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from ballast.models.payments import Attempt, Claim, Payment, Refund
from ballast.models.prevented import Prevented
from ballast.models.reconciliation import Drift, Payout, Reconciliation
from ballast.models.records import IdempotencyKey, InboxEvent, JobRun
from ballast.models.shipping import Shipment, ShipmentLine, ShippingRate
from ballast.models.stock import StockHold
from ballast.models.subscriptions import BillingSettings, Subscription

__all__ = [
    "AgreementAmendment",
    "AgreementDocument",
    "AgreementEntry",
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "AuditSeal",
    "BalanceSnapshot",
    "BillingSettings",
    "Cart",
    "CartLine",
    "CheckoutSession",
    "Claim",
    "Coupon",
    "CreditBalance",
    "CreditEntry",
    "CreditNote",
    "Customer",
    "DailyFigure",
    "Dispute",
    "Download",
    "Drift",
    "Email",
    "Event",
    "FigureChange",
    "FinancingAgreement",
    "FinancingOffer",
    "FinancingSettings",
    "HeldBack",
    "HoldAction",
    "IdempotencyKey",
    "InboxEvent",
    "Installment",
    "Invitation",
    "Invoice",
    "InvoiceLine",
    "JobRun",
    "LateSuccess",
    "LedgerAccount",
    "LedgerTransfer",
    "Membership",
    "Order",
    "OrderLine",
    "Organization",
    "Payment",
    "PaymentLink",
    "PaymentMethod",
    "Payout",
    "PlatformEntry",
    "Prevented",
    "Price",
    "ProcessorAccount",
    "ProcessorCustomer",
    "Product",
    "ProductFile",
    "ProductImage",
    "PromotionCode",
    "Reconciliation",
    "Refund",
    "Shipment",
    "ShipmentLine",
    "ShippingRate",
    "StockHold",
    "Subscription",
    "TaxRate",
    "UnsealedEntry",
    "User",
    "UserLink",
    "UserSession",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
