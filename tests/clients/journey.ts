// The journey of tests/clients/test_clients.py, in the types that were generated: what is misspelled here does not compile.
import { randomUUID } from "node:crypto";
import assert from "node:assert/strict";
import { ApiError, connect, verify } from "./index.js";

const ballast = connect(process.env.BALLAST_API_KEY!, process.env.BALLAST_URL!);

const made = await ballast.POST("/api/v1/payments", {
  body: { amount: 2000, currency: "USD", payment_method: "pm_card_visa", metadata: { order: "1042" } },
});
const payment = made.data!;
assert.equal(payment.status, "requires_confirmation");

const confirmed = await ballast.POST("/api/v1/payments/{payment_id}/confirm", {
  params: { path: { payment_id: payment.id } },
  body: {},
});
assert.equal(confirmed.data!.status, "succeeded");

const headers = { "Idempotency-Key": randomUUID() };
const ask = () => ballast.POST("/api/v1/refunds", { body: { payment: payment.id, amount: 500 }, headers });
const [first, again] = [await ask(), await ask()];
assert.equal(first.data!.id, again.data!.id);

const listed = await ballast.GET("/api/v1/payments", { params: { query: { status: "succeeded" } } });
assert.deepEqual(listed.data!.data.map((one) => one.id), [payment.id]);

await assert.rejects(
  ballast.POST("/api/v1/payments", {
    body: { amount: 2000, currency: "USD", payment_method: "pm_card_chargeDeclined", confirm: true },
  }),
  (error) => error instanceof ApiError && error.type === "card_error" && error.code === "card_declined",
);

if (process.env.DELIVERY) {
  const { headers: sent, body } = JSON.parse(process.env.DELIVERY);
  const event = verify(process.env.WEBHOOK_SECRET!, sent, body) as { type: string };
  assert.equal(event.type, "payment_intent.created");
  assert.throws(() => verify(process.env.WEBHOOK_SECRET!, sent, body.replace("2000", "1000")));
}
console.log(payment.id);
