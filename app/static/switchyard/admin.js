// Runs before the page is ready: what the Content-Security-Policy forbids is not even tried.

htmx.config.includeIndicatorStyles = false; // it would write a <style>; the rules are in admin.css
htmx.config.allowEval = false;

// Unfold binds styles as text, which the policy forbids, though it allows the same through the object model.
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "style" && this.style) this.style.cssText = value;
  else setAttribute.call(this, name, value);
};

const NAMES = { dock_to_right: "Menu", close: "Close", unfold_more: "Account", filter_list: "Filters" };

// What Unfold lets a pointer click, the keyboard reaches as well.
function reachable(element) {
  if (element.matches("a[href], button, input, select, textarea, label, summary, [tabindex]")) return;
  element.tabIndex = 0;
  element.setAttribute("role", "button");
  const spoken = NAMES[element.textContent.trim()];
  if (spoken) element.ariaLabel = spoken;
  element.addEventListener("keydown", (event) => {
    if (event.target !== element || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    element.click();
  });
}

// A field in a table is called as its column.
function name(within) {
  within.querySelectorAll("td[data-label] :is(input, select, textarea)").forEach((field) => {
    if (field.type === "hidden" || field.labels?.length || field.ariaLabel) return;
    field.ariaLabel = field.closest("td").dataset.label;
  });
}

document.addEventListener("formset:added", (event) => name(event.target));

addEventListener("DOMContentLoaded", () => {
  name(document);
  document.querySelectorAll("[x-on\\:click]").forEach(reachable);
  // Ligatures of the icon font are words that nobody should hear.
  document.querySelectorAll(".material-symbols-outlined:not([role])").forEach((icon) => {
    icon.setAttribute("aria-hidden", "true");
  });
  document.querySelectorAll("[data-submit]").forEach((field) => {
    field.addEventListener("change", () => field.form.requestSubmit());
  });
});
