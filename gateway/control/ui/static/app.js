// The page's frame: the session, the navigation and the current view.
import { findSource, isConfined, maySee, setAccess } from "./access.js";
import { closeSession, findSession, read, watchSession } from "./api.js";
import { LoadProblem, NoticeHost } from "./components/feedback.js";
import { Navigation, VIEWS } from "./components/navigation.js";
import { SignIn } from "./components/session.js";
import { ApiKeys } from "./pages/api_keys.js";
import { Audit } from "./pages/audit.js";
import { Bindings } from "./pages/bindings.js";
import { EndpointPage } from "./pages/endpoint.js";
import { EndpointEditor } from "./pages/endpoint_editor.js";
import { Endpoints } from "./pages/endpoints.js";
import { History } from "./pages/history.js";
import { Models } from "./pages/models.js";
import { Overview } from "./pages/overview.js";
import { Secrets } from "./pages/secrets.js";
import { AdminTokens } from "./pages/tokens.js";
import { Usage } from "./pages/usage.js";
import { useRoute } from "./route.js";
import { html, render, useCallback, useEffect, useState } from "./view.js";

const PAGES = {
  overview: Overview,
  endpoints: Endpoints,
  models: Models,
  secrets: Secrets,
  keys: ApiKeys,
  bindings: Bindings,
  usage: Usage,
  history: History,
  audit: Audit,
  tokens: AdminTokens,
};

function pickPage(view, id, action) {
  if (view === "endpoints" && (id === "new" || action === "edit")) return EndpointEditor;
  if (view === "endpoints" && id) return EndpointPage;
  return PAGES[view];
}

/** The view that the address names; a new thing is a new view, with nothing left of the old. */
function Content({ route }) {
  const [view, id, action] = route.parts;
  const Page = pickPage(view, id, action);
  const key = Page === PAGES[view] ? view : `${view}/${id}/${action}`;
  const file = findSource(view);
  return html`<main class="content" id="content">
    ${file && html`<p class="source">What is shown here comes from the file <code>${file.path}</code>: change it there.</p>`}
    <${Page} key=${key} id=${id} query=${route.query} /></main>`;
}

function readRoute(route) {
  const open = VIEWS.map(([view]) => view).filter(maySee);
  return open.includes(route.parts[0]) ? route : { ...route, parts: [open[0] ?? "overview"] };
}

/** Everything. */
function App() {
  const [session, setSession] = useState(undefined); // undefined: not known yet
  const [ended, setEnded] = useState(false);
  const [error, setError] = useState(null);
  const [file, setFile] = useState(null); // that the configuration comes from
  const address = useRoute();
  setAccess(session ?? null, file);
  const route = readRoute(address);

  const resume = useCallback(() => {
    setError(null);
    findSession().then(setSession, setError);
  }, []);
  useEffect(() => {
    watchSession(() => {
      setEnded(true);
      setSession(null);
    });
    resume();
  }, []);
  useEffect(() => {
    if (session && !isConfined()) read("/status").then((status) => setFile(status.configuration_file), () => {});
  }, [session]);
  const signIn = (opened) => {
    setEnded(false);
    setSession(opened);
  };
  const signOut = async () => {
    try {
      await closeSession();
    } catch (problem) {
      if (problem.status !== 401) return setError(problem);
    }
    setEnded(false);
    return setSession(null);
  };

  if (error) return html`<main class="sign-in"><${LoadProblem} error=${error} reload=${resume} /></main>`;
  if (session === undefined) return null;
  if (session === null) return html`<${SignIn} ended=${ended} onSession=${signIn} />`;
  return html`<div class="frame">
    <a class="skip" href="#content" onClick=${skip}>Skip to content</a>
    <${Navigation} current=${route.parts[0]} session=${session} onSignOut=${signOut} />
    <${Content} route=${route} />
    <${NoticeHost} />
  </div>`;
}

/** The address's '#' names the view, so the jump is made by hand. */
function skip(event) {
  event.preventDefault();
  document.querySelector("#content h1")?.focus();
}

render(html`<${App} />`, document.getElementById("app"));
