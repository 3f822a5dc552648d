// Rows of a page: add one, take one away, and put rules in another order, by dragging or by the buttons.

const shown = (rows) => [...rows.children].filter((row) => !row.hidden);
const before = (row) => shown(row.parentElement)[shown(row.parentElement).indexOf(row) - 1];
const after = (row) => shown(row.parentElement)[shown(row.parentElement).indexOf(row) + 1];

document.querySelectorAll("[data-formset]").forEach(begin);

function begin(section) {
  const rows = section.querySelector("[data-rows]");
  section.classList.add("ft-alive");
  section.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (event.target.closest("[data-add]")) add(section, rows);
    else if (event.target.closest("[data-remove]")) remove(row, rows);
    else if (event.target.closest("[data-up]")) move(row, before(row), "[data-up]");
    else if (event.target.closest("[data-down]")) move(row, after(row)?.nextElementSibling ?? null, "[data-down]", after(row));
  });
  if (rows.matches("ol")) {
    drag(rows);
    number(rows);
  }
  for (const row of shown(rows)) if (row.querySelector("[name$=-DELETE]")?.checked) remove(row, rows);
}

function add(section, rows) {
  const total = section.querySelector("[name$=-TOTAL_FORMS]");
  const ground = document.createElement("template");
  ground.innerHTML = section.querySelector("[data-empty]").innerHTML.replaceAll("__prefix__", total.value);
  const row = ground.content.firstElementChild;
  rows.append(row);
  total.value = Number(total.value) + 1;
  number(rows);
  const detail = { formsetName: section.dataset.formset };
  row.dispatchEvent(new CustomEvent("formset:added", { bubbles: true, detail }));
  row.querySelector("input:not([type=hidden]):not([hidden]), select, textarea")?.focus();
}

function remove(row, rows) {
  row.querySelector("[name$=-DELETE]").checked = true;
  row.hidden = true;
  number(rows);
}

// `next` is what the row is put before; `neighbour` says whether there is somewhere to go.
function move(row, next, button, neighbour = next) {
  if (!neighbour) return;
  row.parentElement.insertBefore(row, next);
  number(row.parentElement);
  row.querySelector(button).focus();
}

// The places are sent with the form: the rules are stored in this order.
function number(rows) {
  shown(rows).forEach((row, index) => {
    const [label, place] = [row.querySelector("[data-number]"), row.querySelector("[name$=-place]")];
    if (label) label.textContent = index + 1;
    if (place) place.value = index + 1;
  });
}

function drag(rows) {
  let dragged = null;
  rows.addEventListener("dragstart", (event) => {
    if (!event.target.matches("[data-handle]")) return;
    dragged = event.target.closest("[data-row]");
    dragged.classList.add("ft-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    event.dataTransfer.setDragImage(dragged, 12, 12);
  });
  rows.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const over = event.target.closest("[data-row]");
    if (!over || over === dragged || over.parentElement !== rows) return;
    const middle = over.getBoundingClientRect().top + over.offsetHeight / 2;
    rows.insertBefore(dragged, event.clientY < middle ? over : over.nextElementSibling);
  });
  rows.addEventListener("drop", (event) => dragged && event.preventDefault());
  rows.addEventListener("dragend", () => {
    dragged?.classList.remove("ft-dragged");
    dragged = null;
    number(rows);
  });
}

document.querySelector(".ft-field.errors, .ft-main .ft-errors:not(:empty)")?.scrollIntoView({ block: "center" });
