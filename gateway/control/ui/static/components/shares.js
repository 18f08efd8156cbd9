// How an endpoint's traffic is split, drawn as a bar.
// Rule: weights are relative; what is shown is always the computed share.
import { formatShare } from "../format.js";
import { html } from "../view.js";

const SERIES = 8; // colours that can be told apart

/** Shares 0..1 of weights as the gateway computes them; unusable weights count as 0. */
export function computeShares(weights) {
  const usable = weights.map((weight) => (Number.isFinite(weight) && weight > 0 ? weight : 0));
  const largest = Math.max(...usable, 0);
  if (!largest) return usable.map(() => 0);
  const scaled = usable.map((weight) => weight / largest); // so that no sum overflows
  const sum = scaled.reduce((total, weight) => total + weight, 0);
  return scaled.map((weight) => weight / sum);
}

/** Class that gives the n-th part its colour. */
export function seriesClass(index) {
  return `series-${index % SERIES}`;
}

/** The bar; `parts` are {name, share}. */
export function ShareBar({ parts, thin = false }) {
  const text = parts.map((part) => `${part.name} ${formatShare(part.share)}`).join(", ");
  return html`<div class="share-bar ${thin ? "share-bar-thin" : ""}" role="img" aria-label="Traffic: ${text || "none"}">
    ${parts.map((part, index) => part.share > 0 && html`<span key=${index} class=${seriesClass(index)}
      style=${{ width: `${part.share * 100}%` }} title="${part.name} ${formatShare(part.share)}" />`)}
  </div>`;
}

/** The parts of an endpoint: its PRIMARYs with the shares the gateway gave. */
export function listParts(endpoint) {
  return endpoint.model_mappings
    .filter((mapping) => mapping.linkage_type === "PRIMARY")
    .map((mapping) => ({ name: mapping.model_definition.name, share: mapping.share ?? 0 }));
}

/** Bar and names, as a list row shows them. */
export function ShareSummary({ endpoint }) {
  const parts = listParts(endpoint);
  return html`<div class="share-summary">
    <${ShareBar} parts=${parts} thin />
    <ul class="share-legend">${parts.slice(0, 4).map((part, index) => html`<li key=${index}>
      <span class="swatch ${seriesClass(index)}" /><span class="ellipsis">${part.name}</span>
      <span class="number">${part.share ? formatShare(part.share) : "drained"}</span></li>`)}
      ${parts.length > 4 && html`<li class="muted">+${parts.length - 4}</li>`}
    </ul>
  </div>`;
}
