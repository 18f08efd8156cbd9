// Whether the audit log's chain is whole: checked part by part by the gateway, shown as it goes.
import { read } from "../api.js";
import { Badge } from "./badge.js";
import { LoadProblem } from "./feedback.js";
import { Section } from "./page.js";
import { formatCount } from "../format.js";
import { useLoad } from "../load.js";
import { html, useState } from "../view.js";

const PARTS_AT_ONCE = 5; // 50,000 rows: half a second of the gateway's; more when asked for
const FINDINGS_SHOWN = 20;

/** Check on from `state` until the end or the limit; `tell` gets each state between. */
async function checkOn(state, signal, tell) {
  for (let part = 0; part < PARTS_AT_ONCE && state.next !== null; part += 1) {
    const found = await read("/audit/verify", { after: state.next }, signal);
    state = {
      next: found.next_after,
      verifiedTo: found.verified_to,
      beforeChain: state.beforeChain + found.before_chain,
      findings: [...state.findings, ...found.findings],
      more: state.more + found.more_findings,
    };
    tell(state);
  }
  return state;
}

const START = { next: 0, verifiedTo: 0, beforeChain: 0, findings: [], more: 0 };

function Verdict({ state }) {
  const count = state.findings.length + state.more;
  if (count) return html`<${Badge} kind="bad">${formatCount(count)} ${count === 1 ? "finding" : "findings"}<//>`;
  return html`<${Badge} kind="good">${state.next === null ? "whole" : "whole so far"}<//>`;
}

function sayHowFar({ verifiedTo, findings }) {
  if (findings.length) return `Checked up to row ${formatCount(verifiedTo)}. Somebody has changed the log in the database.`;
  return `Verified up to row ${formatCount(verifiedTo)}: nobody without the root key has changed, removed or added a row.`;
}

/** One line about the chain, and what is wrong with it. */
export function AuditChain() {
  const [from, setFrom] = useState(START);
  const [state, setState] = useState(null);
  const { error, loading, reload } = useLoad((signal) => checkOn(from, signal, setState), [from]);
  if (error) return html`<${LoadProblem} error=${error} reload=${reload} />`;
  const action = state && !loading && state.next !== null
    && html`<button type="button" class="button" onClick=${() => setFrom(state)}>Check the rest</button>`;
  const lead = state ? sayHowFar(state) : "Being checked.";
  return html`<${Section} title=${html`Chain ${state && html`<${Verdict} state=${state} />`}`} lead=${lead} action=${action}>
    ${state?.beforeChain > 0 && html`<p class="muted">${formatCount(state.beforeChain)} rows are from before there was a chain.</p>`}
    ${state?.findings.length > 0 && html`<ul role="alert">
      ${state.findings.slice(0, FINDINGS_SHOWN).map(({ row, kind, detail }) => html`<li key=${`${row}${kind}`}><${Badge} kind="bad">${kind}<//> Row ${row}: ${detail}</li>`)}
    </ul>
    <p class="muted">Run <code>lockgate audit verify</code> on the gateway's host for all of it.</p>`}
  <//>`;
}
