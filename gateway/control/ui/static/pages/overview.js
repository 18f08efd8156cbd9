// The first view: what flows, what fails, what needs a hand.
import { read } from "../api.js";
import { Badge, Facts } from "../components/badge.js";
import { Checklist } from "../components/checklist.js";
import { LoadProblem, notify, Problem, Skeleton } from "../components/feedback.js";
import { PageHead, Section } from "../components/page.js";
import { ShareSummary } from "../components/shares.js";
import { Table } from "../components/table.js";
import { UsageChart } from "../components/usage_chart.js";
import { Vault } from "../components/vault.js";
import { formatAgo, formatCompact, formatCount, formatPlural, formatShare, formatUptime } from "../format.js";
import { useLoad, useRefresh } from "../load.js";
import { go, href } from "../route.js";
import { RANGES, sinceOf, total } from "../usage_data.js";
import { html } from "../view.js";

const REFRESH_MS = 15_000;
const ENDPOINTS_SHOWN = 8;
const BLOCKED_SHOWN = 5; // more than these at once have one cause
const MANY_ERRORS = 0.05; // a share worth a second look
const LISTS = { secrets: "/secrets", models: "/model-definitions", endpoints: "/endpoints", keys: "/api-keys" };

/** Load what the page shows beside the chart, in one go, so that it appears in one piece. */
async function loadOverview(since, signal) {
  const [status, byEndpoint, endpoints, ...firsts] = await Promise.all([
    read("/status", {}, signal),
    read("/usage", { group_by: "endpoint", since, limit: 500 }, signal),
    read("/endpoints", { limit: ENDPOINTS_SHOWN }, signal),
    ...Object.values(LISTS).map((path) => read(path, { limit: 1 }, signal)),
  ]);
  const counts = Object.fromEntries(Object.keys(LISTS).map((view, index) => [view, firsts[index].items.length]));
  return { status, sums: byEndpoint.items, endpoints, counts };
}

/** The view. */
export function Overview({ query }) {
  const range = RANGES[query.get("range")] ? query.get("range") : "24h";
  const since = sinceOf(range);
  const { data, error, reload } = useLoad((signal) => loadOverview(since, signal), [since]);
  useRefresh(reload, REFRESH_MS);
  return html`
    <${PageHead} title="Overview">
      <div class="segmented" role="group" aria-label="Range">${Object.entries(RANGES).map(([key, { title }]) => html`
        <button key=${key} type="button" aria-pressed=${key === range} onClick=${() => go(href("overview", { range: key }))}>${title}</button>`)}</div>
    <//>
    ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
    ${data && html`<${Loaded} ...${data} range=${range} since=${since} />`}
    ${!data && !error && html`<div class="panel"><${Skeleton} lines=${12} /></div>`}
  `;
}

/** All of it at once, so that nothing moves when a part comes later. */
function Loaded({ status, sums, endpoints, counts, range, since }) {
  return html`
    <${Warnings} status=${status} />
    <${Checklist} counts=${counts} />
    <${Figures} sums=${sums} />
    <${UsageChart} range=${range} filters=${{ since }} />
    <div class="columns columns-main">
      <div><${TopEndpoints} endpoints=${endpoints} sums=${sums} /></div>
      <div><${Installation} status=${status} /><${Vault} /></div>
    </div>
  `;
}

/** What somebody should look at now. */
function listWarnings(status) {
  const warnings = [];
  if (status.database_fault) warnings.push(`The database does not answer: ${status.database_fault}. Traffic flows from the last known configuration; changes have to wait.`);
  for (const fault of status.configuration_file?.faults ?? []) warnings.push(`The configuration file is not applied, its last good version is served: ${fault}`);
  if (status.stored_epoch > status.epoch) warnings.push("A change is stored that this process does not serve yet.");
  return warnings;
}

function Warnings({ status }) {
  return html`
    ${listWarnings(status).map((message) => html`<${Problem} key=${message} error=${{ message }} />`)}
    ${status.targets.slice(0, BLOCKED_SHOWN).map((row) => html`<${Blocked} key=${row.model_definition_id} row=${row} now=${status.now} />`)}
    ${status.targets.length > BLOCKED_SHOWN && html`<${Problem} error=${{ message: `${formatCount(status.targets.length - BLOCKED_SHOWN)} more models are left alone.` }} />`}
    ${status.expiring_secrets.slice(0, BLOCKED_SHOWN).map((row) => html`<${Expiring} key=${row.secret_id} row=${row} />`)}
    ${status.expiring_secrets.length > BLOCKED_SHOWN && html`<${Problem} error=${{ message: `${formatCount(status.expiring_secrets.length - BLOCKED_SHOWN)} more secrets expire soon or have expired.` }} />`}
    ${status.quarantined.map((row) => html`<${Quarantined} key=${row.secret_id} row=${row} />`)}`;
}

const STATES = {
  open: "fails and is left alone",
  half_open: "has failed and is tried by single requests",
  cooling: "wants to be left alone",
  quarantined: "is left alone: its credential, account or model does not work",
};

/** A secret whose value the provider ends. */
function Expiring({ row }) {
  const message = row.expired
    ? `The key ${row.secret_name} has expired ${formatAgo(row.expires_at)}, as far as is known here. It is tried all the same.`
    : `The key ${row.secret_name} expires ${formatAgo(row.expires_at)}.`;
  return html`<${Problem} error=${{ message }}>
    <a class="button button-small" href=${href("secrets", row.secret_id)}>Replace the value</a><//>`;
}

/** A model whose new key is refused, and served with the former one. */
function Refused({ row }) {
  const message = `The provider refuses the new value of ${row.secret_name}. ${row.model_definition_name} is served with the former one, which ends ${formatAgo(row.former_until)}.`;
  return html`<${Problem} error=${{ message }}>
    <a class="button button-small" href=${href("models", row.model_definition_id)}>Show the model</a><//>`;
}

/** A model that is not asked just now. */
function Blocked({ row, now }) {
  if (row.former_until) return html`<${Refused} row=${row} />`;
  const seconds = Math.ceil((row.until - now) / 1000);
  const wait = seconds > 0 ? `, tried again in ${formatCount(seconds)} s` : "";
  return html`<${Problem} error=${{ message: `${row.model_definition_name} ${STATES[row.state]}${wait} (${row.reason}).` }}>
    <a class="button button-small" href=${href("models", row.model_definition_id)}>Show the model</a><//>`;
}

/** A credential that does not open: its targets are passed over until it is stored again. */
function Quarantined({ row }) {
  const message = `The stored value of ${row.secret_name} does not open: ${row.reason}. Its models are out of service.`;
  return html`<${Problem} error=${{ message }}>
    <a class="button button-small" href=${href("secrets", row.secret_id)}>Store the value again</a><//>`;
}

function Figure({ title, value, note, bad }) {
  return html`<div class="figure"><span class="figure-title">${title}</span>
    <span class="figure-value ${bad ? "figure-bad" : ""}">${value}</span><span class="figure-note">${note}</span></div>`;
}

function Figures({ sums }) {
  const attempts = total(sums, "attempts");
  const errors = total(sums, "errors");
  const cached = total(sums, "cache_read_tokens");
  return html`<div class="figures">
    <${Figure} title="Attempts" value=${formatCompact(attempts)} note="calls of a model" />
    <${Figure} title="Failed" value=${formatShare(attempts ? errors / attempts : 0)} note=${formatPlural(errors, "attempt")} bad=${errors > attempts * MANY_ERRORS} />
    <${Figure} title="Tokens in" value=${formatCompact(total(sums, "input_tokens"))} note=${cached ? `${formatCompact(cached)} of them from a cache` : ""} />
    <${Figure} title="Tokens out" value=${formatCompact(total(sums, "output_tokens"))} note="" />
  </div>`;
}

function listColumns(sums) {
  const byId = new Map(sums.map((row) => [row.key, row]));
  const sumOf = (row, name) => byId.get(row.endpoint_id)?.[name] ?? 0;
  return [
    { key: "name", title: "Name", cell: (row) => html`<a class="row-link breakable" href=${href("endpoints", row.endpoint_id)}>${row.name}</a>` },
    { key: "split", title: "Traffic", wide: true, cell: (row) => html`<${ShareSummary} endpoint=${row} />` },
    { key: "attempts", title: "Attempts", align: "right", cell: (row) => html`<span class="number">${formatCount(sumOf(row, "attempts"))}</span>` },
    { key: "errors", title: "Failed", align: "right", cell: (row) => html`<span class="number">${formatCount(sumOf(row, "errors"))}</span>` },
  ];
}

function TopEndpoints({ endpoints, sums }) {
  const more = endpoints.next_cursor && html`<a href=${href("endpoints")}>All endpoints</a>`;
  return html`<${Section} title="Endpoints" action=${more}>
    <${Table} label="Endpoints" rows=${endpoints.items} columns=${listColumns(sums)} rowKey=${(row) => row.endpoint_id}
      empty=${html`<p class="muted">None yet.</p>`} />
  <//>`;
}

function Installation({ status }) {
  const sound = !status.quarantined.length && !listWarnings(status).length;
  const backlog = status.ledger_backlog ?? 0;
  const rows = [
    ["State", html`<${Badge} kind=${sound ? "good" : "warn"}>${sound ? "in order" : "needs a look"}<//>`],
    ["Ledger", backlog ? `${formatPlural(backlog, "row")} waiting` : "up to date"],
    ["Database", status.database_fault ? "does not answer" : "answers"],
    ["Configuration", `epoch ${formatCount(status.epoch)}`],
    status.configuration_file && ["Comes from", html`<span class="breakable">${status.configuration_file.path}</span>`],
    ["Workers", formatCount(status.workers)],
    ["Running for", formatUptime(status.uptime_ms / 1000)],
    ["Version", status.version],
  ].filter(Boolean);
  const action = html`<button type="button" class="button button-small" onClick=${exportDocument}>Export</button>`;
  return html`<${Section} title="Gateway" action=${action}><${Facts} rows=${rows} /><//>`;
}

/** Save the configuration as a file that `lockgate apply` takes: YAML reads JSON. */
async function exportDocument() {
  try {
    const { document: content } = await read("/configuration");
    const address = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }));
    Object.assign(document.createElement("a"), { href: address, download: "lockgate.json" }).click();
    URL.revokeObjectURL(address);
  } catch (error) {
    notify(error.message, "bad");
  }
}
