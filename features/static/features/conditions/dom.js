// Elements in one line, without markup in strings: nothing that somebody typed is ever parsed as HTML.

let count = 0;

export const uniqueId = (word) => `${word}-${(count += 1)}`;

/** An element; attributes that are functions are listeners, those that are false or null are left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null && child !== false));
  return made;
}

export const icon = (name) => element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);

export const button = (label, listener, { symbol, ...attributes } = {}) =>
  element("button", { type: "button", click: listener, ...attributes }, symbol ? icon(symbol) : null, label);

export function select(label, options, chosen, listener, attributes = {}) {
  const made = element("select", { "aria-label": label, change: () => listener(made.value), ...attributes });
  for (const [value, text] of options) made.append(element("option", { value, selected: value === chosen }, text));
  return made;
}
