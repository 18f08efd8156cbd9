// Admin tokens: who may administer, and how far. The value is shown once, when it is made.
import { call } from "../api.js";
import { Ago, Chips } from "../components/badge.js";
import { SaveProblem } from "../components/conflict.js";
import { DeleteDialog } from "../components/delete.js";
import { Actions } from "../components/dialog.js";
import { EntityDialog } from "../components/entity.js";
import { Empty, notify } from "../components/feedback.js";
import { CheckField, LinesField, SelectField, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { IssuedState, IssueDialog } from "../components/issued.js";
import { PageHead } from "../components/page.js";
import { PagedTable } from "../components/table.js";
import { dumpLocalTime, formatTime, parseLocalTime } from "../format.js";
import { useFocusOnError, useForm, usePages } from "../load.js";
import { go, href } from "../route.js";
import { html, useRef, useState } from "../view.js";

const FIELDS = ["name", "role", "scopes", "scopes.*", "expires_at"];
const ROLES = [
  ["viewer", "viewer: reads"],
  ["auditor", "auditor: reads, also the audit log"],
  ["editor", "editor: reads and changes the configuration"],
  ["admin", "admin: everything"],
];
const close = () => go(href("tokens"));

const never = html`<span class="muted">never</span>`;
const COLUMNS = [
  { key: "name", title: "Name", cell: (row) => html`<a class="row-link breakable" href=${href("tokens", row.token_id)}>${row.name}</a>` },
  { key: "role", title: "Role", cell: (row) => row.role },
  { key: "scopes", title: "Endpoints", cell: (row) => html`<${Chips} items=${row.scopes} />` },
  { key: "state", title: "State", cell: (row) => html`<${IssuedState} row=${row} />` },
  { key: "expires", title: "Expires", align: "right", cell: (row) => (row.expires_at === null ? never : html`<${Ago} at=${row.expires_at} />`) },
  { key: "used", title: "Used", align: "right", cell: (row) => (row.last_used_at === null ? never : html`<${Ago} at=${row.last_used_at} />`) },
];

/** The list, with a dialog over it for a new or an existing token. */
export function AdminTokens({ id }) {
  const pages = usePages("/admin-tokens", {});
  const done = () => {
    pages.reload();
    close();
  };
  return html`
    <${PageHead} title="Admin tokens" lead="Who may administer Lockgate, by this page, the command line or REST.">
      <a class="button button-primary" href=${href("tokens", "new")}><${Icon} name="plus" size=${16} />New admin token</a>
    <//>
    <${PagedTable} label="Admin tokens" pages=${pages} columns=${COLUMNS} rowKey=${(row) => row.token_id}
      empty=${html`<${Empty} title="No admin tokens but the one of the settings" />`} />
    ${id === "new" && html`<${IssueDialog} noun="admin token" path="/admin-tokens" fields=${FIELDS} read=${readForm} build=${buildBody} Inputs=${Inputs}
      onMade=${pages.reload} onDone=${done} onClose=${close} />`}
    ${id && id !== "new" && html`<${EditDialog} key=${id} id=${id} onDone=${done} />`}
  `;
}

function readForm(entity) {
  return {
    name: entity?.name ?? "",
    role: entity?.role ?? "viewer",
    scopes: (entity?.scopes ?? ["*"]).join("\n"),
    expires: dumpLocalTime(entity?.expires_at),
    disabled: entity?.disabled ?? false,
  };
}

function buildBody(value) {
  return {
    name: value.name.trim(),
    role: value.role,
    scopes: value.scopes.split(/[\n,]/).map((glob) => glob.trim()).filter(Boolean),
    expires_at: parseLocalTime(value.expires),
    disabled: value.disabled,
  };
}

/** Only what was changed; the field shows minutes, so an untouched time keeps its seconds. */
function buildPatch(value, entity) {
  const before = readForm(entity);
  const texts = { name: "name", role: "role", scopes: "scopes", expires_at: "expires", disabled: "disabled" };
  const body = buildBody(value);
  return Object.fromEntries(Object.entries(body).filter(([name]) => value[texts[name]] !== before[texts[name]]));
}

function Inputs({ value, onChange, form }) {
  const set = (change) => onChange({ ...value, ...change });
  const scopeError = form.errorOf("scopes") || (form.error?.field?.startsWith("scopes") ? form.error.message : null);
  return html`
    <${TextField} label="Name" required autofocus maxlength="255" value=${value.name} onChange=${(name) => set({ name })}
      placeholder="alice" hint="The audit log names whoever uses it so." error=${form.errorOf("name")} />
    <${SelectField} label="Role" value=${value.role} onChange=${(role) => set({ role })} options=${ROLES} error=${form.errorOf("role")} />
    <${LinesField} label="Endpoints it reaches" value=${value.scopes} onChange=${(scopes) => set({ scopes })}
      hint="One name or pattern per line, as team-a-*. Only * alone reaches everything else too." error=${scopeError} />
    <${TextField} label="Expires" type="datetime-local" optional value=${value.expires} onChange=${(expires) => set({ expires })}
      hint="Left empty, it does not expire." error=${form.errorOf("expires_at")} />`;
}

function EditDialog({ id, onDone }) {
  const [deleting, setDeleting] = useState(null);
  if (deleting) {
    return html`<${DeleteDialog} noun="admin token" name=${deleting.entity.name} path="/admin-tokens/${id}" etag=${deleting.etag}
      onDone=${onDone} onClose=${() => setDeleting(null)}>
      <p class="muted">Whoever uses it is refused from the next request on, and its sessions end. To take it out of service for a while, disable it.</p>
    <//>`;
  }
  return html`<${EntityDialog} title="Admin token" path="/admin-tokens/${id}" onClose=${close}>
    ${(loaded) => html`<${EditForm} ...${loaded} onDone=${onDone} onDelete=${() => setDeleting(loaded)} />`}
  <//>`;
}

function EditForm({ entity, etag, reload, onDone, onDelete }) {
  const [value, setValue] = useState(readForm(entity));
  const form = useForm(FIELDS);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const body = buildPatch(value, entity);
  const submit = async (event) => {
    event.preventDefault();
    const done = await form.submit(body, () => call("PATCH", `/admin-tokens/${entity.token_id}`, { body, ifMatch: etag }));
    if (!done) return;
    notify(`Saved ${value.name}.`);
    onDone();
  };
  return html`<form ref=${element} onSubmit=${submit}>
    <div class="dialog-body">
      <p class="muted"><code>${entity.masked_value}</code> created ${formatTime(entity.created_at)} by ${entity.created_by}</p>
      <${Inputs} value=${value} onChange=${setValue} form=${form} />
      <${CheckField} label="Disabled" checked=${value.disabled} onChange=${(disabled) => setValue({ ...value, disabled })}
        hint="A disabled token is refused from the next request on, and its sessions end." />
      <${SaveProblem} error=${form.general} onReload=${reload} />
    </div>
    <${Actions} busy=${form.busy} submitLabel="Save" onCancel=${close} disabled=${!Object.keys(body).length}>
      <button type="button" class="button button-quiet-danger" onClick=${onDelete}><${Icon} name="trash" size=${16} />Delete</button>
    <//>
  </form>`;
}
