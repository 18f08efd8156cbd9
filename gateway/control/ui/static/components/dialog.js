// Modal dialogs on the browser's own <dialog>: it traps the focus and closes on Escape.
import { explainReadOnly } from "../access.js";
import { html, useId, useLayoutEffect, useRef } from "../view.js";
import { Icon } from "./icon.js";

/** A modal; `onClose` is called for Escape and the close button, and must remove it. */
export function Dialog({ title, onClose, wide = false, children }) {
  const element = useRef(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    const dialog = element.current;
    dialog.showModal();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${element} class="dialog ${wide ? "dialog-wide" : ""}"
    aria-labelledby=${titleId} onCancel=${cancel}>
    <header class="dialog-head">
      <h2 id=${titleId}>${title}</h2>
      <button type="button" class="icon-button" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    </header>
    ${children}
  </dialog>`;
}

/**
 * The row of buttons at a dialog's or form's end; who may not save is told why, and gets of the other
 * buttons only `always`, those that change nothing.
 */
export function Actions({ busy, submitLabel, onCancel, danger = false, disabled = false, always, children }) {
  const readOnly = explainReadOnly();
  return html`<footer class="actions">
    ${readOnly ? html`<span class="muted">${readOnly}</span>` : children}
    ${always}
    <span class="actions-gap" />
    ${onCancel && html`<button type="button" class="button" onClick=${onCancel}>Cancel</button>`}
    <button type="submit" class="button ${danger ? "button-danger" : "button-primary"}"
      disabled=${busy || disabled || readOnly !== null} aria-busy=${busy}>${submitLabel}</button>
  </footer>`;
}
