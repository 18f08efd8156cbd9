// Signing in with an admin token, or with an identity provider.
import { expectSession, OIDC_ADDRESS, openSession, readLoginMethods } from "../api.js";
import { useFocusOnError, useForm, useLoad } from "../load.js";
import { html, useEffect, useRef, useState } from "../view.js";
import { TextField } from "./field.js";
import { Problem } from "./feedback.js";
import { Mark } from "./icon.js";

const REFUSALS = {
  forbidden: "The identity provider knows you, but nothing gives you a role here.",
  identity_provider_failed: "The identity provider cannot be reached or answered what cannot be. The gateway's log has more.",
};

/** Why a sign-in with the identity provider came to nothing, as the address says. */
function readRefusal() {
  const code = new URLSearchParams(location.search).get("login");
  if (!code) return null;
  return REFUSALS[code] ?? "The sign-in came to nothing. Begin again.";
}

/** The sign-in form; `ended` says that a session was there before. */
export function SignIn({ ended, onSession }) {
  const [token, setToken] = useState("");
  const form = useForm(["token"]);
  const element = useRef(null);
  useFocusOnError(element, form.error);
  const methods = useLoad(readLoginMethods, []);
  const [refusal] = useState(readRefusal);
  useEffect(() => {
    if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  }, []);
  useEffect(() => {
    document.title = "Sign in · Lockgate";
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    const session = await form.submit(null, () => openSession(token.trim()));
    if (session) onSession(session);
  };
  const refused = form.error?.status === 401;
  const wrong = refused ? "This is not an admin token of this gateway." : form.errorOf("token");
  return html`<main class="sign-in">
    <form ref=${element} class="sign-in-card" onSubmit=${submit}>
      <div class="sign-in-brand"><${Mark} size=${36} /><h1>Lockgate</h1></div>
      ${ended && !form.error && html`<p class="sign-in-note" role="status">The session has ended. Sign in again to go on.</p>`}
      <${TextField} label="Admin token" type="password" name="token" autocomplete="current-password" required autofocus
        value=${token} onChange=${setToken} error=${wrong}
        hint="Printed once by the first lockgate serve, and by lockgate demo." />
      ${!refused && html`<${Problem} error=${form.general} />`}
      <button class="button button-primary button-wide" disabled=${form.busy || !token.trim()} aria-busy=${form.busy}>Sign in</button>
      ${refusal && !form.error && html`<p class="sign-in-note" role="alert">${refusal}</p>`}
      ${methods.data?.oidc && html`<a class="button button-wide" href=${OIDC_ADDRESS} onClick=${expectSession}>Sign in with your organisation</a>`}
    </form>
  </main>`;
}
