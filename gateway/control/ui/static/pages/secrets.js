// Provider keys: stored encrypted, shown masked.
import { EditOnly, isConfined, may } from "../access.js";
import { call, readProviders } from "../api.js";
import { Ago, Badge } from "../components/badge.js";
import { SaveProblem } from "../components/conflict.js";
import { DeleteDialog } from "../components/delete.js";
import { Actions, Dialog } from "../components/dialog.js";
import { EntityDialog } from "../components/entity.js";
import { Empty, LoadProblem, notify } from "../components/feedback.js";
import { CheckField, SelectField, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { PageHead } from "../components/page.js";
import {
  ConfigFields, dumpFields, isComplete, listFields, listProviderChoices, ValueFields,
} from "../components/secret_fields.js";
import { Former, GRACES, LastUsed, Life, TestButton, Told } from "../components/secret_life.js";
import { PagedTable } from "../components/table.js";
import { Users } from "../components/users.js";
import { dumpLocalTime, parseLocalTime } from "../format.js";
import { useFocusOnError, useForm, useLoad, usePages } from "../load.js";
import { go, href } from "../route.js";
import { html, useEffect, useRef, useState } from "../view.js";

const FIELDS = ["secret_name", "provider", "secret_value", "secret_value.*", "auth_config", "auth_config.*", "expires_at"];
const close = () => go(href("secrets"));

const COLUMNS = [
  { key: "name", title: "Name", cell: (row) => html`<a class="row-link breakable" href=${href("secrets", row.secret_id)}>${row.secret_name}</a>` },
  { key: "provider", title: "Provider", cell: (row) => (row.provider ? html`<${Badge}>${row.provider}<//>` : html`<span class="muted">any</span>`) },
  { key: "value", title: "Value", cell: (row) => html`<${Masked} values=${row.masked_values} />` },
  { key: "base", title: "Address", cell: (row) => (row.auth_config?.api_base ? html`<span class="breakable">${row.auth_config.api_base}</span>` : html`<span class="muted">the provider's own</span>`) },
  { key: "life", title: "State", cell: (row) => html`<${Life} row=${row} />` },
  { key: "used", title: "Last used", align: "right", cell: (row) => html`<${LastUsed} at=${row.last_used_at} />` },
  { key: "updated", title: "Changed", align: "right", cell: (row) => html`<${Ago} at=${row.last_updated_at} />` },
];

function Masked({ values }) {
  const entries = Object.entries(values);
  return html`<span class="masked">${entries.map(([name, text]) => html`<span key=${name}>
    ${entries.length > 1 && html`<span class="muted">${name} </span>`}<code>${text}</code></span>`)}</span>`;
}

/** The list, with a dialog over it for a new or an existing secret. */
export function Secrets({ id, query }) {
  const provider = query.get("provider") || "";
  const pages = usePages("/secrets", { provider });
  const providers = useLoad(readProviders, []);
  const done = () => {
    pages.reload();
    close();
  };
  const known = providers.data || [];
  return html`
    <${PageHead} title="Secrets" lead="Provider keys. Encrypted when they arrive; only a mask is ever shown.">
      <${EditOnly}><a class="button button-primary" href=${href("secrets", "new")}><${Icon} name="plus" size=${16} />New secret</a><//>
    <//>
    <${LoadProblem} error=${providers.error} reload=${providers.reload} />
    <div class="filters">
      <${SelectField} label="Provider" value=${provider} onChange=${(value) => go(href("secrets", { provider: value }))}
        options=${[["", "All providers"], ...known.map(({ name, title }) => [name, title])]} />
    </div>
    <${PagedTable} label="Secrets" pages=${pages} columns=${COLUMNS} rowKey=${(row) => row.secret_id}
      empty=${provider
        ? html`<${Empty} title="No secret of this provider" />`
        : html`<${Empty} title="No secrets yet" action=${html`<${EditOnly}><a class="button button-primary" href=${href("secrets", "new")}>Store a provider key</a><//>`}>
            A secret is a provider's key. Models use it; applications never see it.<//>`} />
    ${id === "new" && providers.data && html`<${CreateDialog} providers=${known} onDone=${done} />`}
    ${id && id !== "new" && providers.data && html`<${EditDialog} key=${id} id=${id} providers=${known} onDone=${done} />`}
  `;
}

function CreateDialog({ providers, onDone }) {
  const [name, setName] = useState("");
  const [provider, setProvider] = useState(providers[0]?.name ?? "");
  const [values, setValues] = useState({});
  const [config, setConfig] = useState({});
  const [expires, setExpires] = useState("");
  const [told, setTold] = useState(null);
  const form = useForm(FIELDS);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const valueFields = listFields(providers, provider, "secret_fields", config);
  const configFields = listFields(providers, provider, "config_fields", config);
  const submit = async (event) => {
    event.preventDefault();
    const body = {
      secret_name: name.trim(),
      provider: provider || null,
      secret_value: dumpFields(valueFields, values) ?? {},
      auth_config: dumpFields(configFields, config),
      expires_at: parseLocalTime(expires),
    };
    const done = await form.submit(body, (idempotencyKey) => call("POST", "/secrets", { body, idempotencyKey }));
    if (!done) return;
    notify(`Stored ${body.secret_name}.`);
    onDone();
  };
  return html`<${Dialog} title="New secret" onClose=${close}>
    <form ref=${element} onSubmit=${submit}>
      <div class="dialog-body">
        <${SelectField} label="Provider" value=${provider} onChange=${setProvider} autofocus
          options=${listProviderChoices(providers)} error=${form.errorOf("provider")}
          hint=${providers.find((one) => one.name === provider)?.notes || null} />
        <${TextField} label="Name" required maxlength="255" value=${name} onChange=${setName} placeholder="openai-prod"
          hint="It is bound into the encryption and cannot be changed later." error=${form.errorOf("secret_name")} />
        <${ConfigFields} fields=${configFields.filter(isMode)} values=${config} onChange=${setConfig} form=${form} />
        <${ValueFields} fields=${valueFields} values=${values} onChange=${setValues} form=${form} />
        <${ConfigFields} fields=${configFields.filter((field) => !isMode(field))} values=${config} onChange=${setConfig} form=${form}
          baseUrl=${providers.find((one) => one.name === provider)?.base_url} />
        <${ExpiryField} value=${expires} onChange=${setExpires} error=${form.errorOf("expires_at")} />
        <${Told} told=${told} />
        <${SaveProblem} error=${form.general} />
      </div>
      <${Actions} busy=${form.busy} submitLabel="Store secret" onCancel=${close}>
        <${TestButton} path="/secrets/test" onTold=${setTold} disabled=${!provider || !isComplete(valueFields, values)}
          body=${{ provider, secret_value: dumpFields(valueFields, values) ?? {}, auth_config: dumpFields(configFields, config) }} />
      <//>
    </form>
  <//>`;
}

const isMode = (field) => field.name === "auth_mode";

function ExpiryField({ value, onChange, error }) {
  return html`<${TextField} label="Expires" optional type="datetime-local" value=${value} onChange=${onChange} error=${error}
    hint="When the provider lets the key end. A reminder: it is still tried afterwards." />`;
}

function EditDialog({ id, providers, onDone }) {
  const [deleting, setDeleting] = useState(null);
  if (deleting) {
    return html`<${DeleteDialog} noun="secret" name=${deleting.entity.secret_name} path="/secrets/${id}" etag=${deleting.etag}
      forceText="Also delete these model definitions and take them out of their endpoints"
      onDone=${onDone} onClose=${() => setDeleting(null)}><${Users} path="/secrets/${id}" /><//>`;
  }
  return html`<${EntityDialog} title="Secret" path="/secrets/${id}" onClose=${close}>
    ${(loaded) => html`<${EditForm} ...${loaded} providers=${providers} onDone=${onDone} onDelete=${() => setDeleting(loaded)} />`}
  <//>`;
}

/** The body of a PATCH: only what differs from the stored secret. */
function buildPatch({ entity, provider, config, configFields, allFields, values, valueFields, replace, expires }) {
  const body = {};
  const before = entity.auth_config ?? {};
  const fields = new Set(allFields.map((field) => field.name));
  // What this page draws no field for stays as it is, unless the provider is another one.
  const kept = provider === (entity.provider ?? "")
    ? Object.fromEntries(Object.entries(before).filter(([name]) => !fields.has(name))) : {};
  const after = { ...kept, ...dumpFields(configFields, config) };
  if (provider !== (entity.provider ?? "")) body.provider = provider || null;
  if (JSON.stringify(sorted(after)) !== JSON.stringify(sorted(before))) body.auth_config = Object.keys(after).length ? after : null;
  if (replace) body.secret_value = dumpFields(valueFields, values) ?? {};
  // A new value has an expiry of its own; else only what was changed is sent.
  if (replace || expires !== dumpLocalTime(entity.expires_at)) body.expires_at = parseLocalTime(expires);
  return body;
}

function sorted(mapping) {
  return Object.entries(mapping).filter(([, value]) => value !== null).sort();
}

function EditForm({ entity, etag, reload, providers, onDone, onDelete }) {
  const [provider, setProvider] = useState(entity.provider ?? "");
  const [config, setConfig] = useState(entity.auth_config ?? {});
  const [values, setValues] = useState({});
  const [replace, setReplace] = useState(false);
  const [grace, setGrace] = useState("");
  const [expires, setExpires] = useState(dumpLocalTime(entity.expires_at));
  const [told, setTold] = useState(null);
  const form = useForm(FIELDS);
  const element = useRef(null);
  const beginReplace = (wanted) => {
    setReplace(wanted);
    setExpires(wanted ? "" : dumpLocalTime(entity.expires_at)); // an expiry is the value's own
  };
  const rebind = form.error?.code === "credential_rebind_required";
  const shown = rebind ? { ...form, errorOf: () => null } : form; // the box below says it better
  useFocusOnError(element, form.error);
  useEffect(() => {
    if (rebind) beginReplace(true);
  }, [rebind]);
  useEffect(() => {
    if (rebind && replace) element.current.querySelector("input[type=password], textarea")?.focus();
  }, [rebind, replace]);
  const valueFields = listFields(providers, provider, "secret_fields", config);
  const configFields = listFields(providers, provider, "config_fields", config);
  const row = providers.find((one) => one.name === provider);
  const allFields = row?.config_fields ?? configFields;
  const body = buildPatch({ entity, provider, config, configFields, allFields, values, valueFields, replace, expires });
  const mayKeep = replace && !("provider" in body) && !("auth_config" in body); // of a value alone there is a grace
  const submit = async (event) => {
    event.preventDefault();
    const path = `/secrets/${entity.secret_id}`;
    const rotation = { ...body, grace_ms: Number(grace) };
    const done = await form.submit(body, (idempotencyKey) => (mayKeep && grace
      ? call("POST", `${path}/rotate`, { body: rotation, ifMatch: etag, idempotencyKey })
      : call("PATCH", path, { body, ifMatch: etag })));
    if (!done) return;
    notify(`Saved ${entity.secret_name}.`);
    onDone();
  };
  const test = may("edit") && !isConfined()
    && html`<${TestButton} path="/secrets/${entity.secret_id}/test" body=${{}} disabled=${!entity.provider} onTold=${setTold} />`;
  return html`<form ref=${element} onSubmit=${submit}>
    <div class="dialog-body">
      <div class="secret-name"><strong class="breakable">${entity.secret_name}</strong><${Masked} values=${entity.masked_values} />
        <a href=${href("models", { secret_id: entity.secret_id })}>Models using it</a></div>
      <${SelectField} label="Provider" value=${provider} onChange=${setProvider} autofocus
        options=${listProviderChoices(providers)} error=${shown.errorOf("provider")} />
      <${ConfigFields} fields=${configFields} values=${config} onChange=${setConfig} form=${shown}
        baseUrl=${providers.find((one) => one.name === provider)?.base_url} />
      ${rebind && html`<div class="problem problem-warn" role="alert"><${Icon} name="warning" /><p>
        This change would let the stored key go to another place, so the gateway asks for the key again.
        Whoever may edit an address cannot send a key there that they do not have.</p></div>`}
      <${CheckField} label="Replace the stored value" checked=${replace} onChange=${beginReplace}
        hint="The new value takes effect with the next request." />
      ${replace && html`<${ValueFields} fields=${valueFields} values=${values} onChange=${setValues} form=${shown} />`}
      ${mayKeep && html`<${SelectField} label="The old value" value=${grace} onChange=${setGrace} options=${GRACES} />`}
      <${ExpiryField} value=${expires} onChange=${setExpires} error=${shown.errorOf("expires_at")} />
      <${Former} entity=${entity} etag=${etag} reload=${reload} />
      <${Told} told=${told} />
      ${!rebind && html`<${SaveProblem} error=${form.general} onReload=${reload} />`}
    </div>
    <${Actions} busy=${form.busy} submitLabel="Save" onCancel=${close} disabled=${!Object.keys(body).length} always=${test}>
      <button type="button" class="button button-quiet-danger" onClick=${onDelete}><${Icon} name="trash" size=${16} />Delete</button>
    <//>
  </form>`;
}
