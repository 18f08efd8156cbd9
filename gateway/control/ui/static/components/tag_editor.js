// Key and value pairs as rows of two inputs.
import { html } from "../view.js";
import { Icon } from "./icon.js";

/** Tags of an entity as rows, with one key per row. */
export function readTags(tags) {
  return Object.entries(tags || {}).map(([key, value], index) => ({ id: `${index}-${key}`, key, value }));
}

/** The rows as tags; rows without a key are left out. */
export function dumpTags(rows) {
  return Object.fromEntries(rows.map(({ key, value }) => [key.trim(), value]).filter(([key]) => key));
}

/** The editor. */
export function TagEditor({ rows, onChange, error }) {
  const set = (index, change) => onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)));
  const add = () => onChange([...rows, { id: `new-${Date.now()}-${rows.length}`, key: "", value: "" }]);
  return html`<div class="tag-editor">
    <ul class="mappings">${rows.map((row, index) => html`<li key=${row.id} class="tag-row">
      <input type="text" autocomplete="off" aria-label="Key of tag ${index + 1}" placeholder="team" value=${row.key}
        aria-invalid=${error ? "true" : undefined} onInput=${(event) => set(index, { key: event.currentTarget.value })} />
      <input type="text" autocomplete="off" aria-label="Value of tag ${index + 1}" placeholder="search" value=${row.value}
        onInput=${(event) => set(index, { value: event.currentTarget.value })} />
      <button type="button" class="icon-button" aria-label="Remove tag ${index + 1}" onClick=${() => onChange(rows.filter((_, at) => at !== index))}><${Icon} name="trash" /></button>
    </li>`)}</ul>
    ${error && html`<p class="field-error">${error}</p>`}
    <button type="button" class="button button-small" onClick=${add}><${Icon} name="plus" size=${14} />Add tag</button>
  </div>`;
}
