/* Starts Swagger UI on the page's own description, and keeps its dark mode in step with the system's. */

const place = document.getElementById("swagger");
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

/* `doc_url` of an error leads into the list below the calls, which moves down while they are drawn: followed until the reader acts. */
const isError = location.hash.startsWith("#error-");
const showError = () => document.getElementById(location.hash.slice(1))?.scrollIntoView();
if (isError) {
  const drawing = new ResizeObserver(showError);
  drawing.observe(place);
  const leave = () => drawing.disconnect();
  for (const act of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(act, leave, { once: true, passive: true });
}

window.SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  deepLinking: !isError,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
});
