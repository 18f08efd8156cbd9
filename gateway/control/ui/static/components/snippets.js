// How to call an endpoint: one tab per SDK whose format its models speak.
import { buildSnippets } from "../snippet_text.js";
import { html, useId, useRef, useState } from "../view.js";
import { Code } from "./copy.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** Tabs with a curl and the SDK's two lines. */
export function Snippets({ base, name, dialects }) {
  const snippets = buildSnippets(base, name, dialects);
  const [picked, setPicked] = useState(0);
  const list = useRef(null);
  const id = useId();
  const current = snippets[Math.min(picked, snippets.length - 1)];
  if (!current) return html`<p class="muted">No model of this endpoint speaks a format that an SDK here sends.</p>`;
  const step = (event) => {
    const by = STEPS[event.key];
    if (!by) return;
    const next = (picked + by + snippets.length) % snippets.length;
    setPicked(next);
    list.current.children[next].focus();
  };
  return html`<div class="snippets">
    <div class="tabs" role="tablist" aria-label="SDK" ref=${list} onKeyDown=${step}>
      ${snippets.map((snippet, index) => html`<button key=${snippet.key} type="button" role="tab" id="${id}-${snippet.key}"
        aria-selected=${snippet === current} aria-controls="${id}-panel" tabindex=${snippet === current ? 0 : -1}
        onClick=${() => setPicked(index)}>${snippet.title}</button>`)}
    </div>
    <div role="tabpanel" id="${id}-panel" aria-labelledby="${id}-${current.key}">
      <${Code} text=${current.curl} label="curl for ${current.title}" title="curl" />
      <${Code} text=${current.sdk} label="Python for ${current.title}" title="Python" />
    </div>
  </div>`;
}
