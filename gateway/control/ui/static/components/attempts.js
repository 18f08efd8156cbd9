// The order in which a request of this endpoint tries its models, and what happens on failure.
// Rule: the gateway explains itself; nothing about routing is known here.
import { read } from "../api.js";
import { formatShare } from "../format.js";
import { useLoad } from "../load.js";
import { html, useState } from "../view.js";
import { Badge } from "./badge.js";
import { LoadProblem, Skeleton } from "./feedback.js";
import { Icon } from "./icon.js";
import { Section } from "./page.js";
import { Table } from "./table.js";

const OUTCOME_COLUMNS = [
  { key: "example", title: "When", cell: (row) => html`${row.example}
    ${row.target_then !== "nothing" && html`<p class="muted small">the model: ${row.target_then}</p>`}` },
  { key: "next", title: "Next model", cell: (row) => (row.next_target ? html`<${Badge} kind="good">is tried<//>
    ${row.retry_alone && html`<p class="muted small">alone: once more</p>`}` : html`<span class="muted">no</span>`) },
  { key: "gets", title: "If none is left", cell: (row) => row.client_gets },
];

/** The section; a new `version` of the endpoint loads it again. */
export function Attempts({ path, version }) {
  const { data, error, reload } = useLoad((signal) => read(path, {}, signal), [path, version]);
  const [open, setOpen] = useState(false);
  return html`<${Section} title="Order of attempts" lead=${data ? `At most ${data.max_attempts} attempts per request.` : "What a request goes through until a model answers."}>
    ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
    ${!data && !error && html`<${Skeleton} lines=${4} />`}
    ${data && html`
      <ol class="attempts">${data.order.map((row) => html`<${Attempt} key=${row.mapping_id} row=${row} />`)}</ol>
      <button type="button" class="disclosure" aria-expanded=${open} onClick=${() => setOpen(!open)}>
        <${Icon} name=${open ? "down" : "right"} size=${14} />What happens when a model fails</button>
      ${open && html`<div class="outcomes"><${Table} label="Outcomes" rows=${data.outcomes} columns=${OUTCOME_COLUMNS} rowKey=${(row) => row.example} empty=${null} /></div>`}`}
  <//>`;
}

function Attempt({ row }) {
  const drawn = row.linkage_type === "PRIMARY" && row.weight > 0;
  return html`<li class="attempt ${row.usable ? "" : "attempt-off"}">
    <span class="order number">${row.position}</span>
    <div class="attempt-text"><strong class="breakable">${row.model_definition_name}</strong>
      <span class="muted"> ${row.linkage_type.toLowerCase()}</span>
      <p class="muted small">${row.reason}</p></div>
    ${!row.usable && html`<${Badge} kind="warn">skipped<//>`}
    ${row.usable && row.state !== "closed" && html`<${Badge} kind="warn">${row.state.replace("_", " ")}<//>`}
    ${row.usable && drawn && html`<span class="number">${formatShare(row.share)}</span>`}
  </li>`;
}
