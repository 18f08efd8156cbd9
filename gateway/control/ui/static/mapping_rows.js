// An endpoint's mappings as the editor holds them, and as the API takes them.
// Rule: pure; a weight stays the text that was typed until it is sent.

let lastKey = 0;

/** A new row; rows are told apart by `key`, since two may be alike while being edited. */
export function newRow(modelId = "", weight = "1") {
  lastKey += 1;
  return { key: lastKey, modelId, weight };
}

/** Split an endpoint's mappings into {primaries, fallbacks}, each in its order. */
export function readMappings(mappings) {
  const rowOf = (mapping) => newRow(mapping.model_definition_id, String(mapping.weight));
  const fallbacks = mappings.filter(({ linkage_type: type }) => type === "FALLBACK");
  return {
    primaries: mappings.filter(({ linkage_type: type }) => type === "PRIMARY").map(rowOf),
    fallbacks: [...fallbacks].sort((a, b) => a.fallback_order - b.fallback_order).map(rowOf),
  };
}

/** A typed weight as a number; NaN where it is none. */
export function parseWeight(text) {
  const plain = text.trim().replace(",", ".");
  return /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/** The rows as the API's `model_mappings`: PRIMARYs first, then FALLBACKs by their place. */
export function dumpMappings({ primaries, fallbacks }) {
  return [
    ...primaries.map((row) => ({
      model_definition_id: row.modelId, weight: parseWeight(row.weight), linkage_type: "PRIMARY",
    })),
    ...fallbacks.map((row, index) => ({
      model_definition_id: row.modelId, linkage_type: "FALLBACK", fallback_order: index,
    })),
  ];
}

/** What is wrong before it is even sent: {row key: sentence}. */
export function checkRows({ primaries, fallbacks }) {
  const wrong = {};
  for (const row of [...primaries, ...fallbacks]) {
    if (!row.modelId) wrong[row.key] = "Choose a model.";
  }
  for (const row of primaries) {
    const weight = parseWeight(row.weight);
    if (!wrong[row.key] && !Number.isFinite(weight)) wrong[row.key] = "The weight must be a number of 0 or more.";
  }
  return wrong;
}

/** Move a row one place up (-1) or down (+1). */
export function moveRow(rows, index, by) {
  const moved = [...rows];
  [moved[index], moved[index + by]] = [moved[index + by], moved[index]];
  return moved;
}
