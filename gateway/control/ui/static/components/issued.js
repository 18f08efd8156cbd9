// What is issued to somebody, an API key or an admin token: its state, and the one showing of its value.
import { call } from "../api.js";
import { html, useRef, useState } from "../view.js";
import { useFocusOnError, useForm } from "../load.js";
import { Badge } from "./badge.js";
import { SaveProblem } from "./conflict.js";
import { Code } from "./copy.js";
import { Actions, Dialog } from "./dialog.js";

/** Whether it counts now. */
export function IssuedState({ row }) {
  if (row.disabled) return html`<${Badge} kind="bad">disabled<//>`;
  if (row.expires_at !== null && row.expires_at <= Date.now()) return html`<${Badge} kind="warn">expired<//>`;
  return html`<${Badge} kind="good">active<//>`;
}

/** The dialog that issues one: `Inputs` over the values that `read` begins with and `build` sends. */
export function IssueDialog({ noun, path, fields, read, build, Inputs, onMade, onDone, onClose }) {
  const [value, setValue] = useState(read(null));
  const [made, setMade] = useState(null);
  const form = useForm(fields);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const submit = async (event) => {
    event.preventDefault();
    const body = build(value);
    const done = await form.submit(body, (idempotencyKey) => call("POST", path, { body, idempotencyKey }));
    if (!done) return;
    setMade(done.data);
    onMade();
  };
  if (made) return html`<${NewValue} noun=${noun} made=${made} onDone=${onDone} />`;
  return html`<${Dialog} title="New ${noun}" onClose=${onClose}>
    <form ref=${element} onSubmit=${submit}>
      <div class="dialog-body">
        <${Inputs} value=${value} onChange=${setValue} form=${form} />
        <${SaveProblem} error=${form.general} />
      </div>
      <${Actions} busy=${form.busy} submitLabel="Create ${noun}" onCancel=${onClose} />
    </form>
  <//>`;
}

function NewValue({ noun, made, onDone }) {
  return html`<${Dialog} key="made" title="${noun[0].toUpperCase()}${noun.slice(1)} created" onClose=${onDone}>
    <div class="dialog-body">
      <p>This is the value of <strong class="breakable">${made.name}</strong>. Copy it now: it is kept only as a hash and cannot be shown again.</p>
      <${Code} text=${made.value} label="The ${noun}" />
    </div>
    <footer class="actions"><span class="actions-gap" />
      <button type="button" class="button button-primary" onClick=${onDone}>I have stored it</button></footer>
  <//>`;
}
