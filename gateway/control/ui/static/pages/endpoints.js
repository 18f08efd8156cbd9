// The list of endpoints with their split, to search and to page through.
import { EditOnly } from "../access.js";
import { readProviders } from "../api.js";
import { Ago, Tags } from "../components/badge.js";
import { Empty } from "../components/feedback.js";
import { SelectField, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { PageHead } from "../components/page.js";
import { ShareSummary } from "../components/shares.js";
import { PagedTable } from "../components/table.js";
import { useDelayed, useLoad, usePages } from "../load.js";
import { go, href } from "../route.js";
import { html, useEffect, useState } from "../view.js";

function countFallbacks(row) {
  return row.model_mappings.filter((mapping) => mapping.linkage_type === "FALLBACK").length;
}

const COLUMNS = [
  { key: "name", title: "Name", cell: (row) => html`<a class="row-link breakable" href=${href("endpoints", row.endpoint_id)}>${row.name}</a>` },
  { key: "split", title: "Traffic", wide: true, cell: (row) => html`<${ShareSummary} endpoint=${row} />` },
  { key: "fallbacks", title: "Fallbacks", align: "right", cell: (row) => html`<span class="number">${countFallbacks(row) || html`<span class="muted">none</span>`}</span>` },
  { key: "tags", title: "Tags", cell: (row) => html`<${Tags} tags=${row.tags} />` },
  { key: "updated", title: "Changed", align: "right", cell: (row) => html`<${Ago} at=${row.last_updated_at} />` },
];

/** The list. The search is in the address, so that it can be linked to. */
export function Endpoints({ query }) {
  const [text, setText] = useState(query.get("q") || "");
  const q = useDelayed(text.trim());
  const kept = { provider: query.get("provider") || "", model_definition_id: query.get("model_definition_id") || "", secret_id: query.get("secret_id") || "" };
  const filters = { ...kept, q };
  const pages = usePages("/endpoints", filters);
  const providers = useLoad(readProviders, []);
  useEffect(() => {
    if (q !== (query.get("q") || "")) go(href("endpoints", filters), { replace: true });
  }, [q]);
  const filtered = Object.values(filters).some(Boolean);
  const create = html`<${EditOnly}><a class="button button-primary" href=${href("endpoints", "new")}><${Icon} name="plus" size=${16} />New endpoint</a><//>`;
  return html`
    <${PageHead} title="Endpoints" lead="The names that applications call, and the models behind them.">${create}<//>
    <div class="filters">
      <${TextField} label="Search" type="search" value=${text} onChange=${setText} placeholder="Part of a name" />
      <${SelectField} label="Provider" value=${kept.provider} onChange=${(provider) => go(href("endpoints", { ...filters, provider }))}
        options=${[["", "All providers"], ...(providers.data || []).map(({ name, title }) => [name, title])]} />
      ${(kept.model_definition_id || kept.secret_id) && html`<a class="button" href=${href("endpoints", { q, provider: kept.provider })}>
        Only those using one ${kept.secret_id ? "secret" : "model"}<${Icon} name="close" size=${14} /></a>`}
    </div>
    <${PagedTable} label="Endpoints" pages=${pages} columns=${COLUMNS} rowKey=${(row) => row.endpoint_id}
      empty=${filtered
        ? html`<${Empty} title="No endpoint fits" action=${html`<button type="button" class="button" onClick=${() => { setText(""); go(href("endpoints")); }}>Show all</button>`} />`
        : html`<${Empty} title="No endpoints yet" action=${create}>An endpoint is the name that stands in an application's code where a model's name stood.<//>`} />
  `;
}
