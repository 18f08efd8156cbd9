// One endpoint: its split, its order of attempts, how to call it, who uses it.
import { EditOnly, isConfined, maySee } from "../access.js";
import { read, readProviders } from "../api.js";
import { Attempts } from "../components/attempts.js";
import { Facts, Tags } from "../components/badge.js";
import { DeleteDialog } from "../components/delete.js";
import { useEntity } from "../components/entity.js";
import { Empty, LoadProblem, Skeleton } from "../components/feedback.js";
import { Icon } from "../components/icon.js";
import { PageHead, Section } from "../components/page.js";
import { seriesClass, ShareBar } from "../components/shares.js";
import { Snippets } from "../components/snippets.js";
import { Table } from "../components/table.js";
import { formatCount, formatPlural, formatShare, formatTime } from "../format.js";
import { useLoad } from "../load.js";
import { go, href } from "../route.js";
import { findBase } from "../snippet_text.js";
import { html, useState } from "../view.js";
import { BindingDialog, DeleteBinding, keyOf, listColumns } from "./bindings.js";

const BINDINGS_SHOWN = 50;
const LIMIT_TITLES = {
  connect_timeout_ms: ["Connect", "ms"],
  first_byte_timeout_ms: ["First byte", "ms"],
  idle_timeout_ms: ["Silence", "ms"],
  total_timeout_ms: ["Whole request", "ms"],
  max_body_bytes: ["Body", "bytes"],
};

/** The page. */
export function EndpointPage({ id }) {
  const path = `/endpoints/${encodeURIComponent(id)}`;
  const { entity, etag, error, reload } = useEntity(path);
  const [deleting, setDeleting] = useState(false);
  const back = { address: href("endpoints"), title: "Endpoints" };
  if (!entity) {
    return html`<${PageHead} title="Endpoint" back=${back} />
      ${error ? html`<${LoadProblem} error=${error} reload=${reload} />` : html`<${Skeleton} lines=${8} />`}`;
  }
  return html`
    <${PageHead} title=${entity.name} back=${back}>
      <a class="button" href=${href("usage", { endpoint: id })}>Usage</a>
      ${maySee("audit") && html`<a class="button" href=${href("audit", { entity_id: id })}>Audit</a>`}
      <${EditOnly}><button type="button" class="button button-quiet-danger" onClick=${() => setDeleting(true)}><${Icon} name="trash" size=${16} />Delete</button><//>
      <${EditOnly}><a class="button button-primary" href=${href("endpoints", id, "edit")}><${Icon} name="edit" size=${16} />Edit</a><//>
    <//>
    <${LoadProblem} error=${error} reload=${reload} />
    <div class="columns">
      <div>
        <${Traffic} endpoint=${entity} />
        <${Attempts} path="${path}/explain" version=${etag} />
        <${BoundResources} endpoint=${entity} />
      </div>
      <div>
        <${Connect} endpoint=${entity} />
        <${About} endpoint=${entity} />
      </div>
    </div>
    ${deleting && html`<${DeleteDialog} noun="endpoint" name=${entity.name} path=${path} etag=${etag}
      forceText="Remove these bindings and delete it" onDone=${() => go(href("endpoints"))} onClose=${() => setDeleting(false)}>
      <p class="muted">Requests that name it are answered with 404 from then on.</p><//>`}
  `;
}

function ModelName({ mapping }) {
  const model = mapping.model_definition;
  return html`<span class="target"><a class="breakable" href=${href("models", model.model_definition_id)}>${model.name}</a>
    <span class="muted breakable">${model.provider} · ${model.model_name}</span></span>`;
}

function describeCap(endpoint, count) {
  const cap = endpoint.fallback_config?.max_attempts;
  if (cap === null || cap === undefined) return "all are tried";
  return cap === 0 ? "none is tried" : `${formatCount(Math.min(cap, count))} per request at most`;
}

function Traffic({ endpoint }) {
  const primaries = endpoint.model_mappings.filter((mapping) => mapping.linkage_type === "PRIMARY");
  const fallbacks = endpoint.model_mappings.filter((mapping) => mapping.linkage_type === "FALLBACK")
    .sort((a, b) => a.fallback_order - b.fallback_order);
  return html`<${Section} title="Traffic">
    <${ShareBar} parts=${primaries.map((mapping) => ({ name: mapping.model_definition.name, share: mapping.share }))} />
    <ul class="targets">${primaries.map((mapping, index) => html`<li key=${mapping.mapping_id}>
      <span class="swatch ${seriesClass(index)}" /><${ModelName} mapping=${mapping} />
      <span class="muted number nowrap">weight ${mapping.weight}</span>
      <strong class="number target-share">${mapping.weight === 0 ? "drained" : formatShare(mapping.share)}</strong></li>`)}</ul>
    ${fallbacks.length > 0 && html`
      <h3>Fallbacks <span class="muted">${describeCap(endpoint, fallbacks.length)}</span></h3>
      <ol class="targets">${fallbacks.map((mapping, index) => html`<li key=${mapping.mapping_id}>
        <span class="order number">${index + 1}</span><${ModelName} mapping=${mapping} /></li>`)}</ol>`}
  <//>`;
}

/** What the snippets hang on: the data plane's address and the formats that the models speak. */
function useCallFacts(endpoint) {
  const { data, error, reload } = useLoad(
    (signal) => Promise.all([readProviders(signal), isConfined() ? { listen: location.host, admin_listen: null } : read("/status", {}, signal)]), [],
  );
  const used = new Set(endpoint.model_mappings.map((mapping) => mapping.model_definition.provider));
  const [providers, status] = data ?? [[], null];
  const dialects = new Set(providers.filter(({ name }) => used.has(name)).flatMap((provider) => provider.dialects));
  return { base: status && findBase(status, location), dialects, error, reload };
}

function Connect({ endpoint }) {
  const { base, dialects, error, reload } = useCallFacts(endpoint);
  return html`<${Section} title="Call it" lead="The endpoint's name stands where the model's name stood.">
    ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
    ${base && html`<${Snippets} base=${base} name=${endpoint.name} dialects=${dialects} />`}
    ${!base && !error && html`<${Skeleton} lines=${8} />`}
  <//>`;
}

function About({ endpoint }) {
  const limits = Object.entries(endpoint.limits ?? {}).filter(([, value]) => value !== null)
    .map(([name, value]) => [LIMIT_TITLES[name]?.[0] ?? name, `${formatCount(value)} ${LIMIT_TITLES[name]?.[1] ?? ""}`]);
  return html`<${Section} title="About">
    <${Facts} rows=${[
      ["Tags", Object.keys(endpoint.tags).length ? html`<${Tags} tags=${endpoint.tags} />` : html`<span class="muted">none</span>`],
      ["Usage", endpoint.usage_tracking ? "recorded" : "not recorded"],
      ...limits,
      ["Created", `${formatTime(endpoint.created_at)} by ${endpoint.created_by}`],
      ["Changed", `${formatTime(endpoint.last_updated_at)} by ${endpoint.last_updated_by}`],
      ["Id", html`<code class="breakable">${endpoint.endpoint_id}</code>`],
    ]} />
  <//>`;
}

function BoundResources({ endpoint }) {
  const id = endpoint.endpoint_id;
  const { data, error, reload } = useLoad((signal) => read("/bindings", { endpoint_id: id, limit: BINDINGS_SHOWN }, signal), [id]);
  const [adding, setAdding] = useState(false);
  const [deleting, setDeleting] = useState(null);
  const done = () => {
    setAdding(false);
    setDeleting(null);
    reload();
  };
  const add = html`<${EditOnly}><button type="button" class="button button-small" onClick=${() => setAdding(true)}><${Icon} name="plus" size=${14} />Add</button><//>`;
  const columns = listColumns(setDeleting).filter((column) => column.key !== "endpoint");
  return html`<${Section} title="Bindings" lead=${data?.items.length ? formatPlural(data.items.length, "resource") : null} action=${add}>
    ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
    ${!error && html`<${Table} label="Bindings" columns=${columns} rows=${data?.items ?? null} rowKey=${keyOf}
      empty=${html`<${Empty} title="Nothing is bound to this endpoint" />`} />`}
    ${data?.next_cursor && html`<p><a href=${href("bindings", { endpoint_id: id })}>All bindings of this endpoint</a></p>`}
    ${adding && html`<${BindingDialog} choices=${[[id, endpoint.name]]} endpoint=${id} onDone=${done} onClose=${() => setAdding(false)} />`}
    ${deleting && html`<${DeleteBinding} row=${deleting} onDone=${done} onClose=${() => setDeleting(null)} />`}
  <//>`;
}
