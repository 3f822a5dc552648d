// The weights of variants while they are typed: each one's share, the sum, an even split, and the rest for the last one.

const WHOLE = 100;

class VariantWeights extends HTMLElement {
  connectedCallback() {
    const field = this.closest("fieldset") ?? document;
    this.field = field;
    if (!this.inputs.length && !field.querySelector(".add-row")) return; // somebody who only reads
    this.build();
    field.addEventListener("input", (event) => this.inputs.includes(event.target) && this.weigh(event.target));
    field.addEventListener("change", (event) => this.onlyControl(event.target));
    for (const name of ["formset:added", "formset:removed"]) document.addEventListener(name, () => this.show());
    this.show();
  }

  /** The weights of the rows that stay. */
  get inputs() {
    const found = [...this.field.querySelectorAll(`input[name^="${this.dataset.prefix}-"][name$="-weight"]`)];
    return found.filter((input) => !input.name.includes("__prefix__") && !this.isGoing(input));
  }

  isGoing(input) {
    return Boolean(this.field.querySelector(`input[name="${input.name.replace(/weight$/, "DELETE")}"]`)?.checked);
  }

  build() {
    this.sum = document.createElement("output");
    this.sum.setAttribute("aria-live", "polite");
    this.rest = document.createElement("input");
    this.rest.type = "checkbox";
    this.rest.checked = this.total === WHOLE || this.total === 0;
    const label = document.createElement("label");
    label.append(this.rest, " The last one takes the rest");
    const even = document.createElement("button");
    even.type = "button";
    even.className = "sy-button";
    even.textContent = "Even split";
    even.addEventListener("click", () => this.split());
    this.append(this.sum, even, label);
  }

  get total() {
    return this.inputs.reduce((sum, input) => sum + (input.valueAsNumber || Number(input.value) || 0), 0);
  }

  split() {
    const { inputs } = this;
    inputs.forEach((input, index) => this.set(input, Math.floor(WHOLE / inputs.length) + (index < WHOLE % inputs.length ? 1 : 0)));
    this.rest.checked = true;
    this.show();
  }

  /** Somebody typed a weight: the last of the others takes what is left of a hundred. */
  weigh(typed) {
    const others = this.inputs.filter((input) => input !== typed);
    if (this.rest.checked && others.length) {
      const last = others.at(-1);
      this.set(last, Math.max(0, WHOLE - (this.total - (Number(last.value) || 0))));
    }
    this.show();
  }

  set(input, weight) {
    input.value = weight;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  show() {
    const { total, inputs } = this;
    for (const input of inputs) {
      const shown = input.parentElement.querySelector(".ex-share") ?? input.insertAdjacentElement("afterend", shareLine());
      shown.textContent = total ? `${((100 * (Number(input.value) || 0)) / total).toFixed(1).replace(/\.0$/, "")} %` : "–";
    }
    this.sum.value = `Sum ${total}`;
    this.sum.classList.toggle("ex-wrong", total === 0 || (this.rest.checked && total !== WHOLE));
  }

  /** There is one control. */
  onlyControl(box) {
    if (!box.checked || !box.name?.endsWith("-is_control")) return;
    for (const other of this.field.querySelectorAll('input[name$="-is_control"]')) if (other !== box) other.checked = false;
  }
}

function shareLine() {
  const line = document.createElement("span");
  line.className = "ex-share";
  return line;
}

customElements.define("variant-weights", VariantWeights);
