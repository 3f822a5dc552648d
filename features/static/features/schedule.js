// Steps of a schedule as rows to fill in, over the text area that is sent; and the curve of what is planned.

const STATUSES = [["", "–"], ["on", "On"], ["off", "Off"], ["experiment", "Experiment"]];

document.querySelectorAll("textarea[data-steps]").forEach(begin);
document.addEventListener("formset:added", (event) => event.target.querySelectorAll("textarea[data-steps]").forEach(begin));

function begin(area) {
  if (area.name.includes("__prefix__")) return;
  const steps = read(area.value);
  if (!steps) return; // what is not a list of steps is corrected as text
  const editor = element("div", { className: "ft-steps" });
  const list = element("ol");
  const more = element("button", { type: "button", className: "ft-button", textContent: "Add a step" });
  more.addEventListener("click", () => {
    const row = rowOf({ at: "" }, store);
    list.append(row);
    row.querySelector("input").focus();
  });
  const store = () => {
    area.value = JSON.stringify([...list.children].map(stepOf));
    area.dispatchEvent(new Event("change", { bubbles: true }));
  };
  list.append(...steps.map((step) => rowOf(step, store)));
  editor.append(list, more);
  area.hidden = true;
  area.after(editor);
}

function read(text) {
  try {
    const steps = JSON.parse(text || "[]");
    const isRight = Array.isArray(steps) && steps.every((step) => step && typeof step.at === "string");
    return isRight ? steps : null;
  } catch {
    return null;
  }
}

function rowOf(step, store) {
  const row = element("li", { className: "ft-step" });
  const at = field(row, "At (UTC)", element("input", { type: "datetime-local", step: "any", value: local(step.at) }));
  const status = field(row, "Status", element("select"));
  for (const [value, word] of STATUSES) status.append(new Option(word, value, false, value === (step.status ?? "")));
  const percent = element("input", { type: "number", min: 0, max: 100, step: "any", value: step.percent ?? "" });
  field(row, "Percent", percent);
  const value = element("input", { type: "text", value: "value" in step ? JSON.stringify(step.value) : "" });
  value.placeholder = "unchanged";
  field(row, "On value, as JSON", value);
  const remove = element("button", { type: "button", className: "ft-icon", title: "Remove this step" });
  remove.ariaLabel = "Remove this step";
  remove.append(element("span", { className: "material-symbols-outlined", textContent: "delete" }));
  remove.addEventListener("click", () => (row.remove(), store()));
  row.append(remove);
  row.parts = { at, status, percent, value };
  row.addEventListener("input", (event) => (event.stopPropagation(), store()));
  return row;
}

function stepOf(row) {
  const { at, status, percent, value } = row.parts;
  const step = { at: at.value ? `${at.value}${at.value.length === 16 ? ":00" : ""}Z` : "" };
  if (status.value) step.status = status.value;
  if (percent.value !== "") step.percent = Number(percent.value);
  if (value.value.trim() !== "") step.value = parsed(value.value);
  return step;
}

// Words without quotes are meant as text.
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function local(moment) {
  const date = new Date(/Z$|[+-]\d\d:?\d\d$/.test(moment) ? moment : `${moment}Z`);
  if (Number.isNaN(date.getTime())) return "";
  const text = date.toISOString().replace("Z", "");
  return text.endsWith(":00.000") ? text.slice(0, 16) : text;
}

function field(row, label, control) {
  const wrapper = element("label");
  wrapper.append(element("span", { textContent: label }), control);
  control.classList.add("ft-control");
  row.append(wrapper);
  return control;
}

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

// The curve

const form = document.querySelector("form[data-preview]");
const curve = form?.querySelector("[data-curve]");
let waiting;
let asked;
form?.addEventListener("change", (event) => {
  if (!/^(status|rollout_percent|steps|ramp_\d)$/.test(event.target.name)) return;
  clearTimeout(waiting);
  waiting = setTimeout(draw, 300);
});

async function draw() {
  const names = ["status", "rollout_percent", "steps", "ramp_0", "ramp_1", "ramp_2", "ramp_3"];
  const body = new URLSearchParams(names.map((name) => [name, form.elements[name].value]));
  asked?.abort();
  asked = new AbortController();
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", headers, body, signal: asked.signal });
    if (answer.ok && !answer.redirected) curve.innerHTML = await answer.text();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}
