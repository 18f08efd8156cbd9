// What the session may do, so that the page offers nothing that the gateway would refuse.
// Rule: a convenience; the gateway checks each call by itself (docs/roles.md).
import { parseHash } from "./route.js";
import { html } from "./view.js";

const RIGHTS = { viewer: [], auditor: ["audit"], editor: ["edit"], admin: ["audit", "edit", "admin"] };
const SHARED = new Set(["models", "secrets"]); // no endpoint's own: with scopes they are only read
const OF_ALL = new Set(["overview", "history", "tokens"]); // views that reach beyond single endpoints
const VIEW_RIGHTS = { history: "audit", audit: "audit", tokens: "admin" };
// Views, and the sections of a configuration file that they show.
const SECTIONS = {
  endpoints: "endpoints",
  models: "model_definitions",
  secrets: "secrets",
  keys: "api_keys",
  bindings: "bindings",
};

let current = null;
let source = null;

/** Take up what a session may do, null when there is none, and the file that rules here, if one does. */
export function setAccess(session, file) {
  current = session;
  source = file;
}

/** The configuration file that a view's things come from; null if they are changed here. */
export function findSource(view) {
  return source?.sections.includes(SECTIONS[view]) ? source : null;
}

/** Whether the session is confined to some endpoints. */
export function isConfined() {
  return !current?.scopes.includes("*");
}

/** The names of endpoints, as patterns, that the session reaches; all are `*`. */
export function listScopes() {
  return isConfined() ? current?.scopes ?? [] : ["*"];
}

/** Whether the session has a right; all have none in particular. */
export function may(right) {
  return !right || Boolean(RIGHTS[current?.role]?.includes(right));
}

/** Whether a view is open to the session. */
export function maySee(view) {
  return may(VIEW_RIGHTS[view]) && !(OF_ALL.has(view) && isConfined());
}

/** Why nothing can be changed in the current view; null if it can. */
export function explainReadOnly() {
  const view = parseHash(location.hash).parts[0];
  if (!may("edit")) return `Your role, ${current?.role}, reads only.`;
  if (findSource(view)) return "This comes from the configuration file.";
  if (SHARED.has(view) && isConfined()) return "Your token is confined to some endpoints: this is shared by all.";
  return null;
}

/** Its children, where something can be changed; else nothing. */
export function EditOnly({ children }) {
  return explainReadOnly() ? null : html`${children}`;
}
