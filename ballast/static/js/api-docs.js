/* Starts Swagger UI on the page's own description, and keeps its dark mode in step with the system's. */

const place = document.getElementById("swagger");
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

/* `doc_url` of an error leads into the list below the calls, which moves down while they are drawn. */
const isError = location.hash.startsWith("#error-");
const showError = () => isError && document.getElementById(location.hash.slice(1))?.scrollIntoView();

window.SwaggerUIBundle({
  onComplete: () => setTimeout(showError),
  url: place.dataset.openapi,
  domNode: place,
  deepLinking: !isError,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
});
