// The life of a secret's value: when it ends, the one before it, and what its provider says to it.
import { EditOnly } from "../access.js";
import { call } from "../api.js";
import { DAY_MS, formatAgo, formatDuration } from "../format.js";
import { html, useEffect, useRef, useState } from "../view.js";
import { Ago, Badge } from "./badge.js";
import { notify, Problem } from "./feedback.js";

const WARN_MS = 14 * DAY_MS; // as GET /status warns
const HOUR_MS = DAY_MS / 24;
const KINDS = { works: "good", refused: "bad", forbidden: "warn", limited: "warn", unreachable: "bad", unknown: "warn" };

/** How long a former value may be kept, as choices of a form; "" is not at all. */
export const GRACES = [
  ["", "is gone at once"],
  [String(HOUR_MS), "stands in for an hour if the new one is refused"],
  [String(DAY_MS), "stands in for a day if the new one is refused"],
  [String(7 * DAY_MS), "stands in for a week if the new one is refused"],
];

/** Badges for what somebody should know of a value. */
export function Life({ row }) {
  const left = row.expires_at === null ? Infinity : row.expires_at - Date.now();
  const badges = [
    left <= 0 && html`<${Badge} key="e" kind="bad">expired<//>`,
    left > 0 && left <= WARN_MS && html`<${Badge} key="e" kind="warn">expires ${formatAgo(row.expires_at)}<//>`,
    row.previous_value && html`<${Badge} key="p">former value kept<//>`,
  ].filter(Boolean);
  return badges.length ? html`<span class="badges">${badges}</span>` : html`<span class="muted">–</span>`;
}

/** When something was last used, to the minute. */
export function LastUsed({ at }) {
  return at === null ? html`<span class="muted">never</span>` : html`<${Ago} at=${at} />`;
}

/** The former value and a way to end its grace. */
export function Former({ entity, etag, reload }) {
  const [error, setError] = useState(null);
  if (!entity.previous_value) return null;
  const end = async () => {
    try {
      await call("DELETE", `/secrets/${entity.secret_id}/previous`, { ifMatch: etag });
      notify("The former value is gone.");
      reload();
    } catch (problem) {
      setError(problem);
    }
  };
  const masks = Object.values(entity.previous_value.masked_values).join(", ");
  return html`<div class="in-use">
    <p>The former value <code>${masks}</code> stands in where the provider refuses the new one;
      it ends <${Ago} at=${entity.previous_value.grace_until} />.</p>
    <${EditOnly}><p><button type="button" class="button button-small" onClick=${end}>End it now</button></p><//>
    <${Problem} error=${error} />
  </div>`;
}

/** A button that asks the provider about a value; `path` and `body` say about which. */
export function TestButton({ path, body, disabled, onTold }) {
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    onTold(null);
    try {
      onTold({ trial: (await call("POST", path, { body })).data });
    } catch (error) {
      onTold({ error });
    } finally {
      setBusy(false);
    }
  };
  return html`<button type="button" class="button" disabled=${busy || disabled} aria-busy=${busy} onClick=${ask}>Test</button>`;
}

/** What came of it, scrolled to: the button stands below everything. */
export function Told({ told }) {
  const element = useRef(null);
  useEffect(() => element.current?.scrollIntoView({ block: "nearest" }), [told]);
  return html`<div ref=${element} role="status">${told?.error && html`<${Problem} error=${told.error} />`}
    ${told?.trial && html`<${Badge} kind=${KINDS[told.trial.outcome]}>${told.trial.outcome}<//> ${told.trial.detail}${" "}
      <span class="muted">(${formatDuration(told.trial.latency_ms)})</span>`}</div>`;
}
