// Text to take away: a button that copies, and code with such a button.
import { html, useEffect, useState } from "../view.js";
import { Icon } from "./icon.js";

const SAID_MS = 2000;

/** Copy `text`; returns whether it worked. Plain http has no clipboard API, so the old way stays. */
async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // not permitted: fall through to the selection
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (document.querySelector("dialog[open]") || document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** A button that copies `text` and says so. */
export function CopyButton({ text, label = "Copy", iconOnly = false }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => setSaid((await copyText(text)) ? "Copied" : "Select and copy by hand");
  return html`<button type="button" class=${iconOnly ? "icon-button" : "button button-small"}
    aria-label=${iconOnly ? label : undefined} title=${iconOnly ? label : undefined} onClick=${copy}>
    <${Icon} name=${said === "Copied" ? "check" : "copy"} size=${16} />
    ${!iconOnly && html`<span>${said || label}</span>`}
    <span class="visually-hidden" role="status">${said}</span>
  </button>`;
}

/** Code in a frame with a copy button; `label` says what it is, `title` stands above it. */
export function Code({ text, label, title }) {
  return html`<div class="code">
    <div class="code-head"><span>${title ?? label}</span><${CopyButton} text=${text} /></div>
    <pre tabindex="0" role="region" aria-label=${label}><code>${text}</code></pre>
  </div>`;
}
