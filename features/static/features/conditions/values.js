// What a condition compares with: a control for every shape of value and type of attribute.

import { button, element, select, uniqueId } from "./dom.js";

/** The controls for a part's value; `changed` is called after every edit. */
export function valueControls(part, shape, samples, changed) {
  const set = (value) => {
    part.value = value;
    changed();
  };
  return SHAPES[shape](part, set, samples, changed);
}

const SHAPES = {
  none: () => [],
  one: (part, set, samples) => [single(part.type, part.value, set, samples)],
  many: (part, set, samples) => [chips(part, set, samples)],
  two: (part, set) => [
    number("Lowest", part.value[0], (lowest) => set([lowest, part.value[1]])),
    word("and"),
    number("Highest", part.value[1], (highest) => set([part.value[0], highest])),
  ],
  division: (part, set) => [
    number("Divisor", part.value[0], (divisor) => set([divisor, part.value[1]]), { min: 1, step: 1 }),
    word("a rest of"),
    number("Remainder", part.value[1], (rest) => set([part.value[0], rest]), { min: 0, step: 1 }),
  ],
  percent: (part, set, samples, changed) => [
    number("Percent", part.value, set, { min: 0, max: 100, step: "any" }),
    word("%, with seed"),
    element("input", {
      ...{ type: "text", class: "ce-seed", "aria-label": "Seed", maxlength: 255, placeholder: part.attribute || "none" },
      ...{ value: part.seed ?? "", title: "Conditions with one seed let the same subjects in." },
      input: (event) => {
        part.seed = event.target.value;
        changed();
      },
    }),
  ],
};

const word = (text) => element("span", { class: "ce-word" }, text);

function single(type, value, set, samples) {
  if (type === "boolean") {
    return select("Value", [["true", "true"], ["false", "false"]], String(value), (text) => set(text === "true"));
  }
  if (type === "number") return number("Value", value, set);
  if (type === "date" && (value === "" || moment(value))) return date(value, set);
  const placeholder = { version: "1.2.3", date: "2026-12-01T09:00:00Z" }[type] ?? "";
  return text(value ?? "", set, samples, { placeholder });
}

function text(value, set, samples, attributes = {}) {
  const list = suggestions(samples);
  const input = element("input", {
    ...{ type: "text", "aria-label": "Value", value, autocomplete: "off", list: list.id, ...attributes },
    input: (event) => set(event.target.value),
  });
  return element("span", { class: "ce-text" }, input, list);
}

const suggestions = (samples) =>
  element("datalist", { id: uniqueId("ce-samples") }, ...samples.map((value) => element("option", { value: String(value) })));

function number(label, value, set, attributes = {}) {
  const input = (event) => set(event.target.value === "" ? null : event.target.valueAsNumber);
  return element("input", { type: "number", step: "any", class: "ce-number", "aria-label": label, value, ...attributes, input });
}

/** A moment in UTC. What was stored stays as it was written until somebody changes it. */
function date(value, set) {
  const shown = moment(value)?.toISOString().slice(0, 16);
  const input = (event) => set(event.target.value ? `${event.target.value}:00Z` : "");
  return element("span", { class: "ce-date" },
    element("input", { type: "datetime-local", "aria-label": "Moment (UTC)", value: shown, input }), word("UTC"));
}

function moment(value) {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d/.test(value)) return null;
  const found = new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(value.slice(10)) || value.length === 10 ? value : `${value}Z`);
  return Number.isNaN(found.getTime()) || found.getUTCFullYear() > 9999 || found.getUTCFullYear() < 1 ? null : found;
}

/** Several values: each a chip. Enter, a comma or leaving the field adds what was typed; Backspace takes the last away. */
function chips(part, set, samples) {
  const list = suggestions(samples);
  const box = element("span", { class: "ce-chips" });
  const input = element("input", {
    ...{ type: part.type === "number" ? "number" : "text", step: "any", "aria-label": "Add a value" },
    ...{ list: list.id, autocomplete: "off", placeholder: "Add a value…" },
    keydown: (event) => {
      if (event.key === "Enter" || (event.key === "," && part.type !== "number")) {
        event.preventDefault();
        add([input.value]);
        input.focus();
      } else if (event.key === "Backspace" && input.value === "" && part.value.length) {
        set(part.value.slice(0, -1));
        draw();
        input.focus();
      }
    },
    paste: (event) => {
      const pasted = event.clipboardData.getData("text").split(/[\n\r\t,;]+/);
      if (pasted.length > 1) {
        event.preventDefault();
        add(pasted);
        input.focus();
      }
    },
    change: () => add([input.value]),
  });

  function add(texts) {
    const values = texts.map((each) => each.trim()).filter(Boolean).map((each) => (part.type === "number" ? Number(each) : each));
    const fresh = [...new Set(values)].filter((each) => !part.value.includes(each) && !Number.isNaN(each));
    input.value = "";
    if (fresh.length) set([...part.value, ...fresh]);
    draw();
  }

  function draw() {
    const made = part.value.map((value, index) =>
      element("span", { class: "ce-chip" }, String(value),
        button("", () => {
          set(part.value.filter((_, other) => other !== index));
          draw();
          input.focus();
        }, { symbol: "close", "aria-label": `Remove ${value}` })));
    box.replaceChildren(...made, input, list);
  }

  draw();
  return box;
}
