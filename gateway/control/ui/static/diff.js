// What changed between two states of a thing, field by field.
// Rule: pure; both states come masked from the API.

// Times and writers: the row itself says them. Ids of joined rows: names say it. Shares: weights do.
const QUIET = new Set([
  "created_at", "created_by", "last_updated_at", "last_updated_by", "version",
  "endpoint_id", "mapping_id", "model_definition_id", "secret_id", "key_id", "share",
]);
const JOINED = "model_definition";
const NOTHING = new Set(["null", "{}", "[]"]);

function flatten(value, path, into) {
  if (value !== null && typeof value === "object" && Object.keys(value).length) {
    for (const [name, inner] of Object.entries(value)) {
      if (QUIET.has(name)) continue;
      const below = Array.isArray(value) ? `${path}[${name}]` : path ? `${path}.${name}` : name;
      flatten(name === JOINED ? inner.name : inner, below, into);
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
  const read = (values, path) => (NOTHING.has(values.get(path)) ? undefined : values.get(path));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((path) => ({ path, before: read(old, path), after: read(now, path) }))
    .filter((row) => row.before !== row.after);
}
