// Deleting with the consequences in view: asks, shows who uses the thing, and only then forces.
import { call } from "../api.js";
import { formatCount, formatPlural } from "../format.js";
import { useForm } from "../load.js";
import { href } from "../route.js";
import { html, useState } from "../view.js";
import { Actions, Dialog } from "./dialog.js";
import { CheckField } from "./field.js";
import { notify, Problem } from "./feedback.js";

const VIEWS = { endpoint: "endpoints", model_definition: "models" };

/** Ask before `DELETE path`; `onDone` is called when it is gone. `forceText` says what force does. */
export function DeleteDialog({ noun, name, path, etag, query, forceText, onDone, onClose, children }) {
  const form = useForm([]);
  const [force, setForce] = useState(false);
  const inUse = form.error?.code === "in_use" && !force;
  const [users, setUsers] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const done = await form.submit({}, () =>
      call("DELETE", path, { ifMatch: etag, query: { ...query, force: force || undefined } })
        .catch((error) => {
          if (error.code === "in_use") setUsers(error.problem);
          throw error;
        }));
    if (!done) return;
    notify(`Deleted ${noun} ${name}.`);
    onDone();
  };
  return html`<${Dialog} title="Delete ${noun}" onClose=${onClose}>
    <form onSubmit=${submit}>
      <div class="dialog-body">
        <p>Delete <strong class="breakable">${name}</strong>? This cannot be undone.</p>
        ${children}
        ${users && html`<${UserList} users=${users} noun=${noun} />`}
        ${users && forceText && html`<${CheckField} label=${forceText} checked=${force} onChange=${setForce} />`}
        ${!inUse && html`<${Problem} error=${form.error} />`}
      </div>
      <${Actions} busy=${form.busy} danger disabled=${users !== null && !force}
        submitLabel=${force ? "Detach and delete" : "Delete"} onCancel=${onClose} />
    </form>
  <//>`;
}

function UserList({ users, noun }) {
  const rows = users.users || [];
  const count = users.count ?? rows.length;
  const kinds = new Set(rows.map((row) => row.kind));
  const user = kinds.size === 1 ? rows[0].kind.replace("_", " ") : "thing";
  return html`<div class="in-use" role="alert">
    <p><strong>In use.</strong> ${formatPlural(count, user)} still ${count === 1 ? "uses" : "use"} this ${noun}:</p>
    <ul>${rows.map((row) => html`<li key=${row.id}><${User} row=${row} /></li>`)}</ul>
    ${count > rows.length && html`<p class="muted">and ${formatCount(count - rows.length)} more.</p>`}
  </div>`;
}

function User({ row }) {
  const kind = row.kind.replace("_", " ");
  const view = VIEWS[row.kind];
  return html`<span class="muted">${kind}</span> ${view
    ? html`<a href=${href(view, row.id)} class="breakable">${row.name}</a>`
    : html`<span class="breakable">${row.name || row.id}</span>`}`;
}
