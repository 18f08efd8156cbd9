// Small marks: a state as a word, tags and globs as chips, an id to copy.
import { formatAgo, formatTime } from "../format.js";
import { html } from "../view.js";

/** A state as a word in a tinted pill; kind is good, warn, bad or plain. */
export function Badge({ kind = "plain", children }) {
  return html`<span class="badge badge-${kind}">${children}</span>`;
}

/** A row of chips. */
export function Chips({ items }) {
  return html`<span class="chips">${items.map((item) => html`<span key=${item} class="chip">${item}</span>`)}</span>`;
}

/** Tags as key=value chips, or nothing. */
export function Tags({ tags }) {
  return html`<${Chips} items=${Object.entries(tags || {}).map(([key, value]) => (value ? `${key}=${value}` : key))} />`;
}

/** How long ago, with the exact time on hover. */
export function Ago({ at }) {
  return html`<time datetime=${new Date(at).toISOString()} title=${formatTime(at, { seconds: true })} class="nowrap">${formatAgo(at)}</time>`;
}

/** Facts as a definition list: [[title, value], ...]. */
export function Facts({ rows }) {
  return html`<dl class="facts">${rows.map(([title, value]) => html`<div key=${title}><dt>${title}</dt><dd>${value}</dd></div>`)}</dl>`;
}
