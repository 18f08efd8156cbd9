// What leads to a secret or a model, and what would break without it.
import { read } from "../api.js";
import { formatCount, formatPlural } from "../format.js";
import { useLoad } from "../load.js";
import { href } from "../route.js";
import { html } from "../view.js";
import { Badge } from "./badge.js";
import { LoadProblem } from "./feedback.js";

const LOSSES = {
  last_primary: ["bad", "loses its last PRIMARY"],
  primary: ["warn", "loses a PRIMARY"],
  fallback: ["plain", "loses a FALLBACK"],
};
const SHOWN = 8; // of each kind; the rest is counted

/** Load and show who leads to the thing at `path`; nothing where nobody does. */
export function Users({ path }) {
  const { data, error, reload } = useLoad((signal) => read(`${path}/users`, {}, signal), [path]);
  if (error) return html`<${LoadProblem} error=${error} reload=${reload} />`;
  if (!data?.counts.model_definitions && !data?.counts.endpoints) return null;
  const { counts } = data;
  return html`<div class="in-use users">
    <p><strong>What would break</strong></p>
    <ul>
      ${data.endpoints.slice(0, SHOWN).map((row) => html`<li key=${row.endpoint_id}>
        <span class="muted">endpoint</span> <a class="breakable" href=${href("endpoints", row.endpoint_id)}>${row.name}</a>${" "}
        <${Badge} kind=${LOSSES[row.loses][0]}>${LOSSES[row.loses][1]}<//></li>`)}
      <${More} count=${counts.endpoints} noun="endpoint" />
      ${data.bindings.slice(0, SHOWN).map((row) => html`<li key=${`${row.endpoint_id}/${row.resource_type}/${row.resource_id}`}>
        <span class="muted">${row.resource_type}</span> <span class="breakable">${row.display_name || row.resource_id}</span>${" "}
        <span class="muted">uses ${row.endpoint_name}</span></li>`)}
      <${More} count=${counts.bindings} noun="binding" />
    </ul>
    ${counts.api_keys > 0 && html`<p class="muted">${formatPlural(counts.api_keys, "API key")} may call ${counts.endpoints === 1 ? "it" : "one of them"}.</p>`}
  </div>`;
}

function More({ count, noun }) {
  return count > SHOWN && html`<li class="muted">and ${formatCount(count - SHOWN)} more ${noun}s</li>`;
}
