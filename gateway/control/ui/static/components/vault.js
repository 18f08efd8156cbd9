// The vault's keys: what stands under which term, advice, and a rotation with its progress.
// Rule: the gateway rotates; this page only asks and shows, and may be left meanwhile.
import { may } from "../access.js";
import { call, read } from "../api.js";
import { formatCount, formatPlural } from "../format.js";
import { useLoad, useRefresh } from "../load.js";
import { html, useState } from "../view.js";
import { Ago, Badge, Facts } from "./badge.js";
import { Actions, Dialog } from "./dialog.js";
import { LoadProblem, notify, Problem } from "./feedback.js";
import { CheckField } from "./field.js";
import { Section } from "./page.js";

const REFRESH_MS = 15_000;
const RUNNING_MS = 500; // a batch takes about that long
const STATES = {
  pending: ["warn", "being loaded"],
  active: ["good", "active"],
  decrypt_only: ["warn", "only opens"],
  retired: ["plain", "retired"],
};

/** Terms, advice and the button. */
export function Vault() {
  const { data, error, reload } = useLoad((signal) => read("/vault", {}, signal), []);
  const [asking, setAsking] = useState(false);
  const running = data?.rotation.running ?? false;
  useRefresh(reload, running ? RUNNING_MS : REFRESH_MS);
  if (!data) return error ? html`<${LoadProblem} error=${error} reload=${reload} />` : null;
  const label = ["loading", "moving"].includes(data.rotation.phase) ? "Finish the rotation" : "Rotate";
  const button = !running && may("admin") && html`<button type="button" class="button button-small" onClick=${() => setAsking(true)}>${label}</button>`;
  return html`<${Section} title="Vault" action=${button}>
    ${data.advice.map((sentence) => html`<${Problem} key=${sentence} error=${{ message: `${sentence[0].toUpperCase()}${sentence.slice(1)}.` }} />`)}
    ${data.rotation.fault && html`<${Problem} error=${{ message: data.rotation.fault }} />`}
    ${running && html`<${Progress} rotation=${data.rotation} />`}
    <${Facts} rows=${listTerms(data.terms)} />
    ${asking && html`<${Ask} label=${label} close=${() => setAsking(false)} begun=${reload} />`}
  <//>`;
}

/** A row for each term that is in use, and one for all that are not. */
function listTerms(terms) {
  const isGone = (term) => term.state === "retired" && !term.records;
  const gone = terms.filter(isGone).map((term) => formatCount(term.term)).join(", ");
  return [...terms.filter((term) => !isGone(term)).map(describeTerm), ...(gone ? [["Retired", gone]] : [])];
}

function describeTerm(term) {
  const [kind, word] = STATES[term.state];
  return [
    `Key term ${formatCount(term.term)}`,
    html`<${Badge} kind=${term.fault && term.records ? "bad" : kind}>${word}<//> ${formatPlural(term.records, "record")}, made <${Ago} at=${term.created_at} />`,
  ];
}

function Progress({ rotation }) {
  if (rotation.phase !== "moving") return html`<p class="muted" role="status">Every gateway loads the new key.</p>`;
  const done = rotation.moved + rotation.failed;
  return html`<p role="status"><progress value=${done} max=${Math.max(rotation.total, done, 1)} aria-label="Records moved" />
    <span class="muted"> ${formatCount(rotation.moved)} of ${formatCount(rotation.total)} records moved</span></p>`;
}

function Ask({ label, close, begun }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [reencrypt, setReencrypt] = useState(false);
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await call("POST", "/vault/rotation", { body: { reencrypt } });
      notify("The rotation has begun.");
      close();
      begun();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Rotate the key-encryption key" onClose=${close}>
    <form onSubmit=${send}>
      <div class="dialog-body">
        <p>A new key is made and every stored credential goes over to it. Traffic flows on; nothing that applications use changes.</p>
        <${CheckField} label="The old key has leaked" checked=${reencrypt} onChange=${setReencrypt}
          hint="Makes new data keys too. Replace the credentials at the providers as well: no rotation takes the old ones back." />
        <${Problem} error=${error} />
      </div>
      <${Actions} busy=${busy} submitLabel=${label} onCancel=${close} />
    </form>
  <//>`;
}
