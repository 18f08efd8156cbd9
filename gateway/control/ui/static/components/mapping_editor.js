// The editor of an endpoint's traffic: weighted PRIMARYs with their live split, ordered FALLBACKs.
import { formatShare } from "../format.js";
import { moveRow, newRow, parseWeight } from "../mapping_rows.js";
import { html, useId } from "../view.js";
import { Icon } from "./icon.js";
import { computeShares, seriesClass, ShareBar } from "./shares.js";

function ModelSelect({ row, models, label, invalid, noteId, onChange }) {
  return html`<select aria-label=${label} value=${row.modelId} aria-invalid=${invalid ? "true" : undefined}
    aria-describedby=${invalid ? noteId : undefined} onChange=${(event) => onChange(event.currentTarget.value)}>
    <option value="" selected=${!row.modelId}>Choose a model</option>
    ${models.map((model) => html`<option key=${model.model_definition_id} value=${model.model_definition_id}
      selected=${model.model_definition_id === row.modelId}>${model.name} (${model.provider} ${model.model_name})</option>`)}
  </select>`;
}

function RowNote({ id, text }) {
  return text ? html`<p id=${id} class="field-error">${text}</p>` : null;
}

function PrimaryRow({ row, index, share, models, error, onChange, onRemove }) {
  const noteId = useId();
  const set = (change) => onChange({ ...row, ...change });
  const number = index + 1;
  return html`<li class="mapping">
    <span class="swatch ${seriesClass(index)}" />
    <${ModelSelect} row=${row} models=${models} label="Model ${number}" invalid=${error && !row.modelId} noteId=${noteId} onChange=${(modelId) => set({ modelId })} />
    <input class="weight number" type="text" inputmode="decimal" autocomplete="off" aria-label="Weight of model ${number}"
      aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? noteId : undefined}
      value=${row.weight} onInput=${(event) => set({ weight: event.currentTarget.value })} />
    <output class="share number" aria-label="Share of model ${number}">${parseWeight(row.weight) === 0 ? "drained" : formatShare(share)}</output>
    <button type="button" class="icon-button" aria-label="Remove model ${number}" disabled=${!onRemove} onClick=${onRemove}><${Icon} name="trash" /></button>
    <${RowNote} id=${noteId} text=${error} />
  </li>`;
}

/** The PRIMARYs; `errors` maps a row's key to what is wrong with it. */
export function PrimaryEditor({ rows, models, errors, onChange }) {
  const shares = computeShares(rows.map((row) => parseWeight(row.weight)));
  const nameOf = (row) => models.find((model) => model.model_definition_id === row.modelId)?.name ?? "no model";
  const replace = (index, row) => onChange(rows.map((old, at) => (at === index ? row : old)));
  return html`<div class="mapping-editor">
    <${ShareBar} parts=${rows.map((row, index) => ({ name: nameOf(row), share: shares[index] }))} />
    <div class="mapping-head" aria-hidden="true"><span>Model</span><span>Weight</span><span>Share</span></div>
    <ul class="mappings">${rows.map((row, index) => html`<${PrimaryRow} key=${row.key} ...${{ row, index, models }}
      share=${shares[index]} error=${errors[row.key]} onChange=${(changed) => replace(index, changed)}
      onRemove=${rows.length > 1 ? () => onChange(rows.filter((_, at) => at !== index)) : null} />`)}</ul>
    <button type="button" class="button button-small" onClick=${() => onChange([...rows, newRow()])}>
      <${Icon} name="plus" size=${14} />Add model</button>
  </div>`;
}

function FallbackRow({ row, index, last, models, error, onChange, onMove, onRemove }) {
  const noteId = useId();
  const number = index + 1;
  return html`<li class="mapping mapping-fallback">
    <span class="order number">${number}</span>
    <${ModelSelect} row=${row} models=${models} label="Fallback ${number}" invalid=${error} noteId=${noteId} onChange=${(modelId) => onChange({ ...row, modelId })} />
    <span class="move">
      <button type="button" class="icon-button" aria-label="Move fallback ${number} up" disabled=${index === 0} onClick=${() => onMove(-1)}><${Icon} name="up" /></button>
      <button type="button" class="icon-button" aria-label="Move fallback ${number} down" disabled=${last} onClick=${() => onMove(1)}><${Icon} name="down" /></button>
    </span>
    <button type="button" class="icon-button" aria-label="Remove fallback ${number}" onClick=${onRemove}><${Icon} name="trash" /></button>
    <${RowNote} id=${noteId} text=${error} />
  </li>`;
}

/** The FALLBACKs, tried from the top. */
export function FallbackEditor({ rows, models, errors, onChange }) {
  const replace = (index, row) => onChange(rows.map((old, at) => (at === index ? row : old)));
  return html`<div class="mapping-editor">
    <ol class="mappings">${rows.map((row, index) => html`<${FallbackRow} key=${row.key} ...${{ row, index, models }}
      last=${index === rows.length - 1} error=${errors[row.key]} onChange=${(changed) => replace(index, changed)}
      onMove=${(by) => onChange(moveRow(rows, index, by))}
      onRemove=${() => onChange(rows.filter((_, at) => at !== index))} />`)}</ol>
    <button type="button" class="button button-small" onClick=${() => onChange([...rows, newRow()])}>
      <${Icon} name="plus" size=${14} />Add fallback</button>
  </div>`;
}
