// Model definitions: a provider's model, reached with a stored key.
import { EditOnly } from "../access.js";
import { call, readAll, readProviders } from "../api.js";
import { Ago, Badge } from "../components/badge.js";
import { SaveProblem } from "../components/conflict.js";
import { DeleteDialog } from "../components/delete.js";
import { Actions, Dialog } from "../components/dialog.js";
import { EntityDialog } from "../components/entity.js";
import { Empty, LoadProblem, notify, Problem } from "../components/feedback.js";
import { SelectField, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { PageHead } from "../components/page.js";
import { PagedTable } from "../components/table.js";
import { Users } from "../components/users.js";
import { useFocusOnError, useForm, useLoad, usePages } from "../load.js";
import { go, href } from "../route.js";
import { html, useRef, useState } from "../view.js";

const FIELDS = ["name", "provider", "model_name", "secret_id"];
const close = () => go(href("models"));

const COLUMNS = [
  { key: "name", title: "Name", cell: (row) => html`<a class="row-link breakable" href=${href("models", row.model_definition_id)}>${row.name}</a>` },
  { key: "provider", title: "Provider", cell: (row) => html`<${Badge}>${row.provider}<//>` },
  { key: "model", title: "Model", cell: (row) => html`<code class="breakable">${row.model_name}</code>` },
  { key: "secret", title: "Secret", cell: (row) => html`<a class="breakable" href=${href("secrets", row.secret_id)}>${row.secret_name}</a>` },
  { key: "updated", title: "Changed", align: "right", cell: (row) => html`<${Ago} at=${row.last_updated_at} />` },
];

/** The list, with a dialog over it for a new or an existing model definition. */
export function Models({ id, query }) {
  const filters = { provider: query.get("provider") || "", secret_id: query.get("secret_id") || "" };
  const pages = usePages("/model-definitions", filters);
  const choices = useLoad((signal) => Promise.all(
    [readAll("/secrets", {}, signal), readProviders(signal)],
  ).then(([secrets, providers]) => ({ secrets, providers })), []);
  const { secrets = [], providers = [] } = choices.data || {};
  const done = () => {
    pages.reload();
    close();
  };
  const filter = (change) => go(href("models", { ...filters, ...change }));
  const filtered = filters.provider || filters.secret_id;
  return html`
    <${PageHead} title="Models" lead="A provider's model with the key that it is called with. Endpoints are made of these.">
      <${EditOnly}><a class="button button-primary" href=${href("models", "new")}><${Icon} name="plus" size=${16} />New model</a><//>
    <//>
    <${LoadProblem} error=${choices.error} reload=${choices.reload} />
    <div class="filters">
      <${SelectField} label="Provider" value=${filters.provider} onChange=${(provider) => filter({ provider })}
        options=${[["", "All providers"], ...providers.map(({ name, title }) => [name, title])]} />
      <${SelectField} label="Secret" value=${filters.secret_id} onChange=${(secret_id) => filter({ secret_id })}
        options=${[["", "All secrets"], ...secrets.map((row) => [row.secret_id, row.secret_name])]} />
    </div>
    <${PagedTable} label="Models" pages=${pages} columns=${COLUMNS} rowKey=${(row) => row.model_definition_id}
      empty=${filtered
        ? html`<${Empty} title="No model fits these filters" action=${html`<a class="button" href=${href("models")}>Show all</a>`} />`
        : html`<${Empty} title="No models yet" action=${html`<${EditOnly}><a class="button button-primary" href=${href("models", "new")}>Define a model</a><//>`}>
            A model definition names a provider's model and the secret it is called with.<//>`} />
    ${id === "new" && choices.data && html`<${CreateDialog} secrets=${secrets} providers=${providers} onDone=${done} />`}
    ${id && id !== "new" && choices.data && html`<${EditDialog} key=${id} id=${id} secrets=${secrets} providers=${providers} onDone=${done} />`}
  `;
}

/** The inputs that creating and editing share. */
function Inputs({ value, onChange, secrets, providers, form }) {
  const secret = secrets.find((row) => row.secret_id === value.secret_id);
  const set = (change) => onChange({ ...value, ...change });
  const pickSecret = (secretId) => {
    const bound = secrets.find((row) => row.secret_id === secretId)?.provider;
    set({ secret_id: secretId, provider: bound || value.provider });
  };
  return html`
    <${SelectField} label="Secret" required autofocus value=${value.secret_id} onChange=${pickSecret}
      options=${[["", "Choose a secret"], ...secrets.map((row) => [row.secret_id, row.provider ? `${row.secret_name} (${row.provider})` : row.secret_name])]}
      error=${form.errorOf("secret_id")} />
    <${SelectField} label="Provider" required value=${value.provider} onChange=${(provider) => set({ provider })} disabled=${Boolean(secret?.provider)}
      options=${[["", "Choose a provider"], ...providers.map(({ name, title }) => [name, title])]}
      hint=${secret?.provider ? "Given by the secret." : null} error=${form.errorOf("provider")} />
    <${TextField} label="Model at the provider" required value=${value.model_name} onChange=${(model_name) => set({ model_name })}
      placeholder="gpt-4o-mini" hint="Exactly as the provider's API calls it." error=${form.errorOf("model_name")} />
    <${TextField} label="Name" required maxlength="255" value=${value.name} onChange=${(name) => set({ name })}
      placeholder="mini" hint="What endpoints and reports call it here." error=${form.errorOf("name")} />`;
}

function CreateDialog({ secrets, providers, onDone }) {
  const only = secrets.length === 1 ? secrets[0] : null;
  const [value, setValue] = useState({ name: "", model_name: "", secret_id: only?.secret_id ?? "", provider: only?.provider ?? "" });
  const form = useForm(FIELDS);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const submit = async (event) => {
    event.preventDefault();
    const body = trim(value);
    const done = await form.submit(body, (idempotencyKey) => call("POST", "/model-definitions", { body, idempotencyKey }));
    if (!done) return;
    notify(`Created ${body.name}.`);
    onDone();
  };
  return html`<${Dialog} title="New model" onClose=${close}>
    <form ref=${element} onSubmit=${submit}>
      <div class="dialog-body">
        ${!secrets.length && html`<${Problem} error=${{ message: "A model is called with a secret, and there is none yet." }}>
          <a class="button button-small" href=${href("secrets", "new")}>Store a provider key</a><//>`}
        <${Inputs} value=${value} onChange=${setValue} secrets=${secrets} providers=${providers} form=${form} />
        <${SaveProblem} error=${form.general} />
      </div>
      <${Actions} busy=${form.busy} submitLabel="Create model" onCancel=${close} />
    </form>
  <//>`;
}

function trim(value) {
  return { ...value, name: value.name.trim(), model_name: value.model_name.trim() };
}

function EditDialog({ id, secrets, providers, onDone }) {
  const [deleting, setDeleting] = useState(null);
  if (deleting) {
    return html`<${DeleteDialog} noun="model" name=${deleting.entity.name} path="/model-definitions/${id}" etag=${deleting.etag}
      forceText="Take it out of these endpoints and delete it" onDone=${onDone} onClose=${() => setDeleting(null)}><${Users} path="/model-definitions/${id}" /><//>`;
  }
  return html`<${EntityDialog} title="Model" path="/model-definitions/${id}" onClose=${close}>
    ${(loaded) => html`<${EditForm} ...${loaded} secrets=${secrets} providers=${providers} onDone=${onDone} onDelete=${() => setDeleting(loaded)} />`}
  <//>`;
}

function EditForm({ entity, etag, reload, secrets, providers, onDone, onDelete }) {
  const [value, setValue] = useState(Object.fromEntries(FIELDS.map((name) => [name, entity[name]])));
  const form = useForm(FIELDS);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const body = Object.fromEntries(Object.entries(trim(value)).filter(([name, now]) => now !== entity[name]));
  const submit = async (event) => {
    event.preventDefault();
    const done = await form.submit(body, () => call("PATCH", `/model-definitions/${entity.model_definition_id}`, { body, ifMatch: etag }));
    if (!done) return;
    notify(`Saved ${value.name}.`);
    onDone();
  };
  return html`<form ref=${element} onSubmit=${submit}>
    <div class="dialog-body">
      <${Inputs} value=${value} onChange=${setValue} secrets=${secrets} providers=${providers} form=${form} />
      <p><a href=${href("endpoints", { model_definition_id: entity.model_definition_id })}>Endpoints using it</a></p>
      <${SaveProblem} error=${form.general} onReload=${reload} />
    </div>
    <${Actions} busy=${form.busy} submitLabel="Save" onCancel=${close} disabled=${!Object.keys(body).length}>
      <button type="button" class="button button-quiet-danger" onClick=${onDelete}><${Icon} name="trash" size=${16} />Delete</button>
    <//>
  </form>`;
}
