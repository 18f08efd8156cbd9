// The ledger: attempts one by one, or summed up.
import { read, readAll, readProviders } from "../api.js";
import { Badge } from "../components/badge.js";
import { Empty, LoadProblem } from "../components/feedback.js";
import { CheckField, SelectField, TextField } from "../components/field.js";
import { PageHead } from "../components/page.js";
import { PagedTable, Table } from "../components/table.js";
import { UsageChart } from "../components/usage_chart.js";
import { formatCount, formatDay, formatDuration, formatShare, formatTime } from "../format.js";
import { useDelayed, useLoad, usePages } from "../load.js";
import { go, href } from "../route.js";
import { RANGES, sinceOf } from "../usage_data.js";
import { html, useState } from "../view.js";

const GROUPS = [["", "Single attempts"], ["endpoint", "By endpoint"], ["model_definition", "By model"], ["provider", "By provider"], ["api_key", "By API key"], ["day", "By day"], ["hour", "By hour"]];
const SUM_ROWS = 500; // more groups than anybody reads

const count = (key, title) => ({ key, title, align: "right", cell: (row) => html`<span class="number">${formatCount(row[key])}</span>` });

const ROW_COLUMNS = [
  { key: "at", title: "Started", cell: (row) => html`<span class="number nowrap">${formatTime(row.started_at, { seconds: true })}</span>` },
  { key: "endpoint", title: "Endpoint", cell: (row) => html`<a class="ellipsis name-cell" title=${row.endpoint_name} href=${href("endpoints", row.endpoint_id)}>${row.endpoint_name}</a>` },
  { key: "model", title: "Model", cell: (row) => html`<div class="nowrap"><span class="ellipsis name-cell" title=${row.model_definition_name}>${row.model_definition_name ?? "–"}</span>${row.attempt > 1 && html` <span class="muted">attempt ${row.attempt}</span>`}</div>` },
  { key: "outcome", title: "Outcome", cell: (row) => html`<${Outcome} row=${row} />` },
  { key: "first", title: "First byte", align: "right", cell: (row) => html`<span class="number">${formatDuration(row.first_byte_ms)}</span>` },
  { key: "duration", title: "Duration", align: "right", cell: (row) => html`<span class="number">${formatDuration(row.duration_ms)}</span>` },
  count("input_tokens", "Tokens in"),
  count("output_tokens", "Tokens out"),
  { key: "request", title: "Request", cell: (row) => html`<a class="ellipsis request-id" title=${row.request_id} href=${href("usage", { request_id: row.request_id })}>${row.request_id.slice(0, 8)}</a>` },
];

function Outcome({ row }) {
  const failed = row.error_code || row.status >= 400;
  return html`<span class="badges"><${Badge} kind=${failed ? "bad" : "good"}>${row.error_code || row.status}<//>
    ${row.streamed && html`<${Badge}>stream<//>`}${row.client_gone && html`<${Badge} kind="warn">client left<//>`}${row.estimated && html`<${Badge} kind="warn">estimated<//>`}</span>`;
}

function listSumColumns(group, keyNames) {
  const byTime = group === "day" || group === "hour";
  const title = GROUPS.find(([key]) => key === group)[1].replace("By ", "");
  const timeOf = group === "day" ? formatDay : formatTime;
  const nameOf = (row) => (byTime ? timeOf(Number(row.key)) : keyNames.get(row.key) ?? row.name ?? row.key ?? "none");
  return [
    { key: "name", title: title[0].toUpperCase() + title.slice(1), wide: true, cell: (row) => html`<span class="breakable">${nameOf(row)}</span>` },
    count("attempts", "Attempts"),
    count("errors", "Errors"),
    { key: "rate", title: "Error rate", align: "right", cell: (row) => html`<span class="number">${formatShare(row.attempts ? row.errors / row.attempts : 0)}</span>` },
    count("input_tokens", "Tokens in"),
    count("output_tokens", "Tokens out"),
    { key: "mean", title: "Mean duration", align: "right", cell: (row) => html`<span class="number">${formatDuration(row.attempts ? row.duration_ms / row.attempts : null)}</span>` },
  ];
}

function Sums({ group, filters, keyNames }) {
  const { data, error, reload } = useLoad((signal) => read("/usage", { ...filters, group_by: group, limit: SUM_ROWS }, signal), [group, JSON.stringify(filters)]);
  if (error) return html`<${LoadProblem} error=${error} reload=${reload} />`;
  return html`<${Table} label="Usage" rows=${data?.items ?? null} columns=${listSumColumns(group, keyNames)} rowKey=${(row) => row.key} empty=${html`<${Nothing} />`} />`;
}

function Rows({ filters }) {
  const pages = usePages("/usage", filters);
  return html`<${PagedTable} label="Attempts" pages=${pages} columns=${ROW_COLUMNS} rowKey=${(row) => row.usage_id} empty=${html`<${Nothing} />`} />`;
}

function Nothing() {
  return html`<${Empty} title="No attempts in this range">Each call of a model is one row here, a second after it has ended.<//>`;
}

function listChoices(rows, id, name, all) {
  return [["", all], ...(rows || []).map((row) => [row[id], row[name]])];
}

function useChoices() {
  const { data } = useLoad((signal) => Promise.all([
    readAll("/endpoints", {}, signal), readAll("/model-definitions", {}, signal),
    readProviders(signal), readAll("/api-keys", {}, signal),
  ]), []);
  const [endpoints, models, providers, keys] = data || [];
  return {
    endpoint: listChoices(endpoints, "endpoint_id", "name", "All endpoints"),
    model_definition: listChoices(models, "model_definition_id", "name", "All models"),
    provider: listChoices(providers, "name", "title", "All providers"),
    api_key_id: listChoices(keys, "key_id", "name", "All API keys"),
  };
}

const LABELS = { endpoint: "Endpoint", model_definition: "Model", provider: "Provider", api_key_id: "API key" };

/** The page: filters, the chart of the same selection, and its rows or sums. */
export function Usage({ query }) {
  const range = RANGES[query.get("range")] ? query.get("range") : "24h";
  const group = GROUPS.some(([key]) => key === query.get("group_by")) ? query.get("group_by") || "" : "";
  const choices = useChoices();
  const [request, setRequest] = useState(query.get("request_id") || "");
  const picked = Object.fromEntries(Object.keys(LABELS).map((name) => [name, query.get(name) || ""]));
  const error = query.get("error") === "true" ? "true" : "";
  const change = (part) => go(href("usage", { range, group_by: group, ...picked, error, ...part }));
  const filters = { ...picked, error, request_id: useDelayed(request.trim()), since: sinceOf(range) };
  const keyNames = new Map(choices.api_key_id);
  return html`
    <${PageHead} title="Usage" lead="Every attempt: one call of one model. Tokens are the provider's own counts unless marked as estimated." />
    <div class="filters">
      <${SelectField} label="Range" value=${range} onChange=${(value) => change({ range: value })} options=${Object.entries(RANGES).map(([key, { title }]) => [key, title])} />
      <${SelectField} label="Show" value=${group} onChange=${(value) => change({ group_by: value })} options=${GROUPS} />
      ${Object.entries(LABELS).map(([name, label]) => html`<${SelectField} key=${name} label=${label} value=${picked[name]} options=${choices[name]} onChange=${(value) => change({ [name]: value })} />`)}
      <${TextField} label="Request id" value=${request} onChange=${setRequest} placeholder="any" />
      <${CheckField} label="Errors only" checked=${error === "true"} onChange=${(on) => change({ error: on ? "true" : "" })} />
    </div>
    <${UsageChart} range=${range} filters=${filters} />
    ${group ? html`<${Sums} key=${group} group=${group} filters=${filters} keyNames=${keyNames} />` : html`<${Rows} filters=${filters} />`}
  `;
}
