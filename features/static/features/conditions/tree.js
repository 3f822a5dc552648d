// The stored tree, and the same as the editor holds it: every part an object that knows what it was drawn as.

export const GROUPS = ["all", "any", "none"];
export const DEPTH = 10;
const FIELDS = ["attribute", "operator", "value", "seed"];

export class Unshown extends Error {}

/** A stored tree as an editor's parts. Throws Unshown for what only JSON can show. */
export function read(tree, vocabulary) {
  if (tree === null || typeof tree !== "object" || Array.isArray(tree)) throw new Unshown();
  const kind = GROUPS.find((name) => name in tree);
  if (kind) {
    if (Object.keys(tree).length !== 1 || !Array.isArray(tree[kind])) throw new Unshown();
    return { kind, parts: tree[kind].map((part) => read(part, vocabulary)) };
  }
  if (tree.everyone === true && Object.keys(tree).length === 1) return { everyone: true };
  const operator = vocabulary.operators[tree.operator];
  if (!operator || Object.keys(tree).some((name) => !FIELDS.includes(name))) throw new Unshown();
  if (!fits(operator.shape, tree.value)) throw new Unshown();
  return { attribute: "", ...tree, type: typeFor(tree, vocabulary) };
}

/** A part as it is stored. */
export function write(part) {
  if (part.everyone) return { everyone: true };
  if (part.kind) return { [part.kind]: part.parts.map(write) };
  const leaf = { operator: part.operator };
  if (!isAboutSegment(part)) leaf.attribute = part.attribute;
  if (part.value !== undefined) leaf.value = part.value;
  if (part.operator === "percentage" && part.seed) leaf.seed = part.seed;
  return leaf;
}

export const isAboutSegment = (part) => part.operator === "in_segment" || part.operator === "not_in_segment";

/** Whether JavaScript gives every number of a text back as it was: large whole numbers lose digits. */
export const isExact = (text) => !/(^|[^"\w.])-?\d{16,}/.test(text);

/** The part at a way such as all[1].any[0], from the root. */
export function partAt(root, path) {
  let part = root;
  for (const [, index] of path.matchAll(/\[(\d+)\]/g)) part = part?.parts?.[Number(index)];
  return part;
}

/** What an operator compares with when nothing was typed yet. */
export function emptyValue(shape, type) {
  const single = { boolean: true, number: null }[type];
  const values = { none: undefined, many: [], two: [null, null], division: [2, 0], percent: 50, segment: "" };
  return shape in values ? values[shape] : single === undefined ? "" : single;
}

/** The value after another operator was chosen: as much of the old one as fits. */
export function carriedValue(value, from, to, type) {
  if (from === to) return value;
  if (to === "many" && from === "one" && value !== "" && value !== null) return [value];
  if (to === "one" && from === "many" && value.length) return value[0];
  return emptyValue(to, type);
}

/** An operator of the type; the one that was chosen, if it is one of them. */
export const operatorFor = (type, operator, vocabulary) =>
  vocabulary.types[type].includes(operator) ? operator : vocabulary.types[type][0];

function typeFor({ attribute, operator, value }, vocabulary) {
  const known = vocabulary.attributes.find(({ name }) => name === attribute)?.type;
  const first = Array.isArray(value) ? value[0] : value;
  const kind = { boolean: "boolean", number: "number" }[typeof first];
  const isExactly = ["equals", "not_equals", "in", "not_in"].includes(operator);
  const isKnown = known && vocabulary.types[known].includes(operator);
  if (isKnown && !(isExactly && (kind ?? "text") !== known && known !== "list")) return known;
  if (isExactly) return kind ?? "text";
  return Object.keys(vocabulary.types).find((type) => vocabulary.types[type].includes(operator)) ?? "text";
}

function fits(shape, value) {
  const isList = Array.isArray(value);
  if (shape === "none") return value === undefined;
  if (shape === "many") return isList && value.every((each) => ["string", "number", "boolean"].includes(typeof each));
  if (shape === "two" || shape === "division") return isList && value.length === 2 && value.every(isNumberOrNull);
  if (shape === "percent") return isNumberOrNull(value);
  return !isList && (typeof value !== "object" || value === null);
}

const isNumberOrNull = (value) => typeof value === "number" || value === null;
