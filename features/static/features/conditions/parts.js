// Groups and conditions on the page. A part is drawn anew when its shape changes, and only that part.

import { button, element, icon, select, uniqueId } from "./dom.js";
import { DEPTH, carriedValue, emptyValue, isAboutSegment, operatorFor } from "./tree.js";
import { valueControls } from "./values.js";

const JOINTS = { all: "and", any: "or", none: "or" };
const MEANINGS = { all: "All of these hold", any: "Any of these holds", none: "None of these holds" };
const TYPES = { text: "Text", number: "Number", boolean: "Yes or no", date: "Date", version: "Version", list: "List" };
const LIST_WORDS = { in: "has any of", not_in: "has none of", equals: "has", not_equals: "does not have" };

/** A condition that asks nothing yet. Nobody complains about it before it was left. */
export const newCondition = () => ({ attribute: "", type: "text", operator: "equals", value: "", isFresh: true });

/** A group with everything in it. `remove` takes it away; the outermost one stays. */
export function groupElement(group, editor, depth = 1, remove = null) {
  const body = element("div", { class: "ce-parts" });
  const kinds = element("div", { class: "ce-kinds", role: "group", "aria-label": "How these hold together" });
  const complaint = element("p", { class: "ce-complaint", hidden: true });
  group.box = element("div", { class: "ce-group", role: "group", "aria-label": MEANINGS[group.kind] },
    element("div", { class: "ce-head" }, kinds,
      remove && button("", remove, { symbol: "close", class: "ce-remove", "aria-label": "Remove this group" })),
    body, complaint, element("div", { class: "ce-add" }, ...adders()));

  function adders() {
    const add = (make) => () => {
      const part = make();
      group.parts.push(part);
      draw();
      editor.changed();
      part.box.querySelector("input, select")?.focus();
    };
    const segment = () => ({ operator: "in_segment", attribute: "", value: "", isFresh: true });
    const inner = () => ({ kind: group.kind === "all" ? "any" : "all", parts: [newCondition()] });
    return [
      button("Condition", add(newCondition), { symbol: "add", "aria-label": "Add a condition" }),
      editor.segments().length > 0 && button("Segment", add(segment), { symbol: "group_work", "aria-label": "Add a segment" }),
      depth < DEPTH && button("Group", add(inner), { symbol: "data_object", "aria-label": "Add a group" }),
    ].filter(Boolean);
  }

  function draw() {
    kinds.replaceChildren(...Object.keys(MEANINGS).map((kind) => kindButton(kind)));
    const rows = group.parts.map((part, index) => {
      const gone = () => {
        group.parts.splice(index, 1);
        draw();
        editor.changed();
        group.box.querySelector(".ce-add button").focus();
      };
      const drawn = part.kind ? groupElement(part, editor, depth + 1, gone) : conditionElement(part, editor, gone);
      return element("div", { class: "ce-line" }, element("span", { class: "ce-joint" }, index ? JOINTS[group.kind] : ""), drawn);
    });
    body.replaceChildren(...(rows.length ? rows : [element("p", { class: "ce-empty" }, "Nothing is asked here yet.")]));
  }

  function kindButton(kind) {
    const choose = () => {
      group.kind = kind;
      group.box.setAttribute("aria-label", MEANINGS[kind]);
      draw();
      editor.changed();
      kinds.querySelector("[aria-pressed=true]").focus();
    };
    return button(MEANINGS[kind].split(" ")[0], choose, { title: MEANINGS[kind], "aria-pressed": String(kind === group.kind) });
  }

  draw();
  return group.box;
}

/** One condition: what it asks, in a row of controls. */
function conditionElement(part, editor, remove) {
  const row = element("div", { class: "ce-row" });
  const complaint = element("p", { class: "ce-complaint", hidden: true, id: uniqueId("ce-complaint") });
  part.box = element("div", {
    ...{ class: "ce-condition", role: "group", "aria-label": "Condition", "aria-describedby": complaint.id },
    focusout: (event) => {
      if (part.isFresh && !part.box.contains(event.relatedTarget)) {
        part.isFresh = false;
        editor.complain();
      }
    },
  }, row, complaint);

  // This one stays while the others are drawn anew: somebody is just typing in it, or leaving it for the next one.
  const attribute = element("input", {
    ...{ type: "text", class: "ce-attribute", "aria-label": "Attribute", placeholder: "attribute", maxlength: 128 },
    ...{ value: part.attribute, list: editor.attributesId, autocomplete: "off" },
    input: () => {
      part.attribute = attribute.value;
      learnType();
      editor.changed();
    },
  });

  function draw(focused = null) {
    for (const control of [...row.children]) if (control !== attribute) control.remove();
    row.append(...controls(), button("", remove, { symbol: "close", class: "ce-remove", "aria-label": "Remove this condition" }));
    if (focused) row.querySelector(`[aria-label="${focused}"]`).focus();
  }

  function controls() {
    if (part.everyone) return [element("span", { class: "ce-word" }, icon("public"), "Everyone")];
    return isAboutSegment(part) ? segmentControls(part, editor) : attributeControls();
  }

  function attributeControls() {
    if (!attribute.isConnected) row.prepend(attribute);
    const { shape } = editor.vocabulary.operators[part.operator];
    return [
      select("Type", Object.entries(TYPES), part.type, (type) => setType(type, "Type"), { class: "ce-type" }),
      select("Operator", operators(), part.operator, setOperator, { class: "ce-operator" }),
      ...valueControls(part, shape, editor.attribute(part.attribute)?.samples ?? [], editor.changed),
    ];
  }

  function operators() {
    const words = part.type === "list" ? LIST_WORDS : {};
    return editor.vocabulary.types[part.type].map((name) => [name, words[name] ?? editor.vocabulary.operators[name].words]);
  }

  function learnType() {
    const known = editor.attribute(part.attribute);
    if (known && known.type !== part.type) setType(known.type);
    else if (known) draw();
  }

  function setType(type, focused = null) {
    part.type = type;
    part.operator = operatorFor(type, part.operator, editor.vocabulary);
    part.value = emptyValue(editor.vocabulary.operators[part.operator].shape, type);
    draw(focused);
    editor.changed();
  }

  function setOperator(operator) {
    const shapes = [part.operator, operator].map((name) => editor.vocabulary.operators[name].shape);
    part.operator = operator;
    part.value = carriedValue(part.value, ...shapes, part.type);
    draw("Operator");
    editor.changed();
  }

  draw();
  return part.box;
}

function segmentControls(part, editor) {
  const set = (name) => (value) => {
    part[name] = value;
    editor.changed();
  };
  const { operators } = editor.vocabulary;
  const names = editor.segments().map(({ key, name }) => [key, name === key ? key : `${name} (${key})`]);
  const gone = part.value && !names.some(([key]) => key === part.value) ? [[part.value, `${part.value} (there is none)`]] : [];
  const words = ["in_segment", "not_in_segment"].map((name) => [name, `${operators[name].words} segment`]);
  return [
    select("Operator", words, part.operator, set("operator"), { class: "ce-operator" }),
    select("Segment", [["", "Choose a segment…"], ...names, ...gone], part.value, set("value"), { class: "ce-segment" }),
  ];
}
