// What the page says about itself: errors, empty places, placeholders, short notices.
import { html, useEffect, useState } from "../view.js";
import { Icon } from "./icon.js";

const NOTICE_MS = 6000; // long enough to read one sentence twice
const listeners = new Set();

/** Say one sentence in the corner, and to screen readers. */
export function notify(text, kind = "good") {
  for (const listener of listeners) listener({ text, kind });
}

/** Where `notify` speaks; stands once in the page. */
export function NoticeHost() {
  const [notice, setNotice] = useState(null);
  useEffect(() => {
    listeners.add(setNotice);
    return () => listeners.delete(setNotice);
  }, []);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => setNotice(null), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return html`<div class="notices" role="status" aria-live="polite">
    ${notice && html`<p class="notice notice-${notice.kind}">
      <${Icon} name=${notice.kind === "good" ? "check" : "warning"} size=${16} />${notice.text}
    </p>`}
  </div>`;
}

/** An error with what helps to follow it up. */
export function Problem({ error, children }) {
  if (!error) return null;
  return html`<div class="problem" role="alert">
    <${Icon} name="warning" />
    <div class="problem-text">
      <p>${error.field ? html`<code>${error.field}</code> ` : ""}${error.message}</p>
      ${error.requestId && html`<p class="problem-id">${error.code} · request ${error.requestId}</p>`}
      ${children}
    </div>
  </div>`;
}

/** A failed load with a way to try again. */
export function LoadProblem({ error, reload }) {
  return html`<${Problem} error=${error}>
    <button type="button" class="button button-small" onClick=${reload}>Try again</button>
  <//>`;
}

/** An empty place that says what to do next. */
export function Empty({ title, children, action }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    ${children && html`<p class="empty-text">${children}</p>`}
    ${action}
  </div>`;
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 3 }) {
  return html`<div class="skeleton" aria-hidden="true">
    ${Array.from({ length: lines }, (_, index) => html`<span key=${index} class="skeleton-line" />`)}
  </div>`;
}
