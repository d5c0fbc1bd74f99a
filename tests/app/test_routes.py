"""Every address has a guard that somebody chose, and a stranger gets nothing of Acme's through any of them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from ballast.blueprints.api.image_schemas import PIXEL
from ballast.db import db, transaction
from ballast.models import CartLine, User
from tests.app.populated import Known
from tests.shopper import Shopper
from tests.world import World, csrf

PUBLIC, TOKEN, MEMBER, KEY, SIGNED = "public", "token in the address", "member", "api key", "processor signature"
# A member whose role carries a permission; platform staff have none.
RIGHT = "member with a right"
# A member whose role reads the audit log: owner, admin, staff. Over the API a key with its own scope, or such a person.
AUDIT, KEY_AUDIT = "member who reads the audit log", "api key with the scope, or such a member"
# Platform staff; to everybody else there is nothing.
STAFF = "platform staff"
# Our own machines, with the internal token.
INTERNAL = "internal token"
# Somebody signed in, about themselves; in the dashboard a member.
SELF, SELF_MEMBER = "oneself", "oneself, a member"
# A user's access token: whatever their role, or one whose role carries a permission.
TOKEN_READ, TOKEN_RIGHT = "access token", "access token with a right"

# A new route takes its place here, or this file fails.
GUARDS = {
    "GET /": PUBLIC,
    "GET /health": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /api/docs": PUBLIC,
    "GET /api/openapi.json": PUBLIC,
    "GET /sign-in": PUBLIC,
    "POST /sign-in": PUBLIC,
    "POST /sign-out": PUBLIC,
    "GET /shop/<slug>/": PUBLIC,
    "GET /shop/<slug>/cart": PUBLIC,
    "GET /shop/<slug>/products/<product>": PUBLIC,
    "POST /shop/<slug>/cart/code": PUBLIC,
    "POST /shop/<slug>/cart/lines": PUBLIC,
    "POST /shop/<slug>/cart/lines/<line_id>": PUBLIC,
    "POST /shop/<slug>/checkout": PUBLIC,
    "POST /shop/<slug>/subscribe": PUBLIC,
    "GET /shop/<slug>/account": PUBLIC,
    "POST /shop/<slug>/account": PUBLIC,
    "GET /checkout/<token>": TOKEN,
    "POST /checkout/<token>": TOKEN,
    "POST /checkout/<token>/another-card": TOKEN,
    "POST /checkout/<token>/forget": TOKEN,
    "GET /checkout/<token>/receipt": TOKEN,
    "GET /checkout/<token>/return": TOKEN,
    "GET /checkout/<token>/status": TOKEN,
    "GET /brand/<colors>.css": PUBLIC,
    "GET /images/<image_id>": TOKEN,
    "GET /downloads/<token>": TOKEN,
    "POST /downloads/<token>": TOKEN,
    "GET /invoices/<token>": TOKEN,
    "POST /invoices/<token>": TOKEN,
    "GET /invoices/<token>.pdf": TOKEN,
    "GET /invoices/<token>/credit-notes/<number>.pdf": TOKEN,
    "POST /invoices/<token>/another-card": TOKEN,
    "GET /invoices/<token>/return": TOKEN,
    "GET /invoices/<token>/status": TOKEN,
    "POST /invoices/<token>/stored-card": TOKEN,
    "GET /plans/<token>": TOKEN,
    "POST /plans/<token>/link": TOKEN,
    "GET /plans/<token>/disclosure.html": TOKEN,
    "GET /plans/<token>/disclosure.pdf": TOKEN,
    "GET /portal/<token>": TOKEN,
    "POST /portal/<token>/link": TOKEN,
    "POST /portal/<token>/shop": TOKEN,
    "GET /portal/<token>/subscriptions/<subscription_id>/cancel": TOKEN,
    "POST /portal/<token>/subscriptions/<subscription_id>/cancel": TOKEN,
    "GET /portal/<token>/subscriptions/<subscription_id>/card": TOKEN,
    "POST /portal/<token>/subscriptions/<subscription_id>/card": TOKEN,
    "GET /portal/<token>/subscriptions/<subscription_id>/card/<card_id>": TOKEN,
    "POST /portal/<token>/subscriptions/<subscription_id>/keep": TOKEN,
    "POST /portal/<token>/subscriptions/<subscription_id>/keep-plan": TOKEN,
    "GET /portal/<token>/subscriptions/<subscription_id>/pause": TOKEN,
    "POST /portal/<token>/subscriptions/<subscription_id>/pause": TOKEN,
    "GET /portal/<token>/subscriptions/<subscription_id>/plan": TOKEN,
    "POST /portal/<token>/subscriptions/<subscription_id>/plan": TOKEN,
    "POST /portal/<token>/subscriptions/<subscription_id>/resume": TOKEN,
    "GET /portal/<token>/subscriptions/<subscription_id>/return": TOKEN,
    "GET /portal/<token>/plans/<agreement_id>": TOKEN,
    "GET /portal/<token>/plans/<agreement_id>/return": TOKEN,
    "GET /portal/<token>/plans/<agreement_id>/payments/<payment_id>": TOKEN,
    "GET /portal/<token>/plans/<agreement_id>/payments/<payment_id>/status": TOKEN,
    "POST /portal/<token>/plans/<agreement_id>/payments/<payment_id>/another-card": TOKEN,
    "GET /portal/<token>/plans/<agreement_id>/<act>": TOKEN,
    "GET /portal/<token>/plans/<agreement_id>/card/new": TOKEN,
    "POST /portal/<token>/plans/<agreement_id>/card/new": TOKEN,
    "GET /portal/<token>/plans/<agreement_id>/card/new/<card_id>": TOKEN,
    "POST /portal/<token>/plans/<agreement_id>/<act>": TOKEN,
    "GET /charges/<token>": TOKEN,
    "GET /buy/<token>": TOKEN,
    "POST /buy/<token>": TOKEN,
    "GET /admin/": MEMBER,
    "GET /admin/payment-links": MEMBER,
    "GET /admin/payment-links/new": RIGHT,
    "POST /admin/payment-links/new": RIGHT,
    "GET /admin/payment-links/<link_id>": MEMBER,
    "POST /admin/payment-links/<link_id>/active": RIGHT,
    "GET /admin/payments": MEMBER,
    "GET /admin/payments/<payment_id>": MEMBER,
    "GET /admin/payments/<payment_id>/why": MEMBER,
    "GET /admin/coupons/export.csv": MEMBER,
    "GET /admin/products/export.csv": MEMBER,
    "GET /admin/orders/carts/export.csv": MEMBER,
    "GET /admin/payment-links/export.csv": MEMBER,
    "GET /admin/financing/agreements/export.csv": MEMBER,
    "GET /admin/payments/export.csv": MEMBER,
    "GET /admin/radar": MEMBER,
    "POST /admin/radar/late/<late_id>/refund": RIGHT,
    "GET /admin/radar/unknown": MEMBER,
    "GET /admin/radar/unknown/<attempt_id>": MEMBER,
    "POST /admin/radar/unknown/<attempt_id>/probe": RIGHT,
    "POST /admin/radar/unknown/<attempt_id>/resolve": RIGHT,
    "GET /admin/search": MEMBER,
    "GET /admin/refunds": MEMBER,
    "GET /admin/refunds/export.csv": MEMBER,
    "GET /admin/orders": MEMBER,
    "GET /admin/orders/export.csv": MEMBER,
    "GET /admin/orders/<order_id>": MEMBER,
    "POST /admin/orders/<order_id>/shipments": RIGHT,
    "GET /admin/orders/carts": MEMBER,
    "GET /admin/orders/carts/<cart_id>": MEMBER,
    "GET /admin/ledger": MEMBER,
    "GET /admin/ledger/transfers": MEMBER,
    "GET /admin/ledger/accounts/<ledger_account_id>": MEMBER,
    "GET /admin/ledger/accounts/<ledger_account_id>/statement.csv": MEMBER,
    "GET /admin/ledger/transfers/export.csv": MEMBER,
    "GET /admin/reconciliation": MEMBER,
    "POST /admin/reconciliation": RIGHT,
    "GET /admin/reconciliation/payouts": MEMBER,
    "GET /admin/reconciliation/<reconciliation_id>": MEMBER,
    "GET /admin/reconciliation/drifts/<drift_id>": RIGHT,
    "POST /admin/reconciliation/drifts/<drift_id>": RIGHT,
    "GET /admin/mails": MEMBER,
    "GET /admin/mails/export.csv": MEMBER,
    "GET /admin/mails/<email_id>": MEMBER,
    "GET /admin/mails/<email_id>/body": RIGHT,
    "POST /admin/mails/<email_id>/send": RIGHT,
    "GET /admin/events": MEMBER,
    "GET /admin/events/export.csv": MEMBER,
    "GET /admin/events/<published_id>": MEMBER,
    "GET /admin/customers/export.csv": MEMBER,
    "GET /admin/disputes/export.csv": MEMBER,
    "GET /admin/invoices/export.csv": MEMBER,
    "GET /admin/subscriptions/export.csv": MEMBER,
    "GET /admin/webhooks/deliveries/export.csv": MEMBER,
    "GET /admin/payments/<payment_id>/refund": RIGHT,
    "POST /admin/payments/<payment_id>/refund": RIGHT,
    "GET /admin/disputes": MEMBER,
    "GET /admin/disputes/<dispute_id>": MEMBER,
    "GET /admin/disputes/<dispute_id>/accept": RIGHT,
    "POST /admin/disputes/<dispute_id>/accept": RIGHT,
    "POST /admin/disputes/<dispute_id>/evidence": RIGHT,
    "GET /admin/payments/<payment_id>/capture": RIGHT,
    "POST /admin/payments/<payment_id>/capture": RIGHT,
    "GET /admin/payments/<payment_id>/release": RIGHT,
    "POST /admin/payments/<payment_id>/release": RIGHT,
    "GET /admin/customers": MEMBER,
    "GET /admin/customers/<customer_id>": MEMBER,
    "GET /admin/customers/<customer_id>/charge": RIGHT,
    "POST /admin/customers/<customer_id>/charge": RIGHT,
    "GET /admin/customers/<customer_id>/cards/<card_id>/remove": RIGHT,
    "POST /admin/customers/<customer_id>/cards/<card_id>/remove": RIGHT,
    "GET /admin/customers/<customer_id>/export.json": RIGHT,
    "GET /admin/customers/<customer_id>/erase": RIGHT,
    "POST /admin/customers/<customer_id>/erase": RIGHT,
    "GET /admin/subscriptions": MEMBER,
    "GET /admin/subscriptions/<subscription_id>": MEMBER,
    "GET /admin/subscriptions/<subscription_id>/cancel": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/cancel": RIGHT,
    "GET /admin/subscriptions/<subscription_id>/keep": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/keep": RIGHT,
    "GET /admin/subscriptions/<subscription_id>/drop": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/drop": RIGHT,
    "GET /admin/subscriptions/<subscription_id>/pause": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/pause": RIGHT,
    "GET /admin/subscriptions/<subscription_id>/resume": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/resume": RIGHT,
    "GET /admin/subscriptions/<subscription_id>/retry": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/retry": RIGHT,
    "GET /admin/subscriptions/<subscription_id>/card": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/card": RIGHT,
    "GET /admin/subscriptions/<subscription_id>/change": RIGHT,
    "POST /admin/subscriptions/<subscription_id>/change": RIGHT,
    "GET /admin/customers/choose": RIGHT,
    "GET /admin/customers/<customer_id>/subscribe": RIGHT,
    "POST /admin/customers/<customer_id>/subscribe": RIGHT,
    "GET /admin/customers/<customer_id>/invoice": RIGHT,
    "POST /admin/customers/<customer_id>/invoice": RIGHT,
    "GET /admin/financing/agreements": MEMBER,
    "GET /admin/financing/agreements/<agreement_id>": MEMBER,
    "GET /admin/financing/agreements/<agreement_id>/terms": MEMBER,
    "GET /admin/financing/agreements/<agreement_id>/disclosure": MEMBER,
    "GET /admin/financing/agreements/<agreement_id>/disclosure.pdf": MEMBER,
    "GET /admin/financing/agreements/<agreement_id>/<name>": RIGHT,
    "POST /admin/financing/agreements/<agreement_id>/<name>": RIGHT,
    "GET /admin/financing/portfolio": MEMBER,
    "GET /admin/invoices": MEMBER,
    "GET /admin/invoices/<invoice_id>": MEMBER,
    "GET /admin/invoices/<invoice_id>/void": RIGHT,
    "POST /admin/invoices/<invoice_id>/void": RIGHT,
    "GET /admin/invoices/<invoice_id>/uncollectible": RIGHT,
    "POST /admin/invoices/<invoice_id>/uncollectible": RIGHT,
    "GET /admin/invoices/<invoice_id>/credit": RIGHT,
    "POST /admin/invoices/<invoice_id>/credit": RIGHT,
    "GET /admin/settings/billing": MEMBER,
    "POST /admin/settings/billing": RIGHT,
    "GET /admin/settings/mails": MEMBER,
    "GET /admin/settings/mails/preview": MEMBER,
    "GET /admin/products": MEMBER,
    "GET /admin/products/new": RIGHT,
    "POST /admin/products/new": RIGHT,
    "GET /admin/products/<product_id>": MEMBER,
    "POST /admin/products/<product_id>/prices": RIGHT,
    "POST /admin/products/<product_id>/stock": RIGHT,
    "GET /admin/products/<product_id>/pictures": MEMBER,
    "POST /admin/products/<product_id>/pictures": RIGHT,
    "POST /admin/products/<product_id>/pictures/removed": RIGHT,
    "POST /admin/products/<product_id>/pictures/<image_id>/words": RIGHT,
    "POST /admin/products/<product_id>/pictures/<image_id>/place": RIGHT,
    "POST /admin/products/<product_id>/pictures/<image_id>/removed": RIGHT,
    "POST /admin/products/<product_id>/file": RIGHT,
    "POST /admin/products/<product_id>/file/removed": RIGHT,
    "GET /admin/products/<product_id>/edit": RIGHT,
    "POST /admin/products/<product_id>/edit": RIGHT,
    "GET /admin/settings/go-live": MEMBER,
    "POST /admin/products/<product_id>/archived": RIGHT,
    "POST /admin/products/prices/<price_id>/archived": RIGHT,
    "GET /admin/coupons": MEMBER,
    "GET /admin/coupons/new": RIGHT,
    "POST /admin/coupons/new": RIGHT,
    "GET /admin/coupons/<coupon_id>": MEMBER,
    "POST /admin/coupons/<coupon_id>/codes": RIGHT,
    "POST /admin/coupons/<coupon_id>/archived": RIGHT,
    "POST /admin/coupons/codes/<promotion_code_id>/archived": RIGHT,
    "GET /admin/tax-rates": MEMBER,
    "POST /admin/tax-rates": RIGHT,
    "POST /admin/tax-rates/<tax_rate_id>/archived": RIGHT,
    "GET /admin/financing/offers": MEMBER,
    "GET /admin/financing/offers/new": RIGHT,
    "POST /admin/financing/offers/new": RIGHT,
    "POST /admin/financing/offers/preview": RIGHT,
    "GET /admin/financing/offers/<offer_id>": MEMBER,
    "GET /admin/financing/offers/<offer_id>/edit": RIGHT,
    "POST /admin/financing/offers/<offer_id>/edit": RIGHT,
    "GET /admin/financing/offers/<offer_id>/<act>": RIGHT,
    "POST /admin/financing/offers/<offer_id>/<act>": RIGHT,
    "GET /admin/financing/settings": MEMBER,
    "POST /admin/financing/settings": RIGHT,
    "POST /admin/financing/settings/interest": RIGHT,
    "GET /plans/embed.js": PUBLIC,
    "GET /plans/quote": PUBLIC,
    "GET /plans/quote.json": PUBLIC,
    "GET /admin/clock": MEMBER,
    "POST /admin/clock": RIGHT,
    "GET /admin/clock/reset": RIGHT,
    "POST /admin/clock/reset": RIGHT,
    "GET /api/v1/clock": KEY,
    "POST /api/v1/clock/advance": KEY,
    "GET /admin/processor-events": MEMBER,
    "GET /admin/processor-events/<event_id>": MEMBER,
    "POST /admin/processor-events/<event_id>/replay": RIGHT,
    "GET /admin/settings/processors": MEMBER,
    "GET /admin/settings/processors/<account_id>": MEMBER,
    "GET /admin/settings/processors/<account_id>/archive": RIGHT,
    "POST /admin/settings/processors/<account_id>/archive": RIGHT,
    "POST /admin/settings/processors/<account_id>/check": RIGHT,
    "POST /admin/settings/processors/<account_id>/default": RIGHT,
    "POST /admin/settings/processors/<account_id>/enabled": RIGHT,
    "GET /admin/settings/processors/<account_id>/keys": RIGHT,
    "POST /admin/settings/processors/<account_id>/keys": RIGHT,
    "POST /admin/settings/processors/<account_id>/restore": RIGHT,
    "GET /admin/settings/processors/<account_id>/routing": RIGHT,
    "POST /admin/settings/processors/<account_id>/routing": RIGHT,
    "POST /admin/settings/processors/<account_id>/webhooks": RIGHT,
    "GET /admin/settings/processors/new": RIGHT,
    "POST /admin/settings/processors/new": RIGHT,
    "GET /admin/webhooks": MEMBER,
    "GET /admin/webhooks/new": RIGHT,
    "POST /admin/webhooks/new": RIGHT,
    "GET /admin/webhooks/deliveries": MEMBER,
    "POST /admin/webhooks/deliveries/retry": RIGHT,
    "GET /admin/webhooks/deliveries/<delivery_id>": MEMBER,
    "POST /admin/webhooks/deliveries/<delivery_id>/retry": RIGHT,
    "GET /admin/webhooks/<endpoint_id>": MEMBER,
    "GET /admin/webhooks/<endpoint_id>/delete": RIGHT,
    "POST /admin/webhooks/<endpoint_id>/delete": RIGHT,
    "GET /admin/webhooks/<endpoint_id>/disable": RIGHT,
    "GET /admin/webhooks/<endpoint_id>/edit": RIGHT,
    "POST /admin/webhooks/<endpoint_id>/edit": RIGHT,
    "POST /admin/webhooks/<endpoint_id>/enabled": RIGHT,
    "GET /admin/webhooks/<endpoint_id>/lab": RIGHT,
    "POST /admin/webhooks/<endpoint_id>/lab": RIGHT,
    "GET /admin/webhooks/<endpoint_id>/replay": RIGHT,
    "POST /admin/webhooks/<endpoint_id>/replay": RIGHT,
    "GET /admin/webhooks/<endpoint_id>/rotate": RIGHT,
    "POST /admin/webhooks/<endpoint_id>/rotate": RIGHT,
    "POST /admin/webhooks/<endpoint_id>/test": RIGHT,
    "GET /admin/settings/shipping": MEMBER,
    "POST /admin/settings/shipping": RIGHT,
    "POST /admin/settings/shipping/<shipping_rate_id>/archived": RIGHT,
    "GET /admin/settings/card-testing": MEMBER,
    "POST /admin/settings/card-testing": RIGHT,
    "GET /admin/settings": MEMBER,
    "POST /admin/settings": RIGHT,
    "GET /admin/settings/members": MEMBER,
    "GET /admin/settings/members/invite": RIGHT,
    "POST /admin/settings/members/invite": RIGHT,
    "GET /admin/settings/members/<member_id>": RIGHT,
    "POST /admin/settings/members/<member_id>/role": RIGHT,
    "POST /admin/settings/members/<member_id>/remove": RIGHT,
    "GET /admin/settings/api-keys": MEMBER,
    "GET /admin/settings/api-keys/new": RIGHT,
    "POST /admin/settings/api-keys/new": RIGHT,
    "GET /admin/settings/api-keys/<key_id>/revoke": RIGHT,
    "POST /admin/settings/api-keys/<key_id>/revoke": RIGHT,
    "GET /admin/settings/api-keys/<key_id>/rotate": RIGHT,
    "POST /admin/settings/api-keys/<key_id>/rotate": RIGHT,
    "GET /admin/account": MEMBER,
    "POST /admin/account/email": SELF_MEMBER,
    "POST /admin/account/password": SELF_MEMBER,
    "POST /admin/account/sessions/<session_id>/end": SELF_MEMBER,
    "POST /admin/account/sign-out-everywhere": SELF_MEMBER,
    "GET /admin/account/second-factor": MEMBER,
    "POST /admin/account/second-factor": SELF_MEMBER,
    "POST /admin/account/second-factor/confirm": SELF_MEMBER,
    "POST /admin/account/second-factor/off": SELF_MEMBER,
    "POST /admin/settings/second-factor": RIGHT,
    "GET /sign-in/code": PUBLIC,
    "POST /sign-in/code": PUBLIC,
    "GET /organizations": SELF,
    "POST /organizations": SELF,
    "GET /sign-up": PUBLIC,
    "POST /sign-up": PUBLIC,
    "GET /forgot-password": PUBLIC,
    "POST /forgot-password": PUBLIC,
    "GET /invitations/<token>": TOKEN,
    "POST /invitations/<token>": TOKEN,
    "GET /verify-email/<token>": TOKEN,
    "POST /verify-email/<token>": TOKEN,
    "GET /claim/<token>": TOKEN,
    "POST /claim/<token>": TOKEN,
    "GET /change-email/<token>": TOKEN,
    "POST /change-email/<token>": TOKEN,
    "GET /reset-password/<token>": TOKEN,
    "POST /reset-password/<token>": TOKEN,
    "GET /admin/style": MEMBER,
    "GET /admin/audit": AUDIT,
    "GET /admin/audit/export.csv": AUDIT,
    "GET /platform/organizations": STAFF,
    "GET /platform/organizations/<organization_id>": STAFF,
    "GET /platform/organizations/<organization_id>/live": STAFF,
    "POST /platform/organizations/<organization_id>/live": STAFF,
    "GET /platform/users": STAFF,
    "GET /platform/users/<user_id>": STAFF,
    "GET /platform/users/<user_id>/ban": STAFF,
    "POST /platform/users/<user_id>/ban": STAFF,
    "GET /platform/users/<user_id>/unban": STAFF,
    "POST /platform/users/<user_id>/unban": STAFF,
    "GET /platform/users/<user_id>/second-factor": STAFF,
    "POST /platform/users/<user_id>/second-factor": STAFF,
    "GET /platform/audit": STAFF,
    "GET /platform/unknown": STAFF,
    "GET /platform/jobs": STAFF,
    "GET /platform/jobs/runs": STAFF,
    "GET /platform/jobs/failed/<job_id>": STAFF,
    "POST /platform/jobs/failed/<job_id>/retry": STAFF,
    "POST /platform/jobs/failed/<job_id>/forget": STAFF,
    "POST /platform/jobs/run/<name>": STAFF,
    "POST /platform/jobs/rehearse": STAFF,
    "GET /metrics": INTERNAL,
    "POST /internal/jobs/<name>": INTERNAL,
    "POST /internal/notifications/<family>/<kind>": INTERNAL,
    "GET /api/v1/audit": KEY_AUDIT,
    "GET /api/v1/payments": KEY,
    "POST /api/v1/payments": KEY,
    "GET /api/v1/payments/<payment_id>": KEY,
    "PATCH /api/v1/payments/<payment_id>": KEY,
    "POST /api/v1/payments/<payment_id>/confirm": KEY,
    "POST /api/v1/payments/<payment_id>/capture": KEY,
    "POST /api/v1/payments/<payment_id>/cancel": KEY,
    "GET /api/v1/webhooks/endpoints": KEY,
    "POST /api/v1/webhooks/endpoints": KEY,
    "GET /api/v1/webhooks/endpoints/<endpoint_id>": KEY,
    "PATCH /api/v1/webhooks/endpoints/<endpoint_id>": KEY,
    "DELETE /api/v1/webhooks/endpoints/<endpoint_id>": KEY,
    "POST /api/v1/webhooks/endpoints/<endpoint_id>/replay": KEY,
    "POST /api/v1/webhooks/endpoints/<endpoint_id>/rotate": KEY,
    "POST /api/v1/webhooks/endpoints/<endpoint_id>/test": KEY,
    "GET /api/v1/webhooks/deliveries": KEY,
    "GET /api/v1/webhooks/deliveries/<delivery_id>": KEY,
    "POST /api/v1/webhooks/deliveries/<delivery_id>/retry": KEY,
    "POST /api/v1/webhooks/deliveries/retry": KEY,
    "GET /api/v1/checkout_sessions": KEY,
    "POST /api/v1/checkout_sessions": KEY,
    "GET /api/v1/checkout_sessions/<session_id>": KEY,
    "POST /api/v1/checkout_sessions/<session_id>/expire": KEY,
    "GET /api/v1/refunds": KEY,
    "POST /api/v1/refunds": KEY,
    "GET /api/v1/refunds/<refund_id>": KEY,
    "GET /api/v1/customers": KEY,
    "POST /api/v1/customers": KEY,
    "GET /api/v1/customers/<customer_id>": KEY,
    "GET /api/v1/customers/<customer_id>/export": KEY,
    "POST /api/v1/customers/<customer_id>/erase": KEY,
    "PATCH /api/v1/customers/<customer_id>": KEY,
    "GET /api/v1/payment_methods": KEY,
    "GET /api/v1/payment_methods/<payment_method_id>": KEY,
    "POST /api/v1/payment_methods/<payment_method_id>/detach": KEY,
    "GET /api/v1/products": KEY,
    "POST /api/v1/products": KEY,
    "GET /api/v1/products/<product_id>": KEY,
    "PATCH /api/v1/products/<product_id>": KEY,
    "GET /api/v1/prices": KEY,
    "POST /api/v1/prices": KEY,
    "GET /api/v1/prices/<price_id>": KEY,
    "PATCH /api/v1/prices/<price_id>": KEY,
    "GET /api/v1/coupons": KEY,
    "POST /api/v1/coupons": KEY,
    "GET /api/v1/coupons/<coupon_id>": KEY,
    "PATCH /api/v1/coupons/<coupon_id>": KEY,
    "GET /api/v1/promotion_codes": KEY,
    "POST /api/v1/promotion_codes": KEY,
    "GET /api/v1/promotion_codes/<promotion_code_id>": KEY,
    "PATCH /api/v1/promotion_codes/<promotion_code_id>": KEY,
    "GET /api/v1/orders": KEY,
    "GET /api/v1/orders/<order_id>": KEY,
    "POST /api/v1/orders/<order_id>/shipments": KEY,
    "GET /api/v1/shipping_rates": KEY,
    "POST /api/v1/shipping_rates": KEY,
    "GET /api/v1/shipping_rates/<shipping_rate_id>": KEY,
    "PATCH /api/v1/shipping_rates/<shipping_rate_id>": KEY,
    "POST /api/v1/products/<product_id>/stock": KEY,
    "GET /api/v1/products/<product_id>/images": KEY,
    "POST /api/v1/products/<product_id>/images": KEY,
    "PATCH /api/v1/products/<product_id>/images/<image_id>": KEY,
    "DELETE /api/v1/products/<product_id>/images/<image_id>": KEY,
    "GET /api/v1/tax_rates": KEY,
    "POST /api/v1/tax_rates": KEY,
    "GET /api/v1/tax_rates/<tax_rate_id>": KEY,
    "PATCH /api/v1/tax_rates/<tax_rate_id>": KEY,
    "GET /api/v1/subscriptions": KEY,
    "POST /api/v1/subscriptions": KEY,
    "POST /api/v1/subscriptions/preview": KEY,
    "GET /api/v1/subscriptions/<subscription_id>": KEY,
    "PATCH /api/v1/subscriptions/<subscription_id>": KEY,
    "POST /api/v1/subscriptions/<subscription_id>/preview_change": KEY,
    "POST /api/v1/subscriptions/<subscription_id>/change": KEY,
    "POST /api/v1/subscriptions/<subscription_id>/cancel": KEY,
    "POST /api/v1/subscriptions/<subscription_id>/keep": KEY,
    "POST /api/v1/subscriptions/<subscription_id>/pause": KEY,
    "POST /api/v1/subscriptions/<subscription_id>/resume": KEY,
    "GET /api/v1/invoices": KEY,
    "POST /api/v1/invoices": KEY,
    "GET /api/v1/invoices/upcoming": KEY,
    "GET /api/v1/invoices/<invoice_id>": KEY,
    "POST /api/v1/invoices/<invoice_id>/pay": KEY,
    "POST /api/v1/invoices/<invoice_id>/void": KEY,
    "POST /api/v1/invoices/<invoice_id>/mark_uncollectible": KEY,
    "GET /api/v1/credit_notes": KEY,
    "POST /api/v1/credit_notes": KEY,
    "GET /api/v1/credit_notes/<credit_note_id>": KEY,
    "GET /api/v1/financing/offers": KEY,
    "POST /api/v1/financing/offers": KEY,
    "GET /api/v1/financing/offers/<offer_id>": KEY,
    "PATCH /api/v1/financing/offers/<offer_id>": KEY,
    "POST /api/v1/financing/offers/<offer_id>/publish": KEY,
    "POST /api/v1/financing/offers/<offer_id>/unpublish": KEY,
    "POST /api/v1/financing/offers/<offer_id>/archive": KEY,
    "POST /api/v1/financing/offers/<offer_id>/restore": KEY,
    "POST /api/v1/financing/quotes": KEY,
    "GET /api/v1/financing/agreements": KEY,
    "GET /api/v1/financing/agreements/<agreement_id>": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/card": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/card/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/date_moves": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/date_moves/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/pauses": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/pauses/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/payments": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/payments/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/payoff": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/payoff/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/refunds": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/refunds/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/reschedules": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/reschedules/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/waivers": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/waivers/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/settlements": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/settlements/preview": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/write_offs": KEY,
    "POST /api/v1/financing/agreements/<agreement_id>/write_offs/preview": KEY,
    "GET /api/v1/disputes": KEY,
    "GET /api/v1/disputes/<dispute_id>": KEY,
    "POST /api/v1/disputes/<dispute_id>/evidence": KEY,
    "POST /api/v1/disputes/<dispute_id>/accept": KEY,
    "GET /api/v1/events": KEY,
    "GET /api/v1/events/<event_id>": KEY,
    "GET /api/v1/balance": KEY,
    "POST /api/v1/auth/register": PUBLIC,
    "POST /api/v1/auth/login": PUBLIC,
    "GET /api/v1/organizations/me": KEY,
    "PATCH /api/v1/organizations/me": TOKEN_RIGHT,
    "GET /api/v1/organizations/me/members": TOKEN_READ,
    "POST /api/v1/organizations/me/members": TOKEN_RIGHT,
    "PATCH /api/v1/organizations/me/members/<member_id>": TOKEN_RIGHT,
    "DELETE /api/v1/organizations/me/members/<member_id>": TOKEN_RIGHT,
    "GET /api/v1/api-keys": TOKEN_READ,
    "POST /api/v1/api-keys": TOKEN_RIGHT,
    "POST /api/v1/api-keys/<key_id>/rotate": TOKEN_RIGHT,
    "DELETE /api/v1/api-keys/<key_id>": TOKEN_RIGHT,
    "POST /hooks/<processor>/<account_id>": SIGNED,
    "GET /hooks/<processor>/<account_id>": SIGNED,
}
LISTS = (
    "/financing/agreements",
    "/payments",
    "/refunds",
    "/customers",
    "/payment_methods",
    "/disputes",
    "/events",
    "/coupons",
    "/promotion_codes",
    "/tax_rates",
    "/shipping_rates",
    "/orders",
    "/subscriptions",
    "/invoices",
    "/credit_notes",
    "/financing/offers",
    "/checkout_sessions",
)
ROUTE_VARIABLES = (
    "payment_id",
    "product_id",
    "price_id",
    "coupon_id",
    "promotion_code_id",
    "tax_rate_id",
    "shipping_rate_id",
    "offer_id",
    "agreement_id",
    "subscription_id",
    "invoice_id",
    "credit_note_id",
    "refund_id",
    "payment_method_id",
    "dispute_id",
    "customer_id",
    "line_id",
    "slug",
    "product",
    "processor",
    "account_id",
    "event_id",
    "endpoint_id",
    "delivery_id",
    "key_id",
    "member_id",
    "session_id",
    "link_id",
    "card_id",
    "order_id",
    "cart_id",
    "email_id",
    "published_id",
    "job_id",
    "token",
    "number",
    "colors",
    "organization_id",
    "user_id",
    "name",
    "family",
    "kind",
    "act",
)
# What acts on a plan are told.
PREVIEWED = {"preview_hash": "0" * 64}
ACTS = {
    "payoff": {},
    "payments": {},
    "waivers": {},
    "write_offs": {},
    "settlements": {"amount": 2000},
    "refunds": {},
    "card": {"payment_method": "pm_1"},
    "date_moves": {"installment": 1, "to": "2027-01-15"},
    "pauses": {"months": 1},
    "reschedules": {"installments": 3, "first_due_on": "2027-01-15"},
}
ON_PLAN = "POST /api/v1/financing/agreements/<agreement_id>"
# What a route must be sent to get as far as its id.
BODIES = {
    **{f"{ON_PLAN}/{act}/preview": asked for act, asked in ACTS.items()},
    **{f"{ON_PLAN}/{act}": asked | PREVIEWED for act, asked in ACTS.items()},
    "POST /api/v1/products/<product_id>/stock": {"to": 3, "reason": "Counted"},
    "POST /api/v1/products/<product_id>/images": {"content": PIXEL},
    "POST /api/v1/disputes/<dispute_id>/evidence": {"text": "They have it."},
    "POST /api/v1/webhooks/endpoints/<endpoint_id>/replay": {"start": "2026-11-01", "end": "2026-11-02"},
    "PATCH /api/v1/organizations/me/members/<member_id>": {"role": "viewer"},
}
# What a list must be asked to answer at all.
QUERIES = {
    "GET /api/v1/payment_methods": ("customer", "customer_id"),
    "GET /api/v1/invoices/upcoming": ("subscription", "subscription_id"),
}
NOBODY_HAS = "an-address-nobody-has"
WRITES = ("POST", "PATCH", "PUT", "DELETE")


def guarded_by(*guards: str) -> list[str]:
    return [route for route, guard in GUARDS.items() if guard in guards]


def has_body(route: str) -> bool:
    return route.startswith(("POST", "PATCH"))


def address(route: str, **ids: str) -> tuple[str, str]:
    """Method and path of a route, its variables filled in."""
    method, _, path = route.partition(" ")
    while "<" in path:
        before, _, rest = path.partition("<")
        name, _, after = rest.partition(">")
        path = before + ids.get(name, NOBODY_HAS) + after
    return method, path


def ask(client: FlaskClient, route: str, ids: dict[str, str] | None = None, **more: object) -> TestResponse:
    method, path = address(route, **(ids or {}))
    return client.open(path, method=method, **more)  # type: ignore[arg-type]


def body_of(route: str) -> dict[str, str] | None:
    return BODIES.get(route, {}) if has_body(route) else None


def query_of(route: str, ids: dict[str, str]) -> dict[str, str]:
    parameter, variable = QUERIES.get(route, ("", ""))
    return {parameter: ids[variable]} if parameter else {}


def test_every_route_has_the_guard_that_this_table_says(app: Flask) -> None:
    found = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert found == set(GUARDS)


@pytest.mark.parametrize("route", guarded_by(MEMBER, RIGHT, AUDIT, SELF, SELF_MEMBER))
def test_a_member_page_sends_everyone_else_to_sign_in(client: FlaskClient, route: str) -> None:
    form = {"csrf_token": csrf(client.get("/sign-in").get_data(as_text=True))}
    answer = ask(client, route, data=form if route.startswith("POST") else None)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in?next=")


def test_a_member_page_refuses_who_is_signed_in_but_no_member(world: World) -> None:
    client = world.sign_in("shopper")
    form = {"csrf_token": csrf(client.get("/sign-in").get_data(as_text=True))}
    got = {
        route: ask(client, route, data=form if route.startswith("POST") else None).status_code
        for route in guarded_by(MEMBER, RIGHT, AUDIT, SELF_MEMBER)
    }
    assert got == dict.fromkeys(guarded_by(MEMBER, RIGHT, AUDIT, SELF_MEMBER), 403)


STAFF_ASK = [f"POST /admin/radar/unknown/<attempt_id>/{act}" for act in ("probe", "resolve")]


def test_platform_staff_look_at_an_organization_and_change_nothing_in_it(world: World, known: Known) -> None:
    payment_id = known.payment_id
    ids = {"payment_id": payment_id, "customer_id": known.customer_id, "dispute_id": known.dispute_id}
    ids |= {"account_id": world.acme.account_id, "event_id": known.event_id}
    ids |= {"endpoint_id": known.endpoint_id, "delivery_id": known.delivery_id}
    ids |= {"key_id": known.key_id, "member_id": known.member_id, "link_id": known.link_id} | known.sold
    ids |= {"order_id": known.order_id, "cart_id": known.cart_id, "email_id": known.email_id}
    ids |= {"published_id": known.published_id, "attempt_id": known.attempt_id, "late_id": known.late_id}
    staff = world.sign_in("staff")
    form = {"csrf_token": csrf(staff.get("/admin/").get_data(as_text=True)), "amount": "1.00", "reason": "other"}
    form["word"] = "charged"
    for route in guarded_by(MEMBER, RIGHT, AUDIT):
        answer = ask(staff, route, ids, data=form if route.startswith("POST") else None)
        if route in STAFF_ASK:
            assert answer.status_code in (303, 409), "they have the processor asked, and this one is decided"
        else:
            assert answer.status_code == (403 if route in guarded_by(RIGHT) else 200), route
    assert world.payment(payment_id).amount_refunded == 100, "as it was"


def test_a_viewer_reads_every_page_and_changes_nothing(world: World, known: Known) -> None:
    viewer = world.sign_in("viewer")
    form = {"csrf_token": csrf(viewer.get("/admin/").get_data(as_text=True)), "amount": "1.00", "reason": "other"}
    for ids in ids_of(known, world):
        for route in guarded_by(MEMBER, RIGHT, AUDIT):
            answer = ask(viewer, route, ids, data=form if route.startswith("POST") else None)
            assert answer.status_code == (403 if route in guarded_by(RIGHT, AUDIT) else 200), route


@pytest.mark.parametrize("role", [None, "owner", "viewer", "stranger", "shopper"])
def test_the_platforms_area_is_not_there_for_anybody_but_staff(world: World, role: str | None) -> None:
    client = world.sign_in(role) if role else world.app.test_client()
    ids = {"organization_id": world.acme.id, "user_id": user_id_of("admin")}
    form = {"csrf_token": csrf(client.get("/sign-up").get_data(as_text=True)), "reason": "I want to"}
    for route in guarded_by(STAFF):
        answer = ask(client, route, ids, data=form if route.startswith("POST") else None)
        assert answer.status_code == 404, route
    banned = db.session.scalars(select(User).where(User.banned_at.is_not(None))).all()
    assert banned == []
    if role:
        assert "/platform/" not in client.get("/admin/").get_data(as_text=True)


def test_staff_see_every_organization_and_everybody(world: World) -> None:
    staff = world.sign_in("staff")
    for organization_id in (world.acme.id, world.stranger.id):
        ids = {"organization_id": organization_id, "user_id": user_id_of("stranger")}
        for route in guarded_by(STAFF):
            if (
                route.startswith("GET") and "<job_id>" not in route
            ):  # a job that failed is made in tests/pages/test_jobs.py
                assert ask(staff, route, ids).status_code == 200, route


def user_id_of(name: str) -> str:
    db.session.rollback()
    return db.session.scalars(select(User.id).where(User.email == f"{name}@example.com")).one()


def test_who_is_staff_no_more_sees_nothing_at_the_next_request(world: World) -> None:
    staff = world.sign_in("staff")
    assert staff.get("/admin/").status_code == 200
    db.session.rollback()
    with transaction() as session:
        session.execute(update(User).where(User.is_admin).values(is_admin=False))
    assert staff.get("/admin/").status_code == 403


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "api_key_missing"),
        ({"X-API-Key": ""}, "api_key_missing"),
        ({"X-API-Key": "bl_test_nobody"}, "api_key_invalid"),
        ({"X-API-Key": "sk_test_of_another_trade"}, "api_key_invalid"),
        ({"X-API-Key": "x" * 5000}, "api_key_invalid"),
        ({"X-API-Key": "bl_test_ä"}, "api_key_invalid"),
        ({"Authorization": "Bearer bl_test_nobody"}, "api_key_invalid"),
        ({"Authorization": "Bearer an.access.token"}, "token_invalid"),
        ({"Authorization": "Bearer "}, "api_key_missing"),
        ({"Authorization": "Basic YTpi"}, "api_key_missing"),
    ],
)
def test_the_api_answers_401_without_a_key_that_holds(client: FlaskClient, headers: dict[str, str], code: str) -> None:
    for route in guarded_by(KEY, KEY_AUDIT, TOKEN_READ, TOKEN_RIGHT):
        answer = ask(client, route, headers=headers, json={} if has_body(route) else None)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, code), route


def test_a_session_is_no_key_and_a_key_is_no_session(world: World) -> None:
    owner = world.sign_in("owner")
    assert {ask(owner, route).status_code for route in guarded_by(KEY, KEY_AUDIT, TOKEN_READ, TOKEN_RIGHT)} == {401}
    with_key = {"X-API-Key": world.acme.api_key, "Authorization": f"Bearer {world.acme.api_key}"}
    answer = world.app.test_client().get("/admin/payments", headers=with_key)
    assert answer.status_code == 303


@pytest.mark.parametrize("route", guarded_by(TOKEN, SIGNED, INTERNAL))
def test_an_address_nobody_has_is_404(client: FlaskClient, route: str) -> None:
    form = {"csrf_token": csrf(client.get("/sign-in").get_data(as_text=True))}
    assert ask(client, route, data=form if route.startswith("POST") else None).status_code == 404


# --- The stranger ------------------------------------------------------------------------------------------------------------


def ids_of(known: Known, world: World) -> Iterator[dict[str, str]]:
    for payment_id in (known.payment_id, known.open_payment_id):
        yield {
            "payment_id": payment_id,
            "refund_id": known.refund_id,
            "payment_method_id": known.card_id,
            "dispute_id": known.dispute_id,
            "line_id": known.line_id,
            "slug": world.stranger.slug,
            "product": "kettle",
            "processor": "stripe",
            "account_id": world.acme.account_id,
            "customer_id": known.customer_id,
            "event_id": known.event_id,
            "endpoint_id": known.endpoint_id,
            "delivery_id": known.delivery_id,
            "key_id": known.key_id,
            "member_id": known.member_id,
            "session_id": known.session_id,
            "link_id": known.link_id,
            "card_id": known.card_id,
            "order_id": known.order_id,
            "cart_id": known.cart_id,
            "email_id": known.email_id,
            "attempt_id": known.attempt_id,
            "late_id": known.late_id,
            "published_id": known.published_id,
            **known.sold,
        }


def tells_of_acme(answer: TestResponse, known: Known) -> list[str]:
    page = answer.get_data(as_text=True)
    secrets = ["Acme", "noor@example.com", known.checkout_token, known.customer_id, "pm_card_visa"]
    return [secret for secret in secrets if secret in page]


def test_a_strangers_key_gets_nothing_of_acmes(world: World, known: Known) -> None:
    headers = {"X-API-Key": world.stranger.api_key, "Idempotency-Key": known.owner_key}
    for route in guarded_by(KEY):
        if "<" not in route:
            continue
        for ids in ids_of(known, world):
            ids |= {"event_id": known.published_id}
            answer = ask(world.app.test_client(), route, ids, headers=headers, json=body_of(route))
            assert answer.status_code == 404, route
            assert answer.get_json()["error"]["code"] == "resource_missing"
            assert tells_of_acme(answer, known) == [], route
    theirs = world.api(world.stranger.api_key)
    refused = theirs.post("/refunds", {"payment": known.payment_id})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (404, "resource_missing")
    assert theirs.get("/webhooks/deliveries").get_json()["data"] == []
    many = {"deliveries": [known.delivery_id]}
    assert theirs.post("/webhooks/deliveries/retry", many).status_code == 404
    for path in LISTS:
        query = {"customer": known.customer_id} if path == "/payment_methods" else {}
        assert theirs.get(path, **query).get_json()["data"] == [], path
        assert world.api(world.acme.api_key).get(path, **query).get_json()["data"], path
    assert theirs.get("/balance").get_json()["currencies"] == []
    mine = theirs.get("/audit").get_json()["data"]
    assert mine
    assert {one["resource_id"] for one in mine}.isdisjoint(
        {*known.sold.values(), *(one for one in vars(known).values() if isinstance(one, str))}
    )
    assert theirs.get("/audit", resource_id=known.payment_id).get_json()["data"] == []
    coming = theirs.get("/invoices/upcoming", subscription=known.sold["subscription_id"])
    assert (coming.status_code, coming.get_json()["error"]["code"]) == (404, "resource_missing")
    by_id = {"payment": known.payment_id}
    assert (
        theirs.get("/refunds", **by_id).get_json()["data"] == theirs.get("/disputes", **by_id).get_json()["data"] == []
    )
    for cursor in ("starting_after", "ending_before"):
        paged = world.api(world.stranger.api_key).get("/payments", **{cursor: known.payment_id}).get_json()
        assert paged["data"] == []
    assert world.api(world.stranger.api_key).get("/payments", customer=known.customer_id).get_json()["data"] == []


@pytest.mark.parametrize("role", ["viewer", "staff"])
def test_a_token_reads_with_any_role_and_changes_nothing_without_the_right(
    world: World, known: Known, role: str
) -> None:
    headers = {"Authorization": f"Bearer {world.token(role)}", "Idempotency-Key": known.owner_key}
    for route in guarded_by(KEY, TOKEN_READ, TOKEN_RIGHT):
        ids = next(ids_of(known, world)) | {"event_id": known.published_id}
        answer = ask(
            world.app.test_client(), route, ids, headers=headers, json=body_of(route), query_string=query_of(route, ids)
        )
        if route == "POST /api/v1/financing/quotes":
            assert answer.status_code == 400, "whoever may read may ask: it changes nothing"
            continue
        assert answer.status_code == (403 if route.startswith(WRITES) else 200), route
        if route.startswith(WRITES):
            assert answer.get_json()["error"]["code"] == "role_insufficient", route


def test_the_audit_log_is_read_with_its_own_scope_or_by_who_may(world: World) -> None:
    usual = world.as_user("owner").post("/api-keys", {"name": "Usual"}).get_json()["key"]
    refused = world.api(usual).get("/audit")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "scope_missing")
    assert world.api(world.acme.api_key).get("/audit").status_code == 200
    got = {role: world.as_user(role).get("/audit").status_code for role in ("owner", "admin", "viewer", "staff")}
    assert got == {"owner": 200, "admin": 200, "viewer": 403, "staff": 200}


def test_a_key_does_nothing_that_only_people_do(world: World, known: Known) -> None:
    headers = {"X-API-Key": world.acme.api_key}
    for route in guarded_by(TOKEN_READ, TOKEN_RIGHT):
        answer = ask(world.app.test_client(), route, headers=headers, json={} if route.startswith(WRITES) else None)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "user_required"), route


def test_a_strangers_token_gets_nothing_of_acmes(world: World, known: Known) -> None:
    token = world.token("stranger")
    for route in guarded_by(KEY, KEY_AUDIT, TOKEN_READ, TOKEN_RIGHT):
        # What they make of their own needs a key of its own.
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": known.owner_key if "<" in route else str(uuid4()),
        }
        for ids in ids_of(known, world):
            for member_id in (known.member_id, known.invitation_id):
                theirs = ids | {"member_id": member_id, "event_id": known.published_id}
                answer = ask(world.app.test_client(), route, theirs, headers=headers, json=body_of(route))
                if "<" in route:
                    assert answer.status_code == 404, route
                assert tells_of_acme(answer, known) == [], route
                assert "newcomer@example.com" not in answer.get_data(as_text=True), route


def test_a_stranger_cannot_charge_acmes_customer_or_confirm_acmes_payment(world: World, known: Known) -> None:
    theirs = world.api(world.stranger.api_key)
    answer = theirs.pay(customer=known.customer_id)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "customer_unknown")
    before = world.charges()
    assert theirs.post(f"/payments/{known.open_payment_id}/confirm").status_code == 404
    assert world.charges() == before
    assert world.payment(known.open_payment_id).status == "requires_confirmation"


def test_a_strangers_session_gets_nothing_of_acmes(world: World, known: Known) -> None:
    client = world.sign_in("stranger")
    form = {"csrf_token": csrf(client.get("/admin/").get_data(as_text=True)), "amount": "1.00", "reason": "other"}
    form |= {"price_id": world.acme.price_id, "quantity": "1"}
    for route in guarded_by(MEMBER, RIGHT, AUDIT):
        for ids in ids_of(known, world):
            answer = ask(client, route, ids, data=form if route.startswith("POST") else None)
            fine = 422 if route.startswith("POST") else 200  # an empty form of their own
            assert answer.status_code == (404 if "<" in route else fine), route
            assert tells_of_acme(answer, known) == [], route
    for edge in ("before", "after"):
        page = client.get("/admin/payments", query_string={edge: known.payment_id})
        assert tells_of_acme(page, known) == []
    assert len(world.payment(known.payment_id).metadata_) == 1
    assert world.payment(known.payment_id).amount_refunded == 100


def test_a_strangers_shop_does_not_sell_or_change_what_is_acmes(world: World, known: Known) -> None:
    shopper = Shopper(world, world.stranger)
    answer = shopper.add(price_id=world.acme.price_id)
    assert answer.status_code == 400
    assert "no longer for sale" in answer.get_data(as_text=True)
    shopper.add()
    assert shopper.post(f"/shop/{world.stranger.slug}/cart/lines/{known.line_id}", {"quantity": "7"}).status_code == 303
    assert [line.quantity for line in world.all_of(CartLine)] == [1, 1]


def test_no_route_breaks_on_ids_that_are_not_ids(world: World) -> None:
    owner = world.sign_in("owner")
    token = csrf(owner.get("/admin/").get_data(as_text=True))
    bearer = world.token("owner")
    odd = [
        "%00",
        "%ff%fe",
        "..%2f..%2fetc",
        "pay_",
        "pay_01jd8h2m4s6v8x0z2b4d6f8h0k",
        "'--",
        "%F0%9F%92%B8",
        "x" * 2000,
    ]
    for value in odd:
        ids = dict.fromkeys(ROUTE_VARIABLES, value)
        for route, guard in GUARDS.items():
            if "<" not in route:
                continue
            more: dict[str, object] = {"headers": {"X-API-Key": world.acme.api_key}} if "/api/v1" in route else {}
            if has_body(route):
                more |= {"json": {}} if "/api/v1" in route else {"data": {"csrf_token": token}}
            if guard in (TOKEN_READ, TOKEN_RIGHT):
                more = {
                    "headers": {"Authorization": f"Bearer {bearer}"},
                    "json": BODIES.get(route, {}),
                }
            answer = ask(owner, route, ids, **more)
            assert 400 <= answer.status_code < 500, (route, value, answer.status_code)


# --- Forms -------------------------------------------------------------------------------------------------------------------


FORMS = [
    route
    for route, guard in GUARDS.items()
    if route.startswith("POST") and "/api/v1/" not in route and guard not in (SIGNED, INTERNAL)
]


@pytest.mark.parametrize("token", [None, "", "made-up", "of another session"])
def test_a_form_without_its_own_sessions_token_is_refused(world: World, token: str | None) -> None:
    client = world.sign_in("owner")
    if token == "of another session":
        token = csrf(world.app.test_client().get("/sign-in").get_data(as_text=True))
    for route in FORMS:
        answer = ask(client, route, {"slug": world.acme.slug}, data={} if token is None else {"csrf_token": token})
        assert answer.status_code == 400, route
        assert answer.headers["X-Request-Id"].startswith("req_"), route
    assert client.get("/admin/").status_code == 200, "still signed in"


def test_a_cookie_alone_moves_no_money_over_the_api(world: World) -> None:
    """The API is exempt from CSRF because it takes keys in headers and nothing from cookies."""
    owner = world.sign_in("owner")
    answer = owner.post("/api/v1/payments", json={"amount": 1, "currency": "USD"})
    assert answer.status_code == 401
