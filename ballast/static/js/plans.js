// On a merchant's own page: writes the plan with the smallest payment, and its terms, into each element with data-ballast-shop.
// <p data-ballast-shop="acme" data-amount="64000" data-currency="USD" data-country="US" data-product="prod_…"></p>
(() => {
  const origin = new URL(document.currentScript.src).origin;

  async function show(element) {
    const { ballastShop, amount, currency, country, product } = element.dataset;
    const asked = new URLSearchParams({ shop: ballastShop, amount: amount ?? "" });
    if (currency) asked.set("currency", currency);
    if (country) asked.set("country", country);
    for (const one of (product ?? "").split(" ").filter(Boolean)) asked.append("product", one);
    const answer = await fetch(`${origin}/plans/quote.json?${asked}`, { credentials: "omit" });
    if (!answer.ok) return;
    const [plan] = (await answer.json()).plans;
    element.hidden = !plan;
    if (!plan) return;
    const line = document.createElement("strong");
    line.textContent = plan.line;
    const terms = document.createElement("small");
    terms.textContent = plan.terms;
    // The terms stand beside the line wherever it is shown: 12 CFR 1026.24.
    element.replaceChildren(line, " ", terms);
  }

  const begin = () => document.querySelectorAll("[data-ballast-shop]").forEach(show);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
