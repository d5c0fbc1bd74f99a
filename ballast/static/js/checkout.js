/*
 * The checkout's island: the processor's card field, the pay button that can be pressed once, the bank's challenge.
 * Card numbers stay inside the processor's frames; this page only ever holds a one-time token.
 *
 * Each processor has a module of one shape, named by the page (data-module):
 *   isLoaded()              whether the processor's own library is there
 *   mount(place, page)      puts its field into the boxes (data-part) of `place` and answers, once it can be typed into,
 *     tokenize(order)       → {paymentMethod, verification?, deviceData?}, or {problem?, at?}: what to say, which part takes the focus.
 *                           order: {contact, amount (decimal text), currency, save, storeOnly, notConfirmed (what to say when the bank says no)};
 *                           save: the card is stored too; storeOnly: it is stored and nothing is charged
 *     focus(part?), restyle()
 *   answerChallenge(values) shows the bank's question, where it comes after the charge was begun
 * and tells the page by: changed(box, sentence or null), focused(box, whether), branded(name), submit(); look(scheme?) and isDark()
 * tell it the colors. What it throws means that the processor cannot be used now.
 */

const form = document.querySelector("[data-pay-form]");
const action = document.querySelector("[data-action]");
const UNAVAILABLE = "The card field did not load. Nothing was charged. Please reload the page, or try again in a minute.";
const BROKEN = "We couldn't reach the payment processor. Nothing was charged. Please try again.";
const NOT_OPENED = "Your bank's page did not open. Nothing was charged. Please try again.";
const PATIENCE_MS = 20_000;
const CONTACT = ["email", "name", "line1", "line2", "city", "region", "postal_code", "country"];
const dark = matchMedia("(prefers-color-scheme: dark)");

if (form) mountForm(form);
if (action) mountAction(action);

function mountForm(form) {
  const place = form.querySelector("#card-field");
  const button = form.querySelector("[data-pay]");
  const mounted = openField(form, place);
  let paying = false;
  const pay = async () => {
    const field = await mounted;
    if (!field) return;
    showError("#card-error", null);
    const outcome = await tokenize(field, form, place);
    if (outcome.paymentMethod) return send(form, outcome);
    // What the last try came to, said above the form, is over now.
    form.querySelector(":scope > .alert")?.remove();
    if (outcome.problem) showError("#card-error", outcome.problem);
    field.focus(outcome.at);
  };
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.matches("[data-look]")) return;
    event.preventDefault();
    if (paying) return;
    setPaying(true);
    if (isSaved(form)) return form.submit();
    if (!(await pay())) setPaying(false);
  });
  for (const link of document.querySelectorAll('a[href="#card-field"]')) link.addEventListener("click", async () => (await mounted)?.focus());

  // The back button may show this page as it was left: paying, with a token that is used up.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    setPaying(false);
    form.elements.payment_method.value = form.elements.verification.value = "";
  });

  function setPaying(on) {
    paying = on;
    busy(button, on);
  }
}

/* The field, once it can be typed into; null, and the page says so, when the processor's library or its frames are not there. */
async function openField(form, place) {
  try {
    const processor = await import(place.dataset.module);
    if (!processor.isLoaded()) throw new Error("the processor's library is not there");
    const field = await inTime(processor.mount(place, pageFor(form, place)));
    dark.addEventListener("change", () => field.restyle());
    return field;
  } catch {
    showError("#card-error", UNAVAILABLE);
    return null;
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function inTime(work) {
  return Promise.race([work, new Promise((_resolve, reject) => setTimeout(reject, PATIENCE_MS, new Error("no answer")))]);
}

/* What a processor's module may ask and tell of the page. */
function pageFor(form, place) {
  return {
    isDark: () => dark.matches,
    look: (scheme) => lookOf(place, scheme),
    focused: (box, on) => box.classList.toggle("is-focus", on),
    branded: (name) => {
      place.querySelector("[data-brand]").textContent = name;
    },
    changed: (box, sentence) => {
      box.classList.toggle("is-invalid", Boolean(sentence));
      showError(`#${box.getAttribute("aria-describedby")}`, sentence);
    },
    submit: () => form.requestSubmit(),
  };
}

/* What is due may have changed since the field was put there (#card-asked), so it is read when it is needed. */
async function tokenize(field, form, { dataset: { notConfirmed } }) {
  const { amount, currency, storeOnly } = form.querySelector("#card-asked").dataset;
  const order = { contact: contactOf(form), amount, currency, save: wantsSaved(form), storeOnly: Boolean(storeOnly), notConfirmed };
  try {
    return await field.tokenize(order);
  } catch {
    return { problem: BROKEN };
  }
}

/* Whether a card that is stored already is chosen: the field of a new one stays as it is. */
function isSaved({ elements }) {
  return Boolean(elements.card) && elements.card.value !== "new";
}

/* Whether the card is stored too: as the shopper wishes, or because the payments to come need it (a hidden field). */
function wantsSaved({ elements }) {
  const wish = elements.save_card ?? elements.keep_card;
  return wish?.type === "hidden" ? wish.value === "yes" : (wish?.checked ?? false);
}

function contactOf(form) {
  return Object.fromEntries(CONTACT.map((name) => [name, form.elements[name]?.value.trim() || undefined]));
}

function send(form, { paymentMethod, verification = "", deviceData = "" }) {
  form.elements.payment_method.value = paymentMethod;
  form.elements.verification.value = verification;
  form.elements.device_data.value = deviceData;
  form.submit();
  return true;
}

function mountAction(section) {
  const control = section.querySelector("[data-continue]");
  const { module, clientSecret, returnUrl } = section.dataset;
  addEventListener("pageshow", () => busy(control, false));
  control.addEventListener("click", async (event) => {
    if (control.getAttribute("aria-disabled") === "true") return event.preventDefault();
    busy(control, true);
    if (!module || !clientSecret) return control.matches("a") ? undefined : fail(UNAVAILABLE);
    event.preventDefault();
    try {
      const { answerChallenge } = await import(module);
      await answerChallenge(section.dataset);
      location.assign(returnUrl);
    } catch {
      fail(NOT_OPENED);
    }
  });
  function fail(sentence) {
    busy(control, false);
    showError("#action-error", sentence);
  }
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

/* A frame inherits nothing, so it gets this page's colors as they are resolved, now or in the scheme named. */
function lookOf(place, scheme = "") {
  const probe = place.appendChild(document.createElement("i"));
  probe.hidden = true;
  probe.style.colorScheme = scheme;
  const look = { fontSize: "16px" };
  for (const token of ["text", "muted", "danger", "accent", "control"]) {
    probe.style.color = `var(--${token})`;
    look[token] = getComputedStyle(probe).color;
  }
  probe.remove();
  return look;
}
