/*
 * Braintree's hosted fields: three frames of Braintree's in boxes of ours. The bank is asked before the charge, about its amount.
 * ../checkout.js says what the three processors have in common.
 */

const EMPTY = { number: "Enter the card number.", expirationDate: "Enter the expiry date.", cvv: "Enter the security code." };
const WRONG = { number: "Check the card number.", expirationDate: "Check the expiry date.", cvv: "Check the security code." };
const PLACEHOLDERS = { number: "1234 1234 1234 1234", expirationDate: "MM / YY", cvv: "123" };
const NOT_OFFERED = ["THREEDS_NOT_ENABLED", "THREEDS_NOT_ENABLED_FOR_V2"];
const BAD_CARD = ["HOSTED_FIELDS_FAILED_TOKENIZATION", "HOSTED_FIELDS_TOKENIZATION_CVV_VERIFICATION_FAILED"];
const CANCELED = "THREEDS_CARDINAL_SDK_CANCELED";

export const isLoaded = () => Boolean(window.braintree?.client && window.braintree.hostedFields && window.braintree.threeDSecure);

export async function mount(place, page) {
  const boxes = Object.fromEntries([...place.querySelectorAll("[data-part]")].map((box) => [box.dataset.part, box]));
  const keys = Object.keys(boxes);
  const client = await window.braintree.client.create({ authorization: place.dataset.clientToken });
  const [fields, secure, device] = await Promise.all([
    window.braintree.hostedFields.create({
      client,
      styles: stylesOf(page),
      fields: Object.fromEntries(keys.map((key) => [key, { container: boxes[key], placeholder: PLACEHOLDERS[key] }])),
    }),
    openSecure(client),
    openCollector(client),
  ]);
  const say = (key, sentence) => {
    page.changed(boxes[key], sentence);
    fields.setMessage({ field: key, message: sentence ?? "" });
  };
  const restyle = () => keys.forEach((key) => (page.isDark() ? fields.addClass(key, "on-dark") : fields.removeClass(key, "on-dark")));
  watch(fields, boxes, page, say);
  restyle();
  return {
    restyle,
    focus: (key = wrongOf(fields)[0] ?? "number") => fields.focus(key),
    tokenize: async (order) => ({ ...(await tokenize(fields, secure, order, say)), deviceData: device?.deviceData }),
  };
}

/* An account without 3-D Secure takes cards all the same. */
async function openSecure(client) {
  try {
    return await window.braintree.threeDSecure.create({ client, version: 2 });
  } catch (error) {
    if (NOT_OFFERED.includes(error.code)) return null;
    throw error;
  }
}

/* What the buyer's device looks like, for the gateway's own judgment of fraud; a charge does without. */
async function openCollector(client) {
  try {
    return await window.braintree.dataCollector?.create({ client });
  } catch {
    return null;
  }
}

/* A frame is told its styles once, so the dark ones come as a class. */
function stylesOf(page) {
  const [light, dark] = [page.look("light"), page.look("dark")];
  return {
    input: { color: light.text, "font-family": "Inter, system-ui, sans-serif", "font-size": light.fontSize },
    "::placeholder": { color: light.muted },
    ".invalid": { color: light.danger },
    ".on-dark": { color: dark.text },
    ".on-dark::placeholder": { color: dark.muted },
    ".on-dark.invalid": { color: dark.danger },
  };
}

/* A field is called wrong when it cannot become right any more, or when it was left half full. */
function watch(fields, boxes, page, say) {
  const tell = ({ fields: states, emittedBy: key }, hasLeft) => {
    const { isEmpty, isValid, isPotentiallyValid } = states[key];
    if (!isPotentiallyValid || (hasLeft && !isEmpty && !isValid)) say(key, WRONG[key]);
    else if (isValid || isEmpty) say(key, null);
  };
  fields.on("focus", ({ emittedBy }) => page.focused(boxes[emittedBy], true));
  fields.on("blur", (state) => {
    page.focused(boxes[state.emittedBy], false);
    tell(state, true);
  });
  for (const event of ["validityChange", "empty", "notEmpty"]) fields.on(event, (state) => tell(state, false));
  fields.on("cardTypeChange", ({ cards }) => page.branded(cards.length === 1 ? cards[0].niceType : ""));
  fields.on("inputSubmitRequest", () => page.submit());
}

function wrongOf(fields) {
  const { fields: states } = fields.getState();
  return Object.keys(states).filter((key) => !states[key].isValid);
}

async function tokenize(fields, secure, order, say) {
  const wrong = wrongOf(fields);
  const { fields: states } = fields.getState();
  for (const key of wrong) say(key, states[key].isEmpty ? EMPTY[key] : WRONG[key]);
  if (wrong.length) return { at: wrong[0] };
  try {
    const card = await fields.tokenize({ cardholderName: order.contact.name, billingAddress: { postalCode: order.contact.postal_code } });
    return secure ? await verify(secure, card, order) : { paymentMethod: card.nonce };
  } catch (error) {
    if (BAD_CARD.includes(error.code)) return { problem: "Check the card details.", at: "number" };
    throw error;
  }
}

/* Have the bank ask its card's holder, in a dialog of the library's. What was denied or canceled is not posted. */
async function verify(secure, card, { contact, amount, notConfirmed }) {
  const asked = { nonce: card.nonce, bin: card.details.bin, amount, email: contact.email, billingAddress: billingAddress(contact) };
  try {
    const { nonce, liabilityShifted, liabilityShiftPossible } = await secure.verifyCard({ ...asked, onLookupComplete: (_data, next) => next() });
    const wasDenied = liabilityShiftPossible && !liabilityShifted;
    return wasDenied ? { problem: notConfirmed, at: "number" } : { paymentMethod: card.nonce, verification: nonce };
  } catch (error) {
    if (error.code === CANCELED) return { problem: notConfirmed, at: "number" };
    throw error;
  }
}

/* The lookup refuses letters outside of ASCII, long lines, and a region that is no code. */
function billingAddress({ name = "", line1, line2, city, region = "", postal_code, country }) {
  const plain = (text = "") => text.normalize("NFKD").replace(/[^\x20-\x7e]/g, "").trim().slice(0, 50) || undefined;
  const names = name.split(/\s+/);
  return {
    givenName: plain(names.slice(0, -1).join(" ")),
    surname: plain(names.at(-1)),
    streetAddress: plain(line1),
    extendedAddress: plain(line2),
    locality: plain(city),
    region: /^[A-Za-z0-9]{1,3}$/.test(region) ? region : undefined,
    postalCode: plain(postal_code),
    countryCodeAlpha2: country,
  };
}
