// The editor of conditions: a text area of JSON, shown as groups and conditions, with what they say in words.

import { button, element, icon, uniqueId } from "./conditions/dom.js";
import { groupElement, newCondition } from "./conditions/parts.js";
import { GROUPS, Unshown, isExact, partAt, read, write } from "./conditions/tree.js";

const PAUSE = 250; // milliseconds after the last key, before the server is asked what it reads
const vocabularies = new Map();

class ConditionsEditor extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    if (!this.area || this.area.name.includes("__prefix__") || this.parts) return;
    this.attributesId = uniqueId("ce-attributes");
    this.changed = this.changed.bind(this);
    this.build();
    this.area.addEventListener("input", () => this.isAsJson && this.readSoon());
    if (!this.dataset.project) this.projectField?.addEventListener("change", () => this.start());
    const folded = this.closest("details:not([open])"); // a page of many rules asks for those alone that are opened
    if (folded) folded.addEventListener("toggle", () => this.start(), { once: true });
    else this.start();
  }

  get form() {
    return this.area.form;
  }

  get projectField() {
    return this.form?.elements.namedItem("project");
  }

  get project() {
    return this.dataset.project || this.projectField?.value || "";
  }

  get isAsJson() {
    return !this.area.hidden;
  }

  build() {
    this.parts = element("div", { class: "ce-root" });
    this.modes = element("div", { class: "ce-modes", role: "group", "aria-label": "Who is meant" });
    this.jsonButton = button("Edit as JSON", () => this.toggleJson(), { symbol: "code", class: "ce-json" });
    this.sentence = element("output", { class: "ce-sentence", "aria-live": "polite" });
    this.complaints = element("ul", { class: "ce-complaints", role: "alert", hidden: true });
    this.known = element("datalist", { id: this.attributesId });
    this.area.before(element("div", { class: "ce-bar" }, this.modes, this.jsonButton), this.parts);
    this.area.after(element("p", { class: "ce-reading" }, icon("group"), this.sentence), this.complaints, this.known);
  }

  /** Ask for the project's words, then show what is stored. */
  async start() {
    this.vocabulary = await vocabularyOf(this.dataset.vocabulary, this.project);
    const options = this.vocabulary.attributes.map(({ name, type }) => element("option", { value: name }, type));
    this.known.replaceChildren(...options);
    this.show();
    this.ask();
  }

  attribute(name) {
    return this.vocabulary.attributes.find((known) => known.name === name);
  }

  segments() {
    return this.vocabulary.segments.filter(({ id }) => String(id) !== this.dataset.segment);
  }

  /** Draw what the text area holds; what only JSON can show stays JSON. */
  show() {
    try {
      this.root = this.rootOf(this.area.value);
      this.setJson(false);
    } catch (error) {
      if (!(error instanceof Unshown || error instanceof SyntaxError)) throw error;
      this.root = null;
      this.setJson(true);
    }
    this.draw();
  }

  rootOf(text) {
    if (!text.trim() || text.trim() === "null") {
      return "optional" in this.dataset ? { nothing: true } : { kind: "all", parts: [newCondition()] };
    }
    if (!isExact(text)) throw new Unshown();
    const part = read(JSON.parse(text), this.vocabulary);
    return part.kind || part.everyone ? part : { kind: "all", parts: [part] };
  }

  draw() {
    const modes = [["nothing", "No conditions"], ["everyone", "Everyone"], ["some", "Some"]];
    const offered = modes.filter(([mode]) => mode !== "nothing" || "optional" in this.dataset);
    const now = this.root && (GROUPS.includes(this.root.kind) ? "some" : Object.keys(this.root)[0]);
    this.modes.replaceChildren(...offered.map(([mode, label]) =>
      button(label, () => this.choose(mode), { "aria-pressed": String(mode === now), disabled: this.isAsJson })));
    this.parts.replaceChildren(...(now === "some" ? [groupElement(this.root, this)] : []));
  }

  choose(mode) {
    if (mode === "some") this.root = this.kept ?? { kind: "all", parts: [newCondition()] };
    else {
      this.kept = this.root.kind ? this.root : this.kept;
      this.root = { [mode]: true };
    }
    this.draw();
    this.changed();
    this.modes.querySelector("[aria-pressed=true]").focus();
  }

  /** Somebody edited a part: write it down, and say what it means now. */
  changed() {
    this.area.value = this.root.nothing ? "" : JSON.stringify(write(this.root), null, 2);
    for (const type of ["input", "change"]) this.area.dispatchEvent(new Event(type, { bubbles: true }));
    this.readSoon();
  }

  toggleJson() {
    if (this.isAsJson) this.show();
    else this.setJson(true);
    this.draw();
    if (this.isAsJson) this.area.focus();
  }

  setJson(isAsJson) {
    this.area.hidden = !isAsJson;
    this.parts.hidden = isAsJson;
    this.jsonButton.lastChild.data = isAsJson ? "Edit by clicking" : "Edit as JSON";
  }

  readSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE);
  }

  /** The server says what the conditions mean and what is wrong with them: there is one truth. */
  async ask() {
    this.asking?.abort();
    this.asking = new AbortController();
    const text = this.area.value.trim();
    if (!text || !this.project) {
      this.said = { sentence: this.root?.nothing ? "no conditions of its own" : "…", complaints: [] };
      return this.complain();
    }
    const body = new FormData();
    body.set("project", this.project);
    body.set("segment", this.dataset.segment ?? "");
    body.set("conditions", text);
    body.set("csrfmiddlewaretoken", this.form.elements.namedItem("csrfmiddlewaretoken").value);
    try {
      const answer = await fetch(this.dataset.reading, { method: "POST", body, signal: this.asking.signal });
      this.said = answer.ok ? await answer.json() : { sentence: "…", complaints: [`The server answered ${answer.status}.`] };
    } catch (error) {
      if (error.name === "AbortError") return;
      this.said = { sentence: "…", complaints: ["The server cannot be reached."] };
    }
    this.complain();
  }

  /** Show each complaint at its part, and below what belongs to none. */
  complain() {
    const { sentence, complaints } = this.said ?? { sentence: "…", complaints: [] };
    for (const shown of this.querySelectorAll(".ce-complaint")) shown.hidden = true;
    const others = this.isAsJson ? complaints : complaints.filter((complaint) => !this.complainAt(complaint));
    this.sentence.value = sentence;
    this.classList.toggle("ce-wrong", complaints.length > 0);
    this.complaints.hidden = others.length === 0;
    this.complaints.replaceChildren(...others.map((complaint) => element("li", {}, capital(complaint))));
  }

  complainAt(complaint) {
    const [, path, message] = /^((?:(?:all|any|none)\[\d+\]\.?)*)(?:: )?([^]*)$/.exec(complaint);
    const part = this.root && partAt(this.root, path);
    const shown = part?.box && [...part.box.children].find((child) => child.classList.contains("ce-complaint"));
    if (!shown) return false;
    shown.textContent = part.kind && part.parts.length === 0 ? "Add a condition, or remove this group." : capital(message);
    shown.hidden = Boolean(part.isFresh);
    return true;
  }
}

function vocabularyOf(address, project) {
  if (!vocabularies.has(project)) {
    const asked = fetch(`${address}?${new URLSearchParams({ project })}`).then((answer) => answer.json());
    vocabularies.set(project, asked);
  }
  return vocabularies.get(project);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

customElements.define("conditions-editor", ConditionsEditor);
