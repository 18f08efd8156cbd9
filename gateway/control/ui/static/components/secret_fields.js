// The inputs of a provider's credential, drawn from what GET /providers says about it.
// Rule: nothing here knows a provider by name.
import { html } from "../view.js";
import { SelectField, TextField } from "./field.js";

const ANY_TITLE = "Any provider";

/** Choices of a provider, the first one for a secret that is bound to none. */
export function listProviderChoices(providers) {
  return [["", ANY_TITLE], ...providers.map(({ name, title }) => [name, title])];
}

/** What a secret without a provider needs: whatever all providers have. */
function shareFields(providers, kind) {
  const [first, ...rest] = providers.map((provider) => provider[kind]);
  return (first || [])
    .filter((field) => rest.every((other) => other.some(({ name }) => name === field.name)))
    .map((field) => ({ ...field, required: kind === "secret_fields" }));
}

/** The fields of one kind (`secret_fields`, `config_fields`) for a provider or for none. */
export function listFields(providers, name, kind) {
  const provider = providers.find((one) => one.name === name);
  const fields = provider ? provider[kind] : shareFields(providers, kind);
  const modes = provider?.auth_modes ?? [];
  return fields.filter((field) => field.name !== "auth_mode" || modes.length > 1)
    .map((field) => (field.name === "auth_mode" ? { ...field, choices: modes } : field));
}

/** The credential itself. Typed in, sent, forgotten. */
export function ValueFields({ fields, values, onChange, form }) {
  return fields.map((field) => html`<${TextField} key=${field.name} type="password" autocomplete="new-password"
    label=${field.title} hint=${field.help} optional=${!field.required} required=${field.required}
    value=${values[field.name] ?? ""} onChange=${(text) => onChange({ ...values, [field.name]: text })}
    error=${form.errorOf(`secret_value.${field.name}`)} />`);
}

/** What goes with it and is no secret: address, organization, ... */
export function ConfigFields({ fields, values, onChange, form, baseUrl }) {
  return fields.map((field) => {
    const shared = {
      label: field.title, hint: field.help, optional: !field.required,
      value: values[field.name] ?? "", error: form.errorOf(`auth_config.${field.name}`),
      onChange: (text) => onChange({ ...values, [field.name]: text }),
    };
    if (field.choices) {
      const choices = field.choices.map((choice) => [choice, choice]);
      return html`<${SelectField} key=${field.name} ...${shared} options=${choices} />`;
    }
    const placeholder = (field.name === "api_base" && baseUrl) || field.default || "";
    return html`<${TextField} key=${field.name} ...${shared} required=${field.required} placeholder=${placeholder} />`;
  });
}

/** Only what was filled in and belongs to the fields; null when nothing is. */
export function dumpFields(fields, values) {
  const kept = fields.map(({ name }) => [name, (values[name] ?? "").trim()]).filter(([, text]) => text);
  return kept.length ? Object.fromEntries(kept) : null;
}
