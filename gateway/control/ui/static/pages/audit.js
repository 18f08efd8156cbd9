// Who changed what, and how it was before.
import { isConfined } from "../access.js";
import { addressOf } from "../api.js";
import { AuditChain } from "../components/audit_chain.js";
import { Badge } from "../components/badge.js";
import { Empty } from "../components/feedback.js";
import { SelectField, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { PageHead } from "../components/page.js";
import { PagedTable } from "../components/table.js";
import { buildDiff } from "../diff.js";
import { formatTime } from "../format.js";
import { useDelayed, usePages } from "../load.js";
import { go, href } from "../route.js";
import { RANGES, sinceOf } from "../usage_data.js";
import { html, useState } from "../view.js";

const KINDS = { create: "good", update: "plain", delete: "bad", chain_broken: "bad" };
const ACTIONS = [["", "All actions"], ...["create", "update", "delete", "login", "logout", "refuse", "chain_broken"].map((name) => [name, name])];
const TIMES = [["", "Any time"], ...Object.entries(RANGES).map(([key, { title }]) => [key, title])];
const TEXTS = { actor: ["Who", "anyone"], entity_name: ["Name", "any"], request_id: ["Request id", "any"], source_address: ["Address", "any"] };
const TYPES = [["", "Everything"], ["secret", "Secrets"], ["model_definition", "Models"], ["endpoint", "Endpoints"], ["api_key", "API keys"], ["binding", "Bindings"], ["admin_token", "Admin tokens"], ["session", "Sessions"], ["kek_term", "Key terms"], ["root_key", "Root key"], ["audit", "The audit log"]];
const VIEWS = { secret: "secrets", model_definition: "models", endpoint: "endpoints", api_key: "keys" };

function Name({ row }) {
  const view = row.action === "delete" ? null : VIEWS[row.entity_type];
  const name = html`<span class="breakable">${row.entity_name || row.entity_id}</span>`;
  return html`<span class="muted">${row.entity_type.replace("_", " ")}</span> ${view
    ? html`<a href=${href(view, row.entity_id)}>${name}</a>` : name}`;
}

function Change({ row }) {
  const [open, setOpen] = useState(false);
  const fields = buildDiff(row.before, row.after);
  return html`<div class="change">
    <button type="button" class="disclosure" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name=${open ? "down" : "right"} size=${14} />${fields.length === 0 ? "details" : `${fields.length} ${fields.length === 1 ? "field" : "fields"}`}</button>
    ${open && html`<${Diff} fields=${fields} />
      <p class="muted small">request ${row.request_id}${row.source_address && ` from ${row.source_address}`}</p>`}
  </div>`;
}

function Diff({ fields }) {
  return html`<dl class="diff">${fields.map(({ path, before, after }) => html`<div key=${path}>
    <dt><code>${path}</code></dt>
    ${before !== undefined && html`<dd class="diff-before"><span class="visually-hidden">before: </span>${before}</dd>`}
    ${after !== undefined && html`<dd class="diff-after"><span class="visually-hidden">after: </span>${after}</dd>`}
  </div>`)}</dl>`;
}

const COLUMNS = [
  { key: "at", title: "When", cell: (row) => html`<span class="number nowrap">${formatTime(row.at, { seconds: true })}</span>` },
  { key: "actor", title: "Who", cell: (row) => html`<span class="breakable">${row.actor}</span>` },
  { key: "action", title: "Action", cell: (row) => html`<${Badge} kind=${KINDS[row.action] || "plain"}>${row.action}<//>` },
  { key: "name", title: "What", cell: (row) => html`<${Name} row=${row} />` },
  { key: "change", title: "Change", wide: true, cell: (row) => html`<${Change} row=${row} />` },
];

function useTexts(query) {
  const [texts, setTexts] = useState(Object.fromEntries(Object.keys(TEXTS).map((name) => [name, query.get(name) || ""])));
  const trimmed = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, text.trim()]));
  return { texts, sought: JSON.parse(useDelayed(JSON.stringify(trimmed))), set: (name, text) => setTexts({ ...texts, [name]: text }) };
}

/** The list with its filters, and whether it can be trusted. */
export function Audit({ query }) {
  const picked = Object.fromEntries(["entity_type", "action", "entity_id"].map((name) => [name, query.get(name) || ""]));
  const range = RANGES[query.get("range")] ? query.get("range") : "";
  const { texts, sought, set } = useTexts(query);
  const pages = usePages("/audit", { ...picked, ...sought, since: range ? sinceOf(range) : "" });
  const filter = (change) => go(href("audit", { ...picked, range, ...change }));
  const whole = !isConfined(); // part of a chain cannot be checked
  const isFiltered = range || Object.values({ ...picked, ...sought }).some(Boolean);
  return html`
    <${PageHead} title="Audit" lead="Every change of the configuration, newest first. Secrets stand here masked.">
      ${whole && html`<a class="button" href=${addressOf("/audit/export")} download="lockgate-audit.jsonl">Export</a>`}
    <//>
    ${whole && html`<${AuditChain} />`}
    <div class="filters">
      <${SelectField} label="Kind" value=${picked.entity_type} onChange=${(value) => filter({ entity_type: value })} options=${TYPES} />
      <${SelectField} label="Action" value=${picked.action} onChange=${(value) => filter({ action: value })} options=${ACTIONS} />
      <${SelectField} label="When" value=${range} onChange=${(value) => filter({ range: value })} options=${TIMES} />
      ${Object.entries(TEXTS).map(([name, [label, hint]]) => html`<${TextField} key=${name} label=${label} value=${texts[name]} onChange=${(text) => set(name, text)} placeholder=${hint} />`)}
      ${picked.entity_id && html`<a class="button" href=${href("audit", { ...picked, range, entity_id: "" })}>Only one thing<${Icon} name="close" size=${14} /></a>`}
    </div>
    <${PagedTable} label="Audit" pages=${pages} columns=${COLUMNS} rowKey=${(row) => row.audit_id}
      empty=${html`<${Empty} title="Nothing recorded">${isFiltered ? "No change fits these filters." : "Changes appear here as soon as there are any."}<//>`} />
  `;
}
