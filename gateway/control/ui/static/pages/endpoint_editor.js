// Creating and editing an endpoint on a page of its own.
import { call, readAll } from "../api.js";
import { SaveProblem } from "../components/conflict.js";
import { Actions } from "../components/dialog.js";
import { useEntity } from "../components/entity.js";
import { LoadProblem, notify, Problem, Skeleton } from "../components/feedback.js";
import { CheckField, SelectField, TextField } from "../components/field.js";
import { FallbackEditor, PrimaryEditor } from "../components/mapping_editor.js";
import { PageHead, Section } from "../components/page.js";
import { dumpTags, readTags, TagEditor } from "../components/tag_editor.js";
import { useFocusOnError, useForm, useLoad } from "../load.js";
import { checkRows, dumpMappings, newRow, readMappings } from "../mapping_rows.js";
import { go, href } from "../route.js";
import { html, useRef, useState } from "../view.js";

const FIELDS = ["name", "model_mappings", "model_mappings.*", "tags", "tags.*", "limits.*", "fallback_config.max_attempts"];
const LIMITS = [
  ["connect_timeout_ms", "Connect, ms"],
  ["first_byte_timeout_ms", "First byte, ms"],
  ["idle_timeout_ms", "Silence, ms"],
  ["total_timeout_ms", "Whole request, ms"],
  ["max_body_bytes", "Body, bytes"],
];

const REFUSALS = [
  ["context_window_exceeded", "Go on when the context window is exceeded", "The next model may have a larger one."],
  ["content_policy", "Go on when the content policy refuses", "The next model may have another one."],
];

/** The kinds in the table's order, with one of them switched on or off. */
function toggle(kinds, kind, on) {
  return REFUSALS.map(([name]) => name).filter((name) => (name === kind ? on : kinds.includes(name)));
}

function readForm(endpoint) {
  const cap = endpoint?.fallback_config?.max_attempts;
  const limits = Object.entries(endpoint?.limits ?? {}).map(([name, value]) => [name, value === null ? "" : String(value)]);
  return {
    name: endpoint?.name ?? "",
    primaries: [newRow()],
    fallbacks: [],
    ...(endpoint && readMappings(endpoint.model_mappings)),
    cap: cap === null || cap === undefined ? "" : String(cap),
    tags: readTags(endpoint?.tags),
    limits: Object.fromEntries(limits),
    usage: endpoint?.usage_tracking ?? true,
    fallbackOn: endpoint?.resilience?.fallback_on ?? [],
    hedge: endpoint?.resilience?.hedge ?? false,
  };
}

function parseNumber(text) {
  const trimmed = (text ?? "").trim();
  if (!trimmed) return null;
  return /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed; // the API says what is wrong with it
}

function buildBody(form) {
  const cap = parseNumber(form.cap);
  return {
    name: form.name.trim(),
    model_mappings: dumpMappings(form),
    fallback_config: cap === null ? null : { strategy: "SEQUENTIAL", max_attempts: cap },
    tags: dumpTags(form.tags),
    limits: Object.fromEntries(LIMITS.map(([name]) => [name, parseNumber(form.limits[name])])),
    usage_tracking: form.usage,
    resilience: { fallback_on: form.fallbackOn, hedge: form.hedge },
  };
}

/** Only the fields whose content differs from what the endpoint was loaded with. */
function buildPatch(form, endpoint) {
  const before = buildBody(readForm(endpoint));
  return Object.fromEntries(Object.entries(buildBody(form))
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
}

/** What the API said about `model_mappings.N...`, by the key of the row it means. */
function placeErrors(rows, error) {
  const match = /^model_mappings[.[](\d+)/.exec(error?.field ?? "");
  const row = match && [...rows.primaries, ...rows.fallbacks][Number(match[1])];
  return row ? { [row.key]: error.message } : {};
}

/** The page: a new endpoint, or an existing one. */
export function EndpointEditor({ id }) {
  const models = useLoad((signal) => readAll("/model-definitions", {}, signal), []);
  if (models.error) return html`<${PageHead} title="Endpoint" /><${LoadProblem} error=${models.error} reload=${models.reload} />`;
  if (id === "new") return html`<${Loaded} title="New endpoint" models=${models.data} />`;
  return html`<${Existing} id=${id} models=${models.data} />`;
}

function Existing({ id, models }) {
  const { entity, etag, error, reload } = useEntity(`/endpoints/${encodeURIComponent(id)}`);
  if (error) return html`<${PageHead} title="Endpoint" /><${LoadProblem} error=${error} reload=${reload} />`;
  if (!entity) return html`<${PageHead} title="Endpoint" /><${Skeleton} lines=${8} />`;
  return html`<${Loaded} key=${etag} title="Edit ${entity.name}" models=${models} endpoint=${entity} etag=${etag} onReload=${reload} />`;
}

function Loaded({ title, models, endpoint, etag, onReload }) {
  const back = endpoint
    ? { address: href("endpoints", endpoint.endpoint_id), title: endpoint.name }
    : { address: href("endpoints"), title: "Endpoints" };
  return html`
    <${PageHead} title=${title} back=${back} />
    ${models ? html`<${EditorForm} ...${{ models, endpoint, etag, onReload, back }} />` : html`<${Skeleton} lines=${8} />`}`;
}

function EditorForm({ models, endpoint, etag, onReload, back }) {
  const [value, setValue] = useState(() => readForm(endpoint));
  const [checked, setChecked] = useState(false);
  const form = useForm(FIELDS);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const set = (change) => setValue({ ...value, ...change });
  const wrong = checked ? checkRows(value) : {};
  const errors = { ...placeErrors(value, form.error), ...wrong };
  const body = endpoint ? buildPatch(value, endpoint) : buildBody(value);
  const submit = async (event) => {
    event.preventDefault();
    setChecked(true);
    if (Object.keys(checkRows(value)).length) {
      requestAnimationFrame(() => element.current.querySelector("[aria-invalid=true]")?.focus());
      return;
    }
    const done = await form.submit(body, (idempotencyKey) => (endpoint
      ? call("PATCH", `/endpoints/${endpoint.endpoint_id}`, { body, ifMatch: etag })
      : call("POST", "/endpoints", { body, idempotencyKey })));
    if (!done) return;
    notify(done.status === 202 ? `Saved ${value.name}; some workers still serve the older version.` : `Saved ${value.name}.`);
    go(href("endpoints", done.data.endpoint_id));
  };
  return html`<form ref=${element} class="editor" onSubmit=${submit} noValidate>
    ${!models.length && html`<${Problem} error=${{ message: "An endpoint is made of models, and there is none yet." }}>
      <a class="button button-small" href=${href("models", "new")}>Define a model</a><//>`}
    <${Section} title="Name">
      <${TextField} label="What applications send as the model" value=${value.name} onChange=${(name) => set({ name })} required
        maxlength="255" placeholder="chat" hint="Letters, digits, dot, dash and underscore." error=${form.errorOf("name")} />
    <//>
    <${Section} title="Traffic" lead="Weights are relative: 80 and 20 split as 4 and 1 do. 0 drains a model: it gets traffic only when all else has failed.">
      <${PrimaryEditor} rows=${value.primaries} models=${models} errors=${errors} onChange=${(primaries) => set({ primaries })} />
      ${form.errorOf("model_mappings") && html`<${Problem} error=${form.error} />`}
    <//>
    <${Section} title="Fallbacks" lead="Tried from the top when every model above has failed.">
      <${FallbackEditor} rows=${value.fallbacks} models=${models} errors=${errors} onChange=${(fallbacks) => set({ fallbacks })} />
      <${CapField} value=${value.cap} count=${value.fallbacks.length} onChange=${(cap) => set({ cap })} error=${form.errorOf("fallback_config.max_attempts")} />
    <//>
    <${Section} title="Refusals and slowness" lead="Off by default: another model may cost more, or refuse less.">
      ${REFUSALS.map(([kind, label, hint]) => html`<${CheckField} key=${kind} label=${label} hint=${hint} checked=${value.fallbackOn.includes(kind)}
        onChange=${(on) => set({ fallbackOn: toggle(value.fallbackOn, kind, on) })} />`)}
      <${CheckField} label="Ask a second model when the first is slow" checked=${value.hedge} onChange=${(hedge) => set({ hedge })}
        hint="Slower than 95 % of the last answers began; at most 2 % more calls." />
    <//>
    <${Section} title="Tags" lead="Free words for reports and search.">
      <${TagEditor} rows=${value.tags} onChange=${(tags) => set({ tags })} error=${placeTagError(form)} />
    <//>
    <${Section} title="Limits" lead="Empty means the gateway's own.">
      <div class="limits">${LIMITS.map(([name, label]) => html`<${TextField} key=${name} label=${label} inputmode="numeric"
        value=${value.limits[name] ?? ""} onChange=${(text) => set({ limits: { ...value.limits, [name]: text } })} error=${form.errorOf(`limits.${name}`)} />`)}</div>
      <${CheckField} label="Record usage" checked=${value.usage} onChange=${(usage) => set({ usage })} hint="One row per attempt: tokens, times and errors, never content." />
    <//>
    <div class="editor-foot">
      <${SaveProblem} error=${form.general} onReload=${onReload} />
      <${Actions} busy=${form.busy} submitLabel=${endpoint ? "Save" : "Create endpoint"} onCancel=${() => go(back.address)} disabled=${!Object.keys(body).length} />
    </div>
  </form>`;
}

function placeTagError(form) {
  return form.error?.field?.startsWith("tags") ? form.error.message : null;
}

/** How many fallbacks a request may go on to. */
function CapField({ value, count, onChange, error }) {
  const most = Math.max(count, Number(value) || 0);
  const numbers = Array.from({ length: most }, (_, index) => String(index + 1));
  return html`<${SelectField} label="Fallbacks per request, at most" value=${value} onChange=${onChange} error=${error}
    options=${[["", "All of them"], ["0", "None"], ...numbers.map((text) => [text, text])]} />`;
}
