// The first steps of a new installation, in the order in which they depend on each other.
import { EditOnly } from "../access.js";
import { href } from "../route.js";
import { html } from "../view.js";
import { Icon } from "./icon.js";

const STEPS = [
  ["secrets", "Store a provider key", "It is encrypted at once and never shown again.", href("secrets", "new")],
  ["models", "Define a model", "A provider's model, reached with that key.", href("models", "new")],
  ["endpoints", "Create an endpoint", "The name your applications call, with its split and fallbacks.", href("endpoints", "new")],
  ["keys", "Create an API key", "What an application sends to Lockgate.", href("keys", "new")],
];

/** The steps with those done ticked off; nothing once all are. `counts` maps view to number. */
export function Checklist({ counts }) {
  const next = STEPS.find(([view]) => !counts[view]);
  if (!next) return null;
  const done = STEPS.filter(([view]) => counts[view]).length;
  return html`<section class="section checklist" aria-labelledby="checklist-title">
    <header class="section-head"><h2 id="checklist-title">Set up your first endpoint</h2>
      <p class="muted">${done} of ${STEPS.length} done</p></header>
    <ol>${STEPS.map(([view, title, text, address], index) => {
      const state = counts[view] ? "done" : view === next[0] ? "next" : "later";
      return html`<li key=${view} class="step step-${state}">
        <span class="step-mark" aria-hidden="true">${state === "done" ? html`<${Icon} name="check" size=${14} />` : index + 1}</span>
        <div class="step-text"><strong>${title}</strong>${state === "done" && html`<span class="visually-hidden"> (done)</span>`}
          <p class="muted">${text}</p></div>
        ${state === "next" && html`<${EditOnly}><a class="button button-primary button-small" href=${address}>${title}</a><//>`}
      </li>`;
    })}</ol>
  </section>`;
}
