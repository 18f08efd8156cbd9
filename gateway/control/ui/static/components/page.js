// The head of a view: its title takes the focus, so that a screen reader hears where it is.
import { html, useEffect, useRef } from "../view.js";

/** Title, one line of explanation and the view's main actions. */
export function PageHead({ title, lead, back, children }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${title} · Lockgate`;
  }, [title]);
  useEffect(() => {
    if (!document.querySelector("dialog[open]")) heading.current.focus({ preventScroll: true });
  }, []);
  return html`<header class="page-head">
    <div class="page-title">
      ${back && html`<a class="page-back" href=${back.address}>${back.title}</a>`}
      <h1 ref=${heading} tabindex="-1" class="breakable">${title}</h1>
      ${lead && html`<p class="muted">${lead}</p>`}
    </div>
    <div class="page-actions">${children}</div>
  </header>`;
}

/** A titled part of a view. */
export function Section({ title, lead, action, children }) {
  return html`<section class="section">
    <header class="section-head">
      <h2>${title}</h2>
      ${lead && html`<p class="muted">${lead}</p>`}
      <div class="section-action">${action}</div>
    </header>
    ${children}
  </section>`;
}
