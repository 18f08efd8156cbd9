// The way through the page: a column on wide screens, a drawer on narrow ones.
import { maySee } from "../access.js";
import { href } from "../route.js";
import { html, useEffect, useState } from "../view.js";
import { Icon, Mark } from "./icon.js";

export const VIEWS = [
  ["overview", "Overview"],
  ["endpoints", "Endpoints"],
  ["models", "Models"],
  ["secrets", "Secrets"],
  ["keys", "API keys"],
  ["bindings", "Bindings"],
  ["usage", "Usage"],
  ["history", "History"],
  ["audit", "Audit"],
  ["tokens", "Admin tokens"],
];

function describeAccess({ role, scopes }) {
  return scopes.includes("*") ? role : `${role} of ${scopes.join(", ")}`;
}

/** The navigation with the current view marked and the way out at its end. */
export function Navigation({ current, session, onSignOut }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  return html`<header class="side ${open ? "side-open" : ""}">
    <div class="side-top">
      <a class="brand" href=${href("overview")}><${Mark} size=${26} /><span>Lockgate</span></a>
      <button type="button" class="icon-button side-toggle" aria-expanded=${open} aria-controls="side-links"
        aria-label=${open ? "Close the menu" : "Open the menu"} onClick=${() => setOpen(!open)}>
        <${Icon} name=${open ? "close" : "menu"} size=${22} /></button>
    </div>
    <div class="side-links" id="side-links">
      <nav aria-label="Main">
        <ul>${VIEWS.filter(([view]) => maySee(view)).map(([view, title]) => html`<li key=${view}>
          <a href=${href(view)} aria-current=${view === current ? "page" : undefined} onClick=${() => setOpen(false)}>
            <${Icon} name=${view} />${title}</a></li>`)}
        </ul>
      </nav>
      <div class="side-foot">
        <span class="muted ellipsis" title=${session.actor}>${session.actor}</span>
        <span class="muted ellipsis" title=${session.scopes.join(", ")}>${describeAccess(session)}</span>
        <button type="button" class="button button-small" onClick=${onSignOut}><${Icon} name="out" size=${16} />Sign out</button>
      </div>
    </div>
  </header>`;
}
