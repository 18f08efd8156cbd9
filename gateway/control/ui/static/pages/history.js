// Every state that the configuration has had, what differs between two, and the way back to one.
import { EditOnly } from "../access.js";
import { call, read } from "../api.js";
import { Badge } from "../components/badge.js";
import { Actions, Dialog } from "../components/dialog.js";
import { Empty, LoadProblem, notify, Problem } from "../components/feedback.js";
import { PageHead } from "../components/page.js";
import { PagedTable } from "../components/table.js";
import { formatPlural, formatTime } from "../format.js";
import { useForm, useLoad, usePages } from "../load.js";
import { html, useState } from "../view.js";

const KINDS = { create: "good", update: "plain", delete: "bad" };

function Changes({ row }) {
  const more = row.change_count - row.changes.length;
  if (!row.change_count) return html`<span class="muted">none</span>`;
  return html`<ul class="plain-list">${row.changes.map((change) => html`<li key=${change.kind + change.name}>
    <${What} change=${change} /></li>`)}
    ${more > 0 && html`<li class="muted">and ${more} more</li>`}</ul>`;
}

function What({ change }) {
  return html`<${Badge} kind=${KINDS[change.action]}>${change.action}<//> <span class="muted">${change.kind.replace("_", " ")}</span>
    ${" "}<span class="breakable">${change.name}</span>`;
}

function show(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function Fields({ changes }) {
  if (!changes.length) return html`<p class="muted">Nothing differs.</p>`;
  return changes.map((change) => html`<section key=${change.kind + change.name + change.action}>
    <p><${What} change=${change} /></p>
    <dl class="diff">${change.fields.map(({ field, before, after }) => html`<div key=${field}>
      <dt><code>${field}</code></dt>
      ${before !== null && html`<dd class="diff-before"><span class="visually-hidden">before: </span>${show(before)}</dd>`}
      ${after !== null && html`<dd class="diff-after"><span class="visually-hidden">after: </span>${show(after)}</dd>`}
    </div>`)}</dl>
  </section>`);
}

function DiffDialog({ epoch, against, onClose }) {
  const { data, error, reload } = useLoad(
    (signal) => read(`/history/${epoch}/diff`, { against }, signal), [epoch, against],
  );
  const title = against === undefined ? `From ${epoch} to now` : `From ${epoch} to ${against}`;
  return html`<${Dialog} title=${title} wide onClose=${onClose}>
    <div class="dialog-body">
      ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
      ${data && html`<${Fields} changes=${data.changes} />`}
    </div>
  <//>`;
}

/** Shows what a rollback changes and leaves before it is confirmed. */
function RollbackDialog({ epoch, onDone, onClose }) {
  const form = useForm([]);
  const path = `/history/${epoch}/rollback`;
  const { data, error, reload } = useLoad(
    () => call("POST", path, { body: { dry_run: true } }).then((answer) => answer.data), [epoch],
  );
  const submit = async (event) => {
    event.preventDefault();
    const done = await form.submit({}, () => call("POST", path, { body: {} }));
    if (!done) return;
    notify(`The configuration is what it was with epoch ${epoch}.`);
    onDone();
  };
  return html`<${Dialog} title="Roll back to ${epoch}" wide onClose=${onClose}>
    <form onSubmit=${submit}>
      <div class="dialog-body">
        ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
        ${data && html`<${Fields} changes=${data.changes} /><${Rest} found=${data} />`}
        <${Problem} error=${form.error} />
      </div>
      <${Actions} busy=${form.busy} danger submitLabel="Roll back" onCancel=${onClose}
        disabled=${!data || !data.changes.length || data.needed.length > 0} />
    </form>
  <//>`;
}

function Rest({ found }) {
  const name = (rows) => rows.map((row) => row.name).join(", ");
  return html`
    ${found.left.length > 0 && html`<p class="muted">Made since, stays: ${name(found.left)}.</p>`}
    ${found.missing.length > 0 && html`<p class="muted">API keys deleted since do not come back: ${name(found.missing)}.</p>`}
    ${found.needed.length > 0 && html`<p role="alert">The history keeps no values. Roll back with
      ${" "}<code>lockgate history rollback --values-file</code> and give those of ${found.needed.join(", ")}.</p>`}
  `;
}

/** The list of states. */
export function History() {
  const pages = usePages("/history", {});
  const [opened, setOpened] = useState(null); // {kind, epoch, against}
  const close = () => setOpened(null);
  const button = (label, next) => html`<button type="button" class="button button-small" onClick=${() => setOpened(next)}>${label}</button>`;
  const newest = pages.number === 1 ? pages.items?.[0]?.epoch : undefined;
  const columns = [
    { key: "epoch", title: "Epoch", cell: (row) => html`<span class="number">${row.epoch}</span>` },
    { key: "at", title: "When", cell: (row) => html`<span class="number nowrap">${formatTime(row.at, { seconds: true })}</span>` },
    { key: "actor", title: "Who", cell: (row) => html`<span class="breakable">${row.actor}</span>` },
    { key: "changes", title: "Changes", wide: true, cell: (row) => html`<${Changes} row=${row} />` },
    { key: "actions", title: "Compare", cell: (row) => html`<span class="row-buttons">
      ${row.epoch > 0 && button("What changed", { kind: "diff", epoch: row.epoch - 1, against: row.epoch })}
      ${row.epoch !== newest && html`${button("Against now", { kind: "diff", epoch: row.epoch })}
        <${EditOnly}>${button("Roll back", { kind: "rollback", epoch: row.epoch })}<//>`}</span>` },
  ];
  const lead = `Every state of the configuration, newest first${pages.items ? `: ${formatPlural(pages.items.length, "state")} on this page` : ""}.`;
  return html`
    <${PageHead} title="History" lead=${lead} />
    <${PagedTable} label="History" pages=${pages} columns=${columns} rowKey=${(row) => row.epoch}
      empty=${html`<${Empty} title="No states yet">States appear here as soon as there are any.<//>`} />
    ${opened?.kind === "diff" && html`<${DiffDialog} ...${opened} onClose=${close} />`}
    ${opened?.kind === "rollback" && html`<${RollbackDialog} epoch=${opened.epoch} onClose=${close}
      onDone=${() => { close(); pages.reload(); }} />`}
  `;
}
