// The only place that talks to the gateway: its public REST API, with the session cookie.
// Rule: no other module calls fetch; the token is never kept, the CSRF token only in memory.

const BASE = "/api/v1";
const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const LIST_LIMIT = 500; // the API's largest page
const LIST_CAP = 20_000; // more rows than a select box can be used with
const HINT = "lockgate.session"; // says that a cookie may be there, nothing of what is in it

let csrfToken = null;
let onSessionLost = () => {};

/** What the API refused, or that it could not be reached (status 0). */
export class ApiError extends Error {
  constructor(status, problem, retryAfterS = null) {
    super(toSentence(problem.detail || problem.title || `the gateway answered ${status}`));
    this.status = status;
    this.code = problem.code || "unknown";
    this.field = problem.field || null;
    this.requestId = problem.request_id || null;
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }
}

/** The API's details begin with a small letter, as they follow a field's name. */
function toSentence(detail) {
  return detail[0].toUpperCase() + detail.slice(1);
}

/** The address of an answer that the browser saves by itself. */
export function addressOf(path) {
  return BASE + path;
}

/** Call `listener` when the gateway no longer knows the session. */
export function watchSession(listener) {
  onSessionLost = listener;
}

function buildUrl(path, query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query || {})) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return BASE + path + (text ? `?${text}` : "");
}

function buildHeaders(method, { body, ifMatch, idempotencyKey }) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (ifMatch) headers["If-Match"] = ifMatch;
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  if (UNSAFE.has(method) && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  return headers;
}

async function parseBody(response) {
  const text = await response.text();
  if (!text) return {};
  try {
    return JSON.parse(text);
  } catch {
    return { detail: `the gateway answered ${response.status} with something that is not JSON` };
  }
}

/**
 * Make one call and return {status, data, etag}.
 * Throws ApiError for every answer of 400 and above and when nothing answers.
 */
export async function call(method, path, options = {}) {
  let response;
  try {
    response = await fetch(buildUrl(path, options.query), {
      method,
      headers: buildHeaders(method, options),
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      credentials: "same-origin",
      cache: "no-store",
      signal: options.signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "unreachable", detail: "The gateway does not answer." });
  }
  const data = await parseBody(response);
  if (response.ok) return { status: response.status, data, etag: response.headers.get("ETag") };
  if (response.status === 401 && path !== "/session") onSessionLost();
  throw new ApiError(response.status, data, Number(response.headers.get("Retry-After")) || null);
}

/** GET and return the body alone. */
export async function read(path, query, signal) {
  return (await call("GET", path, { query, signal })).data;
}

/** GET every page of a list. */
export async function readAll(path, query, signal) {
  const items = [];
  let cursor = null;
  do {
    const page = await read(path, { ...query, limit: LIST_LIMIT, cursor }, signal);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < LIST_CAP);
  return items;
}

/** GET the table of providers, which is no paged list. */
export async function readProviders(signal) {
  return (await read("/providers", {}, signal)).items;
}

/** Return a key for one creation, so that sending it twice makes one thing. */
export function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sign in; the answer's cookie holds the session. Returns the session. */
export async function openSession(token) {
  return keepSession((await call("POST", "/session", { body: { token } })).data);
}

/** Return the ways to sign in: {token, oidc}. */
export async function readLoginMethods() {
  return read("/session/methods");
}

/** Where the identity provider is asked to sign somebody in. */
export const OIDC_ADDRESS = `${BASE}/session/oidc`;

/** Expect a cookie when the browser comes back from there. */
export function expectSession() {
  localStorage.setItem(HINT, "open");
}

/** Return the session that the cookie still holds, or null. */
export async function findSession() {
  if (new URLSearchParams(location.search).has("login")) localStorage.removeItem(HINT); // it came to nothing
  if (!localStorage.getItem(HINT)) return null; // saves a first visit the refusal
  try {
    return keepSession(await read("/session"));
  } catch (error) {
    if (error.status !== 401) throw error;
    localStorage.removeItem(HINT);
    return null;
  }
}

/** Sign out. */
export async function closeSession() {
  await call("DELETE", "/session");
  localStorage.removeItem(HINT);
  csrfToken = null;
}

function keepSession(session) {
  csrfToken = session.csrf_token;
  localStorage.setItem(HINT, "open");
  return session;
}
