// Attempts and tokens of a selection over time.
import { read } from "../api.js";
import { useLoad, useRefresh } from "../load.js";
import { buildTimeline, RANGES } from "../usage_data.js";
import { html, useState } from "../view.js";
import { Chart } from "./chart.js";
import { LoadProblem } from "./feedback.js";

const REFRESH_MS = 15_000;
const MEASURES = {
  attempts: [
    { label: "Attempts", column: "attempts", colour: "--chart-main", bars: true },
    { label: "Errors", column: "errors", colour: "--chart-bad", bars: true },
  ],
  tokens: [
    { label: "Tokens in", column: "input_tokens", colour: "--chart-main" },
    { label: "Tokens out", column: "output_tokens", colour: "--chart-second" },
  ],
};

/** The chart with its switch; `filters` hold `since` and whatever else `/usage` takes. */
export function UsageChart({ range, filters }) {
  const [measure, setMeasure] = useState("attempts");
  const query = { ...filters, group_by: RANGES[range].group, limit: 500 };
  const { data, error, reload } = useLoad((signal) => read("/usage", query, signal), [JSON.stringify(query)]);
  useRefresh(reload, REFRESH_MS);
  const timeline = buildTimeline(data?.items ?? [], range);
  const series = MEASURES[measure].map(({ column, ...rest }) => ({ ...rest, values: timeline.column(column) }));
  return html`<div class="panel usage-chart">
    <div class="segmented" role="group" aria-label="Measure">
      ${Object.keys(MEASURES).map((name) => html`<button key=${name} type="button" aria-pressed=${name === measure} onClick=${() => setMeasure(name)}>
        ${name === "attempts" ? "Attempts" : "Tokens"}</button>`)}
    </div>
    ${error && html`<${LoadProblem} error=${error} reload=${reload} />`}
    <${Chart} title="${measure === "attempts" ? "Attempts" : "Tokens"}, last ${RANGES[range].title}" times=${timeline.times} series=${series} />
  </div>`;
}
