/* Small islands for every page: copy an id, open and close dialogs, rows as links, toasts, focus on what went wrong. */

document.addEventListener("click", (event) => {
  const hit = (selector) => event.target.closest(selector);
  const copy = hit("[data-copy]");
  if (copy) return copyText(copy);
  const opener = hit("[data-dialog]");
  if (opener) return openDialog(event, opener.dataset.dialog);
  if (hit("[data-close]")) return hit("dialog")?.close();
  if (hit("[data-dismiss]")) return hit(".toast")?.remove();
  if (hit("[data-print]")) return window.print();
  if (event.target instanceof HTMLDialogElement) return event.target.close();
  closeMenus(event.target);
  const row = hit("tr[data-href]");
  if (row && !hit("a, button, input, label, summary")) followRow(event, row.dataset.href);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(null);
});

/* An answer of 5xx is never swapped in; what was there stays, and a toast says so. Other errors bring their own page part. */
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status < 500) return;
  toast("Something went wrong on our side. What you see may be out of date.", ctx.response.headers.get("X-Request-Id"));
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx) toast("We couldn't reach the server. Check your connection and try again.");
});

/* A form that moves money is sent once; the back button makes it usable again. */
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-once]");
  if (!form) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit]")) button.classList.add("is-busy");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll(".is-busy")) button.classList.remove("is-busy");
  }
});

/* The button names its result: "Refund $20.00" follows what is typed, also what was typed before this was loaded or is there again after going back. */
document.addEventListener("input", ({ target }) => nameResult(target));
addEventListener("pageshow", () => document.querySelectorAll("[data-names]").forEach(nameResult));

function nameResult({ value, dataset: { names, currency, verb } }) {
  if (!names) return;
  const amount = Number(value.replaceAll(",", ""));
  const money = new Intl.NumberFormat("en-US", { style: "currency", currency });
  document.querySelector(names).textContent = amount > 0 ? `${verb} ${money.format(amount)}` : verb;
}

/* How much of a long text is used up, as it will be sent. */
document.addEventListener("input", ({ target }) => {
  const { counts, most } = target.dataset;
  if (!counts) return;
  const used = [...target.value.trim()].length;
  document.querySelector(counts).textContent = `${used.toLocaleString("en-US")} of ${Number(most).toLocaleString("en-US")} characters`;
});

focusProblem();
document.addEventListener("htmx:after:swap", focusProblem);

function focusProblem() {
  document.querySelector(".alert[autofocus]")?.focus();
}

async function copyText(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    return selectAll(button);
  }
  const icon = button.querySelector("use");
  const plain = icon.getAttribute("href");
  if (!plain.endsWith("#check")) icon.setAttribute("href", plain.replace(/#.*/, "#check"));
  button.classList.add("is-copied");
  setTimeout(() => {
    icon.setAttribute("href", plain.replace(/#.*/, "#copy"));
    button.classList.remove("is-copied");
  }, 1500);
}

/* Without the clipboard (plain http on another host) the whole id is shown and selected, ready for a keystroke. */
function selectAll(button) {
  const span = button.querySelector("span");
  span.textContent = button.dataset.copy;
  getSelection().selectAllChildren(span);
}

function openDialog(event, id) {
  const dialog = document.getElementById(id);
  if (!dialog?.showModal) return;
  event.preventDefault();
  dialog.showModal();
}

function closeMenus(target) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
}

function followRow(event, url) {
  if (String(getSelection())) return;
  if (event.metaKey || event.ctrlKey) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

function toast(text, requestId) {
  const region = document.getElementById("toasts");
  const shown = document.getElementById("toast-template").content.cloneNode(true);
  const [line, note] = shown.querySelectorAll("p");
  line.textContent = text;
  if (requestId) note.textContent = `Request ${requestId}`;
  else note.remove();
  region.replaceChildren(shown);
}
