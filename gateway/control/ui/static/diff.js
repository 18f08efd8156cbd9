// What changed between two states of a thing, field by field.
// Rule: pure; both states come masked from the API.

const QUIET = new Set(["last_updated_at", "last_updated_by", "version"]);

function flatten(value, path, into) {
  if (value !== null && typeof value === "object" && Object.keys(value).length) {
    for (const [name, inner] of Object.entries(value)) {
      flatten(inner, Array.isArray(value) ? `${path}[${name}]` : path ? `${path}.${name}` : name, into);
    }
  } else if (path) {
    into.set(path, typeof value === "string" ? value : JSON.stringify(value));
  }
  return into;
}

/** Rows {path, before, after} of the fields that differ; undefined where there was none. */
export function buildDiff(before, after) {
  const old = flatten(before ?? {}, "", new Map());
  const now = flatten(after ?? {}, "", new Map());
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => !QUIET.has(path) && old.get(path) !== now.get(path))
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }));
}
