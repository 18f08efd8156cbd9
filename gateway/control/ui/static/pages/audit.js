// Who changed what, and how it was before.
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
import { html, useState } from "../view.js";

const KINDS = { create: "good", update: "plain", delete: "bad" };
const ACTIONS = [["", "All actions"], ["create", "create"], ["update", "update"], ["delete", "delete"]];
const TYPES = [["", "Everything"], ["secret", "Secrets"], ["model_definition", "Models"], ["endpoint", "Endpoints"], ["api_key", "API keys"], ["binding", "Bindings"]];
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
      <${Icon} name=${open ? "down" : "right"} size=${14} />${fields.length} ${fields.length === 1 ? "field" : "fields"}</button>
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

/** The list with its filters. */
export function Audit({ query }) {
  const type = query.get("entity_type") || "";
  const action = query.get("action") || "";
  const entity = query.get("entity_id") || "";
  const [actor, setActor] = useState(query.get("actor") || "");
  const filters = { entity_type: type, action, entity_id: entity };
  const pages = usePages("/audit", { ...filters, actor: useDelayed(actor.trim()) });
  const filter = (change) => go(href("audit", { ...filters, ...change }));
  return html`
    <${PageHead} title="Audit" lead="Every change of the configuration, newest first. Secrets stand here masked." />
    <div class="filters">
      <${SelectField} label="Kind" value=${type} onChange=${(value) => filter({ entity_type: value })} options=${TYPES} />
      <${SelectField} label="Action" value=${action} onChange=${(value) => filter({ action: value })} options=${ACTIONS} />
      <${TextField} label="Who" value=${actor} onChange=${setActor} placeholder="anyone" />
      ${entity && html`<a class="button" href=${href("audit", { ...filters, entity_id: "" })}>Only one thing<${Icon} name="close" size=${14} /></a>`}
    </div>
    <${PagedTable} label="Audit" pages=${pages} columns=${COLUMNS} rowKey=${(row) => row.audit_id}
      empty=${html`<${Empty} title="Nothing recorded">${type || action || entity || actor ? "No change fits these filters." : "Changes appear here as soon as there are any."}<//>`} />
  `;
}
