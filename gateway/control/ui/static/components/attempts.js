// The order in which a request of this endpoint tries its models, and what happens on failure.
import { read } from "../api.js";
import { useLoad } from "../load.js";
import { html } from "../view.js";
import { LoadProblem, Skeleton } from "./feedback.js";
import { Section } from "./page.js";

/** The section; a new `version` of the endpoint loads it again. */
export function Attempts({ path, version }) {
  const { data, error, reload } = useLoad((signal) => read(path, {}, signal), [path, version]);
  return html`<${Section} title="Order of attempts" lead="What one request goes through until a model answers.">
    ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
    ${!data && !error && html`<${Skeleton} lines=${4} />`}
    ${data && html`<pre>${JSON.stringify(data, null, 1)}</pre>`}
  <//>`;
}
