// API keys: what applications send. The value is shown once, when it is made.
import { EditOnly, listScopes } from "../access.js";
import { call } from "../api.js";
import { Ago, Chips } from "../components/badge.js";
import { SaveProblem } from "../components/conflict.js";
import { DeleteDialog } from "../components/delete.js";
import { Actions } from "../components/dialog.js";
import { EntityDialog } from "../components/entity.js";
import { Empty, notify } from "../components/feedback.js";
import { CheckField, LinesField, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { IssuedState, IssueDialog } from "../components/issued.js";
import { PageHead } from "../components/page.js";
import { LastUsed } from "../components/secret_life.js";
import { PagedTable } from "../components/table.js";
import { dumpLocalTime, formatTime, parseLocalTime } from "../format.js";
import { useFocusOnError, useForm, usePages } from "../load.js";
import { go, href } from "../route.js";
import { html, useRef, useState } from "../view.js";

const FIELDS = ["name", "allowed_endpoints", "allowed_endpoints.*", "expires_at"];
const close = () => go(href("keys"));

const COLUMNS = [
  { key: "name", title: "Name", cell: (row) => html`<a class="row-link breakable" href=${href("keys", row.key_id)}>${row.name}</a>` },
  { key: "value", title: "Value", cell: (row) => html`<code>${row.masked_value}</code>` },
  { key: "allowed", title: "Endpoints", cell: (row) => (row.allowed_endpoints.length ? html`<${Chips} items=${row.allowed_endpoints} />` : html`<span class="muted">none</span>`) },
  { key: "state", title: "State", cell: (row) => html`<${IssuedState} row=${row} />` },
  { key: "expires", title: "Expires", align: "right", cell: (row) => (row.expires_at === null ? html`<span class="muted">never</span>` : html`<${Ago} at=${row.expires_at} />`) },
  { key: "used", title: "Last used", align: "right", cell: (row) => html`<${LastUsed} at=${row.last_used_at} />` },
  { key: "updated", title: "Changed", align: "right", cell: (row) => html`<${Ago} at=${row.last_updated_at} />` },
];

/** The list, with a dialog over it for a new or an existing key. */
export function ApiKeys({ id }) {
  const pages = usePages("/api-keys", {});
  const done = () => {
    pages.reload();
    close();
  };
  return html`
    <${PageHead} title="API keys" lead="What applications send to Lockgate in place of a provider's key.">
      <${EditOnly}><a class="button button-primary" href=${href("keys", "new")}><${Icon} name="plus" size=${16} />New API key</a><//>
    <//>
    <${PagedTable} label="API keys" pages=${pages} columns=${COLUMNS} rowKey=${(row) => row.key_id}
      empty=${html`<${Empty} title="No API keys yet" action=${html`<${EditOnly}><a class="button button-primary" href=${href("keys", "new")}>Create an API key</a><//>`}>
        Without a valid API key the gateway serves nobody.<//>`} />
    ${id === "new" && html`<${IssueDialog} noun="API key" path="/api-keys" fields=${FIELDS} read=${readForm} build=${buildBody} Inputs=${Inputs}
      onMade=${pages.reload} onDone=${done} onClose=${close} />`}
    ${id && id !== "new" && html`<${EditDialog} key=${id} id=${id} onDone=${done} />`}
  `;
}

/** What a form holds, as text, and back. */
function readForm(entity) {
  return {
    name: entity?.name ?? "",
    globs: (entity?.allowed_endpoints ?? listScopes()).join("\n"),
    expires: dumpLocalTime(entity?.expires_at),
    disabled: entity?.disabled ?? false,
  };
}

function buildBody(value) {
  return {
    name: value.name.trim(),
    allowed_endpoints: value.globs.split(/[\n,]/).map((glob) => glob.trim()).filter(Boolean),
    expires_at: parseLocalTime(value.expires),
    disabled: value.disabled,
  };
}

function Inputs({ value, onChange, form }) {
  const set = (change) => onChange({ ...value, ...change });
  const globError = form.errorOf("allowed_endpoints")
    || (form.error?.field?.startsWith("allowed_endpoints") ? form.error.message : null);
  return html`
    <${TextField} label="Name" required autofocus maxlength="255" value=${value.name} onChange=${(name) => set({ name })}
      placeholder="app-1" error=${form.errorOf("name")} />
    <${LinesField} label="Endpoints it may call" value=${value.globs} onChange=${(globs) => set({ globs })}
      hint="One name or pattern per line: chat, team-*, * for all. None means that it may call nothing." error=${globError} />
    <${TextField} label="Expires" type="datetime-local" optional value=${value.expires} onChange=${(expires) => set({ expires })}
      hint="Left empty, it does not expire." error=${form.errorOf("expires_at")} />`;
}

function EditDialog({ id, onDone }) {
  const [deleting, setDeleting] = useState(null);
  if (deleting) {
    return html`<${DeleteDialog} noun="API key" name=${deleting.entity.name} path="/api-keys/${id}" etag=${deleting.etag}
      onDone=${onDone} onClose=${() => setDeleting(null)}>
      <p class="muted">Applications that send it are refused from the next request on. To take it out of service for a while, disable it.</p>
    <//>`;
  }
  return html`<${EntityDialog} title="API key" path="/api-keys/${id}" onClose=${close}>
    ${(loaded) => html`<${EditForm} ...${loaded} onDone=${onDone} onDelete=${() => setDeleting(loaded)} />`}
  <//>`;
}

/** Only what was changed; the field shows minutes, so an untouched time keeps its seconds. */
function buildPatch(value, entity) {
  const before = readForm(entity);
  const body = buildBody(value);
  const changed = {
    name: value.name !== before.name,
    allowed_endpoints: value.globs !== before.globs,
    expires_at: value.expires !== before.expires,
    disabled: value.disabled !== before.disabled,
  };
  return Object.fromEntries(Object.entries(body).filter(([name]) => changed[name]));
}

function EditForm({ entity, etag, reload, onDone, onDelete }) {
  const [value, setValue] = useState(readForm(entity));
  const form = useForm(FIELDS);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const body = buildPatch(value, entity);
  const submit = async (event) => {
    event.preventDefault();
    const done = await form.submit(body, () => call("PATCH", `/api-keys/${entity.key_id}`, { body, ifMatch: etag }));
    if (!done) return;
    notify(`Saved ${value.name}.`);
    onDone();
  };
  return html`<form ref=${element} onSubmit=${submit}>
    <div class="dialog-body">
      <p class="muted"><code>${entity.masked_value}</code> created ${formatTime(entity.created_at)} by ${entity.created_by}</p>
      <${Inputs} value=${value} onChange=${setValue} form=${form} />
      <${CheckField} label="Disabled" checked=${value.disabled} onChange=${(disabled) => setValue({ ...value, disabled })}
        hint="A disabled key is refused from the next request on." />
      <${SaveProblem} error=${form.general} onReload=${reload} />
    </div>
    <${Actions} busy=${form.busy} submitLabel="Save" onCancel=${close} disabled=${!Object.keys(body).length}>
      <button type="button" class="button button-quiet-danger" onClick=${onDelete}><${Icon} name="trash" size=${16} />Delete</button>
    <//>
  </form>`;
}
