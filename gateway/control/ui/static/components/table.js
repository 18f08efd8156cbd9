// Tables that become stacked cards on a narrow screen, and the pager below them.
import { html } from "../view.js";
import { LoadProblem } from "./feedback.js";

const WAITING_ROWS = 6;

/**
 * Rows as a table. A column is {key, title, cell(row), align, wide}; `empty` stands in place
 * of no rows; `rows` null means that they are still on their way.
 */
export function Table({ label, columns, rows, rowKey, empty, rowClass }) {
  if (rows && !rows.length) return empty;
  return html`<div class="table-frame">
    <table class="table">
      <caption class="visually-hidden">${label}</caption>
      <thead><tr>${columns.map((column) => html`<th key=${column.key} scope="col" class=${classOf(column)}>
        ${column.title || html`<span class="visually-hidden">Actions</span>`}</th>`)}</tr></thead>
      <tbody>
        ${rows
          ? rows.map((row) => html`<${Row} key=${rowKey(row)} ...${{ row, columns }} extra=${rowClass?.(row)} />`)
          : html`<${Waiting} columns=${columns} />`}
      </tbody>
    </table>
  </div>`;
}

function Row({ row, columns, extra }) {
  return html`<tr class=${extra}>
    ${columns.map((column) => html`<td key=${column.key} data-label=${column.title} class=${classOf(column)}>
      <div class="cell">${column.cell(row)}</div></td>`)}
  </tr>`;
}

function Waiting({ columns }) {
  return Array.from({ length: WAITING_ROWS }, (_, index) => html`<tr key=${index} class="waiting" aria-hidden="true">
    ${columns.map((column) => html`<td key=${column.key}><span class="skeleton-line" /></td>`)}
  </tr>`);
}

function classOf(column) {
  return [column.align === "right" && "right", column.wide && "wide", !column.title && "row-actions"]
    .filter(Boolean).join(" ");
}

/** A paged list: its table, its errors and its pager. `pages` comes from usePages. */
export function PagedTable({ pages, ...rest }) {
  return html`<div class=${pages.loading && pages.items ? "refreshing" : ""} aria-busy=${pages.loading}>
    ${pages.error && html`<${LoadProblem} error=${pages.error} reload=${pages.reload} />`}
    ${(pages.items || !pages.error) && html`<${Table} rows=${pages.items} ...${rest} />`}
    <${Pager} pages=${pages} />
  </div>`;
}

function Pager({ pages }) {
  if (!pages.back && !pages.next) return null;
  return html`<nav class="pager" aria-label="Pages">
    <button type="button" class="button button-small" disabled=${!pages.back} onClick=${pages.back}>Previous</button>
    <span class="muted" aria-live="polite">Page ${pages.number}</span>
    <button type="button" class="button button-small" disabled=${!pages.next} onClick=${pages.next}>Next</button>
  </nav>`;
}
