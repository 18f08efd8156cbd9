// The inputs of a provider's credential, drawn from what GET /providers says about it.
// Rule: nothing here knows a provider by name.
import { html } from "../view.js";
import { LinesField, SelectField, TextField } from "./field.js";

const ANY_TITLE = "Any provider";
const KEY_MODE = "api_key";
const MODE_FIELD = "auth_mode";

/** Choices of a provider, the first one for a secret that is bound to none. */
export function listProviderChoices(providers) {
  return [["", ANY_TITLE], ...providers.map(({ name, title }) => [name, title])];
}

/** What a secret without a provider needs: an API key, and whatever all have who take one. */
function shareFields(providers, kind) {
  const [first, ...rest] = providers.filter((one) => one.auth_modes.includes(KEY_MODE)).map((one) => one[kind]);
  return (first || [])
    .filter((field) => rest.every((other) => other.some(({ name }) => name === field.name)))
    .map((field) => ({ ...field, required: kind === "secret_fields" }));
}

/** The fields of one kind (`secret_fields`, `config_fields`) for a provider or for none, and for the
    way of authentication that the settings name. */
export function listFields(providers, name, kind, config = {}) {
  const provider = providers.find((one) => one.name === name);
  if (!provider) return shareFields(providers, kind).filter((field) => field.name !== MODE_FIELD);
  const mode = provider.auth_modes.includes(config[MODE_FIELD]) ? config[MODE_FIELD] : provider.auth_modes[0];
  return provider[kind]
    .filter((field) => field.modes.includes(mode) && (field.name !== MODE_FIELD || provider.auth_modes.length > 1))
    .map((field) => (field.choices.length ? { ...field, options: listOptions(provider, field) } : field));
}

function listOptions(provider, field) {
  if (field.name === MODE_FIELD) return provider.auth.map(({ name, title }) => [name, title]);
  const choices = field.choices.map((choice) => [choice, choice]);
  return field.default ? choices : [["", "As the request is"], ...choices];
}

/** Whether a credential lacks nothing that it needs. */
export function isComplete(fields, values) {
  return fields.every(({ name, required }) => !required || (values[name] ?? "").trim());
}

/** The credential itself. Typed in, sent, forgotten. */
export function ValueFields({ fields, values, onChange, form }) {
  return fields.map((field) => {
    const shared = {
      label: field.title, hint: field.help, optional: !field.required, required: field.required,
      value: values[field.name] ?? "", error: form.errorOf(`secret_value.${field.name}`),
      onChange: (text) => onChange({ ...values, [field.name]: text }),
    };
    return field.multiline
      ? html`<${LinesField} key=${field.name} ...${shared} rows="6" autocomplete="off" />`
      : html`<${TextField} key=${field.name} ...${shared} type="password" autocomplete="new-password" />`;
  });
}

/** What goes with it and is no secret: way of authentication, address, region, ... */
export function ConfigFields({ fields, values, onChange, form, baseUrl }) {
  return fields.map((field) => {
    const shared = {
      label: field.title, hint: field.help, optional: !field.required && !field.options,
      value: (field.options ? choose(field, values) : values[field.name]) ?? "", error: form.errorOf(`auth_config.${field.name}`),
      onChange: (text) => onChange({ ...values, [field.name]: text }),
    };
    if (field.options) return html`<${SelectField} key=${field.name} ...${shared} options=${field.options} />`;
    const placeholder = (field.name === "api_base" && baseUrl) || field.default || "";
    return html`<${TextField} key=${field.name} ...${shared} required=${field.required} placeholder=${placeholder} />`;
  });
}

/** The value of a choice; what was chosen for another provider may be none of its options. */
function choose(field, values) {
  return field.options.some(([value]) => value === values[field.name]) ? values[field.name] : field.default;
}

/** Only what was filled in and belongs to the fields; null when nothing is. */
export function dumpFields(fields, values) {
  const kept = fields
    .filter((field) => !field.options || choose(field, values) === values[field.name])
    .map(({ name }) => [name, (values[name] ?? "").trim()]).filter(([, text]) => text);
  return kept.length ? Object.fromEntries(kept) : null;
}
