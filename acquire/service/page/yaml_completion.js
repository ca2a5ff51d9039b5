// What may stand at a place of a YAML file, by its JSON Schema. Texts in, suggestions out.

const indentOf = (line) => line.length - line.trimStart().length;
const keyOf = (line) => /^\s*(?:- )?\s*([\w-]+)\s*:/.exec(line)?.[1] ?? null;
const isBlank = (line) => !line.trim() || line.trimStart().startsWith("#");
// Of "- key: value" the key stands two columns further in.
const columnOf = (line) => indentOf(line) + (line.trimStart().startsWith("- ") ? 2 : 0);

// The keys above a line that it stands under, outermost first. A step into a list is "[]".
export function pathAt(lines, at, column = columnOf(lines[at])) {
  const path = [];
  let limit = column;
  if (lines[at].trimStart().startsWith("-")) {
    path.unshift("[]");
    limit = indentOf(lines[at]) + 1;
  }
  for (let line = at - 1; line >= 0 && limit > 0; line -= 1) {
    if (isBlank(lines[line])) continue;
    const dashed = lines[line].trimStart().startsWith("- ");
    if (dashed && indentOf(lines[line]) < limit && columnOf(lines[line]) >= limit) {
      path.unshift("[]");
      limit = indentOf(lines[line]) + 1;
      continue;
    }
    const key = keyOf(lines[line]);
    if (key === null || columnOf(lines[line]) >= limit) continue;
    path.unshift(key);
    limit = columnOf(lines[line]);
    if (dashed) {
      path.unshift("[]");
      limit = indentOf(lines[line]) + 1;
    }
  }
  return path;
}

// Every form that a schema allows, with references followed.
function forms(root, schema) {
  if (!schema) return [];
  if (schema.$ref) {
    const { $ref, ...beside } = schema;
    const target = $ref.replace(/^#\//, "").split("/").reduce((part, key) => part?.[key], root);
    return forms(root, { ...target, ...beside });
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) {
    const { anyOf, oneOf, ...beside } = schema;
    void [anyOf, oneOf];
    return choices.flatMap((one) => forms(root, { ...beside, ...one }));
  }
  return [schema];
}

export function schemasAt(root, path) {
  return path.reduce((found, key) => found.flatMap((schema) => {
    if (key === "[]") return forms(root, schema.items ?? schema.prefixItems?.[0]);
    const below = schema.properties?.[key] ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : null);
    return forms(root, below);
  }), forms(root, root));
}

// Keys of the same section that stand already.
function siblings(lines, at, column) {
  const there = new Set();
  for (const step of [-1, 1]) {
    for (let line = at + step; line >= 0 && line < lines.length; line += step) {
      if (isBlank(lines[line])) continue;
      if (columnOf(lines[line]) < column) break;
      if (columnOf(lines[line]) === column && keyOf(lines[line])) there.add(keyOf(lines[line]));
      if (lines[line].trimStart().startsWith("- ") && step < 0) break;
    }
  }
  return there;
}

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));

// { from, options: [{ label, apply, detail, info, type }] } at a place of a text, or null.
export function suggestions(root, text, position) {
  const before = text.slice(0, position);
  const lines = text.split("\n");
  const at = before.split("\n").length - 1;
  const start = before.lastIndexOf("\n") + 1;
  const typed = before.slice(start);
  if (typed.includes("#")) return null;
  const value = /^(\s*(?:- )?)([\w-]+):\s+(\S*.*)$/.exec(typed);
  if (value) return valuesOf(root, [...pathAt(lines, at), value[2]], position - value[3].length);
  const key = /^(\s*(?:- )?)([\w-]*)$/.exec(typed);
  if (!key) return null;
  const column = key[1].length;
  const there = siblings(lines, at, column);
  const options = new Map();
  for (const schema of schemasAt(root, pathAt(lines, at, column))) {
    for (const [name, below] of Object.entries(schema.properties ?? {})) {
      if (there.has(name) || options.has(name)) continue;
      const kinds = forms(root, below);
      const section = kinds.some((one) => one.properties) && !kinds.some((one) => one.type === "string");
      const info = below.description ?? kinds.find((one) => one.description)?.description ?? "";
      const needed = schema.required?.includes(name);
      options.set(name, { label: name, apply: section ? `${name}:\n${" ".repeat(column + 2)}` : `${name}: `, type: "property", info,
        detail: needed ? "needed" : unitOf(kinds), boost: needed ? 10 : 0 });
    }
  }
  return options.size ? { from: position - key[2].length, options: [...options.values()] } : null;
}

const unitOf = (kinds) => kinds.map((one) => one["x-unit"]).find(Boolean) ?? "";

function valuesOf(root, path, from) {
  const found = new Map();
  for (const schema of schemasAt(root, path)) {
    const values = [...(schema.enum ?? []), ...("const" in schema ? [schema.const] : []), ...(schema.type === "boolean" ? [true, false] : []), ...(schema.examples ?? [])];
    for (const one of values.filter((item) => typeof item !== "object")) found.set(plain(one), { label: plain(one), type: "constant", detail: schema.examples?.includes(one) ? "for example" : "", info: schema.description ?? "" });
    if (schema.default !== undefined && schema.default !== null && typeof schema.default !== "object") found.set(plain(schema.default), { label: plain(schema.default), type: "constant", detail: "what stands without it", info: schema.description ?? "" });
  }
  return found.size ? { from, options: [...found.values()] } : null;
}
