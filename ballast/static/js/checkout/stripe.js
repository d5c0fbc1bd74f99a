/*
 * Stripe's card field: one line, in a frame of Stripe's. The bank's question comes after the charge was begun.
 * ../checkout.js says what the three processors have in common.
 */

export const isLoaded = () => typeof window.Stripe === "function";

export async function mount(place, page) {
  const { publishableKey, locale } = place.dataset;
  const box = place.querySelector("[data-part]");
  const stripe = window.Stripe(publishableKey);
  const card = stripe.elements({ locale }).create("card", { style: styleOf(page.look()), hidePostalCode: true });
  card.on("focus", () => page.focused(box, true));
  card.on("blur", () => page.focused(box, false));
  card.on("change", ({ error }) => page.changed(box, error?.message));
  await new Promise((resolve, reject) => {
    card.on("ready", resolve);
    card.on("loaderror", ({ error }) => reject(new Error(error?.message)));
    card.mount(box);
  });
  return {
    focus: () => card.focus(),
    restyle: () => card.update({ style: styleOf(page.look()) }),
    tokenize: (order) => tokenize(stripe, card, order),
  };
}

/* Show the bank's question. Approved or not, the server asks Stripe itself and shows what is true. */
export async function answerChallenge({ publishableKey, clientSecret }) {
  await window.Stripe(publishableKey).handleNextAction({ clientSecret });
}

async function tokenize(stripe, card, { contact }) {
  const { email, name, line1, line2, city, region, postal_code, country } = contact;
  const address = { line1, line2, city, state: region, postal_code, country };
  const { paymentMethod, error } = await stripe.createPaymentMethod({ type: "card", card, billing_details: { email, name, address } });
  return error ? { problem: error.message } : { paymentMethod: paymentMethod.id };
}

function styleOf({ text, muted, danger, fontSize }) {
  return {
    base: { color: text, iconColor: muted, fontFamily: "Inter, system-ui, sans-serif", fontSize, lineHeight: "20px", fontSmoothing: "antialiased", "::placeholder": { color: muted } },
    invalid: { color: danger, iconColor: danger },
  };
}
