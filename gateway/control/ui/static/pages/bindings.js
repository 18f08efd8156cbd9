// Bindings: which outside resources use which endpoint.
import { EditOnly } from "../access.js";
import { call, readAll } from "../api.js";
import { Ago, Chips } from "../components/badge.js";
import { SaveProblem } from "../components/conflict.js";
import { DeleteDialog } from "../components/delete.js";
import { Actions, Dialog } from "../components/dialog.js";
import { Empty, LoadProblem, notify } from "../components/feedback.js";
import { SelectField, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { PageHead } from "../components/page.js";
import { PagedTable } from "../components/table.js";
import { useDelayed, useFocusOnError, useForm, useLoad, usePages } from "../load.js";
import { go, href } from "../route.js";
import { html, useRef, useState } from "../view.js";

const FIELDS = ["endpoint_id", "resource_type", "resource_id", "display_name"];
const close = () => go(href("bindings"));

/** The columns of a list of bindings; `onDelete` gets the row, `modelsOf` names what it leads to. */
export function listColumns(onDelete, modelsOf = null) {
  const models = { key: "models", title: "Models", cell: (row) => html`<${Chips} items=${modelsOf?.(row) ?? []} />` };
  return [
    { key: "type", title: "Resource type", cell: (row) => html`<span class="breakable">${row.resource_type}</span>` },
    { key: "id", title: "Resource", cell: (row) => html`<div class="breakable">${row.display_name || row.resource_id}
      ${row.display_name && html`<div class="muted">${row.resource_id}</div>`}</div>` },
    { key: "endpoint", title: "Endpoint", cell: (row) => html`<a class="breakable" href=${href("endpoints", row.endpoint_id)}>${row.endpoint_name}</a>` },
    ...(modelsOf ? [models] : []),
    { key: "created", title: "Since", align: "right", cell: (row) => html`<${Ago} at=${row.created_at} />` },
    { key: "delete", title: "", cell: (row) => html`<${EditOnly}><button type="button" class="icon-button"
      aria-label="Delete the binding of ${row.resource_type} ${row.resource_id}" onClick=${() => onDelete(row)}><${Icon} name="trash" /></button><//>` },
  ];
}

/** The list with its filters. */
export function Bindings({ id, query }) {
  const [type, setType] = useState(query.get("resource_type") || "");
  const [resource, setResource] = useState(query.get("resource_id") || "");
  const endpoint = query.get("endpoint_id") || "";
  const [deleting, setDeleting] = useState(null);
  const filters = { endpoint_id: endpoint, resource_type: useDelayed(type.trim()), resource_id: useDelayed(resource.trim()) };
  const pages = usePages("/bindings", filters);
  const endpoints = useLoad((signal) => readAll("/endpoints", {}, signal), []);
  const done = () => {
    setDeleting(null);
    pages.reload();
    if (id) close();
  };
  const choices = (endpoints.data || []).map((row) => [row.endpoint_id, row.name]);
  const mappings = new Map((endpoints.data || []).map((row) => [row.endpoint_id, row.model_mappings]));
  const modelsOf = (row) => [...new Set((mappings.get(row.endpoint_id) || []).map((one) => one.model_definition.name))];
  const filtered = endpoint || filters.resource_type || filters.resource_id;
  return html`
    <${PageHead} title="Bindings" lead="Which outside resources use which endpoint, so that none is deleted under them.">
      <${EditOnly}><a class="button button-primary" href=${href("bindings", "new")}><${Icon} name="plus" size=${16} />New binding</a><//>
    <//>
    <${LoadProblem} error=${endpoints.error} reload=${endpoints.reload} />
    <div class="filters">
      <${SelectField} label="Endpoint" value=${endpoint} onChange=${(value) => go(href("bindings", { endpoint_id: value }))}
        options=${[["", "All endpoints"], ...choices]} />
      <${TextField} label="Resource type" value=${type} onChange=${setType} placeholder="any" />
      <${TextField} label="Resource id" value=${resource} onChange=${setResource} placeholder="any" />
    </div>
    <${PagedTable} label="Bindings" pages=${pages} columns=${listColumns(setDeleting, modelsOf)} rowKey=${keyOf}
      empty=${filtered
        ? html`<${Empty} title="No binding fits these filters" />`
        : html`<${Empty} title="No bindings yet">A tool such as an experiment tracker registers here what it uses an endpoint for. You can also add one by hand.<//>`} />
    ${id === "new" && endpoints.data && html`<${BindingDialog} choices=${choices} endpoint=${endpoint} onDone=${done} onClose=${close} />`}
    ${deleting && html`<${DeleteBinding} row=${deleting} onDone=${done} onClose=${() => setDeleting(null)} />`}
  `;
}

/** The key of a binding as one text. */
export function keyOf(row) {
  return `${row.endpoint_id}/${row.resource_type}/${row.resource_id}`;
}

/** Ask before a binding goes. */
export function DeleteBinding({ row, onDone, onClose }) {
  const key = { endpoint_id: row.endpoint_id, resource_type: row.resource_type, resource_id: row.resource_id };
  return html`<${DeleteDialog} noun="binding" name="${row.resource_type} ${row.display_name || row.resource_id}" path="/bindings"
    query=${key} onDone=${onDone} onClose=${onClose} />`;
}

/** The form of a new binding; `choices` are endpoints as [id, name]. */
export function BindingDialog({ choices, endpoint, onDone, onClose }) {
  const [value, setValue] = useState({ endpoint_id: endpoint || choices[0]?.[0] || "", resource_type: "", resource_id: "", display_name: "" });
  const form = useForm(FIELDS);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const field = (name) => ({ value: value[name], onChange: (text) => setValue({ ...value, [name]: text }), error: form.errorOf(name) });
  const submit = async (event) => {
    event.preventDefault();
    const trimmed = Object.fromEntries(Object.entries(value).map(([name, text]) => [name, text.trim()]));
    const body = { ...trimmed, display_name: trimmed.display_name || null };
    const done = await form.submit(body, () => call("PUT", "/bindings", { body }));
    if (!done) return;
    notify(`Bound ${body.resource_type} ${body.resource_id}.`);
    onDone();
  };
  return html`<${Dialog} title="New binding" onClose=${onClose}>
    <form ref=${element} onSubmit=${submit}>
      <div class="dialog-body">
        <${SelectField} label="Endpoint" required ...${field("endpoint_id")} options=${choices} />
        <${TextField} label="Resource type" required ...${field("resource_type")} placeholder="scorer" />
        <${TextField} label="Resource id" required ...${field("resource_id")} />
        <${TextField} label="Display name" optional ...${field("display_name")} />
        <${SaveProblem} error=${form.general} />
      </div>
      <${Actions} busy=${form.busy} submitLabel="Create binding" onCancel=${onClose} />
    </form>
  <//>`;
}
