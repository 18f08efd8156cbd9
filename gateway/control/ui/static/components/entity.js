// One thing loaded into a dialog for editing, with the version that it was read at.
import { call } from "../api.js";
import { useLoad } from "../load.js";
import { html } from "../view.js";
import { Dialog } from "./dialog.js";
import { LoadProblem, Skeleton } from "./feedback.js";

/** Load `path` with its ETag: {entity, etag, error, reload}. */
export function useEntity(path) {
  const { data, error, loading, reload } = useLoad((signal) => call("GET", path, { signal }), [path]);
  return { entity: data?.data ?? null, etag: data?.etag ?? null, error, loading, reload };
}

/**
 * A dialog over one thing; `children({entity, etag, reload})` draws the form. A newer version
 * is another form, so that nothing typed over the older one is left.
 */
export function EntityDialog({ title, path, onClose, wide, children }) {
  const { entity, etag, error, reload } = useEntity(path);
  return html`<${Dialog} title=${title} onClose=${onClose} wide=${wide}>
    ${error && html`<div class="dialog-body"><${LoadProblem} error=${error} reload=${reload} /></div>`}
    ${!entity && !error && html`<div class="dialog-body"><${Skeleton} lines=${6} /></div>`}
    ${entity && !error && html`<div key=${etag}>${children({ entity, etag, reload })}</div>`}
  <//>`;
}
