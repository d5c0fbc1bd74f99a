/* The dashboard by keyboard: the search palette, lists walked row by row, and the keys that say so. Everything here is a link elsewhere. */

const palette = document.getElementById("palette");
const GO = { o: "overview", p: "payments", c: "customers", s: "subscriptions", i: "invoices" };
let going = 0;

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openPalette();
  }
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (palette?.open) return walkFound(event);
  if (document.querySelector("dialog[open]") || isTyping(event.target)) return;
  const act = going > Date.now() ? () => go(event.key) : KEYS[event.key];
  going = 0;
  if (act && act(event) !== false) event.preventDefault();
});

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  ArrowDown: (event) => inRow(event.target) && step(1),
  ArrowUp: (event) => inRow(event.target) && step(-1),
  "/": () => {
    const filter = document.querySelector("main input[type=search]");
    if (filter) filter.focus();
    else openPalette();
  },
  "]": () => press("a[rel=next]"),
  "[": () => press("a[rel=prev]"),
  "?": () => document.getElementById("keyboard")?.showModal(),
  g: () => { going = Date.now() + 1200; },
};

function openPalette() {
  if (!palette || palette.open) return;
  document.querySelector("dialog[open]")?.close();
  palette.showModal();
  palette.querySelector("input").select();
}

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

/* The rows' own links take the focus, so Enter opens one and a reader of screens hears which. */
function rowLinks() {
  return [...document.querySelectorAll("main tr[data-href] a:first-of-type")].filter((link, index, all) => link.closest("tr") !== all[index - 1]?.closest("tr"));
}

function inRow(target) {
  return target.closest("tr[data-href]") ? true : false;
}

function step(by) {
  return move(rowLinks(), rowLinks().findIndex((link) => link.closest("tr").contains(document.activeElement)), by);
}

function move(links, at, by) {
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  if (!next) return false;
  next.focus();
  next.closest("tr, li").scrollIntoView({ block: "nearest" });
}

function press(selector) {
  const found = document.querySelector(`main ${selector}`);
  if (!found) return false;
  found.click();
}

function go(key) {
  const link = GO[key] && document.querySelector(`.nav a[data-section="${GO[key]}"]`);
  if (!link) return false;
  location.assign(link.href);
}

/* In the palette the arrows walk from the words to what was found and back; letters go on with the words. */
function walkFound(event) {
  const links = [...palette.querySelectorAll(".found-items a")];
  const at = links.indexOf(document.activeElement);
  const input = palette.querySelector("input");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (event.key === "ArrowUp" && at === 0) input.focus();
    else move(links, at, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && document.activeElement === input && links.length) {
    event.preventDefault();
    links[0].click();
  } else if (at >= 0 && event.key.length === 1) {
    input.focus();
  }
}
