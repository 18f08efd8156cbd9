// What a form shows above its buttons: a stale version with a way out, or any other refusal.
import { html } from "../view.js";
import { Problem } from "./feedback.js";

/** The refusal of a save; on 412 it says who was faster and offers the newest version. */
export function SaveProblem({ error, onReload }) {
  if (!error) return null;
  if (error.status !== 412) return html`<${Problem} error=${error} />`;
  const told = { message: "Someone else changed this while you were editing. Nothing was saved." };
  return html`<${Problem} error=${told}>
    <button type="button" class="button button-small" onClick=${onReload}>Load the newest version</button>
  <//>`;
}
