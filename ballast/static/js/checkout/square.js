/*
 * Square's card form, in a frame of Square's with boxes of its own. The bank is asked while the token is made, about the amount.
 * ../checkout.js says what the three processors have in common.
 */

export const isLoaded = () => typeof window.Square?.payments === "function";

export async function mount(place, page) {
  const { applicationId, locationId } = place.dataset;
  const box = place.querySelector("[data-part]");
  const card = await window.Square.payments(applicationId, locationId).card({ style: styleOf(page.look()) });
  card.addEventListener("errorClassRemoved", () => page.changed(box, null));
  card.addEventListener("submit", () => page.submit());
  await card.attach(box);
  return {
    focus: (field = "cardNumber") => card.focus(field),
    restyle: () => card.configure({ style: styleOf(page.look()) }),
    tokenize: (order) => tokenize(card, order),
  };
}

async function tokenize(card, { contact, amount, currency, save, storeOnly, notConfirmed }) {
  const purpose = storeOnly ? { intent: "STORE" } : { amount, currencyCode: currency, intent: save ? "CHARGE_AND_STORE" : "CHARGE" };
  const { status, token, errors = [] } = await card.tokenize({
    ...purpose,
    billingContact: billingContact(contact),
    customerInitiated: true,
    sellerKeyedIn: false,
  });
  if (status === "OK") return { paymentMethod: token };
  if (status === "Cancel" || status === "Abort" || errors.some(isDenied)) return { problem: notConfirmed };
  const [error] = errors;
  if (!error) throw new Error(`Square answered ${status}`);
  // What is wrong with a field stands beside it, in the frame.
  return status === "Invalid" ? { at: error.field } : { problem: error.message, at: error.field };
}

const isDenied = ({ type }) => String(type).startsWith("VERIFICATION_");

function billingContact({ name = "", email, line1, line2, city, region, postal_code, country }) {
  const names = name.split(/\s+/);
  return {
    givenName: names.slice(0, -1).join(" ") || undefined,
    familyName: names.at(-1),
    email,
    addressLines: [line1, line2].filter(Boolean),
    city,
    state: region,
    postalCode: postal_code,
    countryCode: country,
  };
}

function styleOf({ text, muted, danger, accent, control, fontSize }) {
  return {
    ".input-container": { borderColor: control, borderRadius: "6px" },
    ".input-container.is-focus": { borderColor: accent },
    ".input-container.is-error": { borderColor: danger },
    ".message-text": { color: muted },
    ".message-icon": { color: muted },
    ".message-text.is-error": { color: danger },
    ".message-icon.is-error": { color: danger },
    input: { color: text, fontSize },
    "input::placeholder": { color: muted },
    "input.is-error": { color: danger },
  };
}
