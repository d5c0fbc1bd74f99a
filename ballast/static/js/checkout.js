/*
 * The checkout's island: the processor's card field, the pay button that can be pressed once, the bank's challenge.
 * Card numbers stay inside the processor's frame; this page only ever holds a one-time token.
 */

const form = document.querySelector("[data-pay-form]");
const action = document.querySelector("[data-action]");
const UNAVAILABLE = "The card field did not load. Nothing was charged. Please reload the page, or try again in a minute.";

if (form) mountForm(form);
if (action) mountAction(action);

function mountForm(form) {
  const mount = form.querySelector("#card-field");
  const button = form.querySelector("[data-pay]");
  const stripe = openProcessor(mount.dataset);
  if (!stripe) return showError("#card-error", UNAVAILABLE);

  const card = stripe.elements({ locale: mount.dataset.locale }).create("card", { style: cardStyle(mount), hidePostalCode: true });
  card.mount(mount);
  card.on("focus", () => mount.classList.add("is-focus"));
  card.on("blur", () => mount.classList.remove("is-focus"));
  card.on("change", (event) => {
    mount.classList.toggle("is-invalid", Boolean(event.error));
    showError("#card-error", event.error?.message);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => card.update({ style: cardStyle(mount) }));
  for (const link of document.querySelectorAll('a[href="#card-field"]')) link.addEventListener("click", () => card.focus());

  let paying = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (paying) return;
    paying = true;
    busy(button, true);
    const { paymentMethod, error } = await tokenize(stripe, card, form);
    if (error) {
      paying = false;
      busy(button, false);
      showError("#card-error", error.message);
      mount.classList.add("is-invalid");
      card.focus();
      return;
    }
    form.elements.payment_method.value = paymentMethod.id;
    form.submit();
  });

  // The back button may show this page as it was left: paying, with a token that is used up.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    paying = false;
    busy(button, false);
    form.elements.payment_method.value = "";
  });
}

function mountAction(section) {
  const control = section.querySelector("[data-continue]");
  const { clientSecret, returnUrl } = section.dataset;
  const stripe = clientSecret && openProcessor(section.dataset);
  addEventListener("pageshow", () => busy(control, false));
  control.addEventListener("click", async (event) => {
    if (control.getAttribute("aria-disabled") === "true") return event.preventDefault();
    busy(control, true);
    if (!stripe) return control.matches("a") ? undefined : fail(UNAVAILABLE);
    event.preventDefault();
    try {
      // Approved or not, the server asks the processor itself and shows what is true.
      await stripe.handleNextAction({ clientSecret });
      location.assign(returnUrl);
    } catch {
      fail("Your bank's page did not open. Nothing was charged. Please try again.");
    }
  });
  function fail(sentence) {
    busy(control, false);
    showError("#action-error", sentence);
  }
}

function openProcessor({ publishableKey }) {
  return typeof window.Stripe === "function" ? window.Stripe(publishableKey) : null;
}

async function tokenize(stripe, card, form) {
  try {
    return await stripe.createPaymentMethod({ type: "card", card, billing_details: billingDetails(form) });
  } catch {
    return { error: { message: UNAVAILABLE } };
  }
}

function billingDetails(form) {
  const value = (name) => form.elements[name]?.value.trim() || undefined;
  return {
    email: value("email"),
    name: value("name"),
    address: {
      line1: value("line1"), line2: value("line2"), city: value("city"), state: value("region"),
      postal_code: value("postal_code"), country: value("country"),
    },
  };
}

function busy(control, on) {
  const label = control.querySelector("span");
  control.dataset.label ??= label.textContent;
  label.textContent = on ? control.dataset.busy : control.dataset.label;
  control.classList.toggle("is-busy", on);
  control.setAttribute("aria-disabled", String(on));
}

function showError(selector, message) {
  const place = document.querySelector(selector);
  place.querySelector("span").textContent = message ?? "";
  place.hidden = !message;
}

/* The frame inherits nothing, so it gets this page's colors as they are resolved now, light or dark. */
function cardStyle(mount) {
  const { fontSize } = getComputedStyle(mount);
  return {
    base: { color: color("--text"), iconColor: color("--muted"), fontFamily: "Inter, system-ui, sans-serif", fontSize, lineHeight: "20px", fontSmoothing: "antialiased", "::placeholder": { color: color("--muted") } },
    invalid: { color: color("--danger"), iconColor: color("--danger") },
  };
}

function color(token) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${token})`;
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
