// Attributes as rows of a name, a type and a value. The textarea holds the JSON that is sent, with or without scripts.

const TYPES = { text: "Text", number: "Number", boolean: "Yes or no", json: "JSON" };

function typeOf(value) {
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  return typeof value === "boolean" ? "boolean" : "json";
}

function made(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function optionsOf(choices, chosen) {
  return Object.entries(choices).map(([value, text]) => made("option", { value, textContent: text, selected: value === chosen }));
}

class Rows {
  constructor(area) {
    this.area = area;
    const label = area.closest(".tl-field")?.querySelector("label")?.textContent.trim() || "Attributes";
    this.list = made("div", { className: "tl-pairs" });
    this.list.setAttribute("role", "group");
    this.list.setAttribute("aria-label", label);
    this.add = made("button", { type: "button", className: "tl-link", textContent: "Add attribute" });
    this.toggle = made("button", { type: "button", className: "tl-link", textContent: "Edit as JSON" });
    this.add.addEventListener("click", () => this.append("", "").querySelector("input").focus());
    this.toggle.addEventListener("click", () => (this.area.hidden ? this.showJson() : this.showRows()));
    area.after(this.list, made("div", { className: "tl-row" }, this.add, this.toggle));
    if (!this.showRows()) this.showJson();
  }

  /** The object in the textarea; null where it is none. */
  read() {
    try {
      const found = JSON.parse(this.area.value.trim() || "{}");
      return found && typeof found === "object" && !Array.isArray(found) ? found : null;
    } catch {
      return null;
    }
  }

  showRows() {
    const found = this.read();
    if (found === null || this.area.dataset.invalid) return false;
    this.list.replaceChildren();
    for (const [name, value] of Object.entries(found)) this.append(name, value);
    this.show(true);
    return true;
  }

  showJson() {
    delete this.area.dataset.invalid;
    this.show(false);
  }

  show(asRows) {
    this.area.hidden = asRows;
    this.list.hidden = this.add.hidden = !asRows;
    this.toggle.textContent = asRows ? "Edit as JSON" : "Edit as rows";
  }

  append(name, value) {
    const type = typeOf(value);
    const key = made("input", { value: name, placeholder: "country" });
    const kind = made("select", {}, ...optionsOf(TYPES, type));
    const remove = made("button", { type: "button", className: "tl-icon", title: "Remove" });
    remove.append(made("span", { className: "material-symbols-outlined", textContent: "close" }));
    for (const [control, text] of [[key, "Attribute name"], [kind, "Type"], [remove, "Remove attribute"]]) control.setAttribute("aria-label", text);
    const row = made("div", { className: "tl-pair" }, key, kind, remove, this.control(type, value));
    remove.addEventListener("click", () => { row.remove(); this.write(); });
    kind.addEventListener("change", () => {
      const typed = row.querySelector(".tl-pair-value").value;
      row.replaceChild(this.control(kind.value, kind.value === "boolean" ? typed !== "false" : typed), row.lastElementChild);
      this.write();
    });
    row.addEventListener("input", () => this.write());
    this.list.append(row);
    return row;
  }

  control(type, value) {
    const control = type === "boolean"
      ? made("select", {}, ...optionsOf({ true: "true", false: "false" }, String(value)))
      : made("input", { value: type === "json" && typeof value !== "string" ? JSON.stringify(value) : String(value), inputMode: type === "number" ? "decimal" : "text" });
    control.classList.add("tl-pair-value");
    control.setAttribute("aria-label", "Value");
    return control;
  }

  /** Everything as JSON. What does not fit its type is written as it stands, so that the server says what is wrong. */
  write() {
    const pairs = [];
    for (const row of this.list.children) {
      const [name, kind] = row.querySelectorAll("input, select");
      const typed = row.querySelector(".tl-pair-value").value;
      if (!name.value && !typed) continue;
      pairs.push(`${JSON.stringify(name.value)}: ${kind.value === "text" ? JSON.stringify(typed) : typed.trim()}`);
    }
    this.area.value = pairs.length ? `{${pairs.join(", ")}}` : "";
  }
}

for (const area of document.querySelectorAll("textarea[data-attributes]")) new Rows(area);
