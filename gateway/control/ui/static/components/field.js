// Labelled inputs: every control has a label, its hint and its error tied to it.
import { html, useId } from "../view.js";

/** A label, a control drawn by `children(bind)`, and below it the error or the hint. */
export function Field({ label, hint, error, optional = false, hideLabel = false, children }) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error || hint;
  const bind = {
    id,
    "aria-describedby": note ? noteId : undefined,
    "aria-invalid": error ? "true" : undefined,
  };
  return html`<div class="field">
    <label for=${id} class=${hideLabel ? "visually-hidden" : "field-label"}>
      ${label}${optional && html`<span class="field-optional"> optional</span>`}
    </label>
    ${children(bind)}
    ${note && html`<p id=${noteId} class=${error ? "field-error" : "field-hint"}>${note}</p>`}
  </div>`;
}

/** One line of text; `onChange` gets the new text. */
export function TextField({ label, hint, error, optional, hideLabel, value, onChange, ...rest }) {
  return html`<${Field} ...${{ label, hint, error, optional, hideLabel }}>
    ${(bind) => html`<input type="text" autocomplete="off" spellcheck=${false} ...${rest} ...${bind}
      value=${value} onInput=${(event) => onChange(event.currentTarget.value)} />`}
  <//>`;
}

/** Some lines of text. */
export function LinesField({ label, hint, error, optional, value, onChange, ...rest }) {
  return html`<${Field} ...${{ label, hint, error, optional }}>
    ${(bind) => html`<textarea rows="3" spellcheck=${false} ...${rest} ...${bind} value=${value}
      onInput=${(event) => onChange(event.currentTarget.value)} />`}
  <//>`;
}

/** One of `options`, each [value, title]. */
export function SelectField({ label, hint, error, optional, hideLabel, value, onChange, options, ...rest }) {
  return html`<${Field} ...${{ label, hint, error, optional, hideLabel }}>
    ${(bind) => html`<select ...${rest} ...${bind} value=${value}
      onChange=${(event) => onChange(event.currentTarget.value)}>
      ${options.map(([key, title]) => html`<option key=${key} value=${key} selected=${key === value}>${title}</option>`)}
    </select>`}
  <//>`;
}

/** A check box with its label behind it. */
export function CheckField({ label, hint, checked, onChange }) {
  const id = useId();
  return html`<div class="check">
    <input type="checkbox" id=${id} checked=${checked} aria-describedby=${hint ? `${id}-note` : undefined}
      onChange=${(event) => onChange(event.currentTarget.checked)} />
    <div>
      <label for=${id}>${label}</label>
      ${hint && html`<p id="${id}-note" class="field-hint">${hint}</p>`}
    </div>
  </div>`;
}
