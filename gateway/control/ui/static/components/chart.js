// Numbers over time, drawn by uPlot in the page's own colours.
// Rule: the canvas is decoration for those who see it; the same numbers stand in the label.
import uPlot from "../vendor/uplot.js";
import { formatCompact, formatCount, formatTime } from "../format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../view.js";

const HEIGHT_PX = 220;
const FONT = "11px system-ui, sans-serif";

function readColour(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

function buildSeries(element, series) {
  return series.map(({ label, colour, bars }) => {
    const stroke = readColour(element, colour);
    const paths = bars ? uPlot.paths.bars({ size: [0.7, 28], radius: 0.15 }) : uPlot.paths.linear();
    return { label, stroke, fill: bars ? stroke : undefined, width: bars ? 0 : 1.75, paths, points: { show: false } };
  });
}

function buildAxes(element) {
  const shared = {
    stroke: readColour(element, "--text-soft"), font: FONT,
    grid: { stroke: readColour(element, "--line"), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...shared, grid: { show: false }, space: 70 },
    { ...shared, size: 48, values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? formatCompact(value) : "")) },
  ];
}

function buildPlot(element, { times, series }, onPoint) {
  const half = times.length > 1 ? (times[1] - times[0]) / 2000 : 1800;
  const options = {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    scales: {
      x: { range: (_, low, high) => [low - half, high + half] },
      y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] },
    },
    axes: buildAxes(element),
    series: [{}, ...buildSeries(element, series)],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
  const data = [times.map((ms) => ms / 1000), ...series.map(({ values }) => values)];
  return new uPlot(options, data, element);
}

/** Redraw when the system goes from light to dark. */
function useScheme() {
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setDark(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return dark;
}

/** A chart: `times` in milliseconds, `series` of {label, values, colour, bars}. */
export function Chart({ title, times, series }) {
  const frame = useRef(null);
  const [point, setPoint] = useState(null);
  const dark = useScheme();
  const key = JSON.stringify([times, series]);
  useLayoutEffect(() => {
    const plot = buildPlot(frame.current, { times, series }, setPoint);
    const watch = new ResizeObserver(() => plot.setSize({ width: frame.current.clientWidth, height: HEIGHT_PX }));
    watch.observe(frame.current);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [key, dark]);
  const at = point !== null && point < times.length ? point : null;
  const spoken = series.map(({ label, values }) => `${label}: ${formatCount(sum(values))} in all`).join("; ");
  return html`<figure class="chart">
    <figcaption class="chart-legend">
      ${series.map(({ label, values, colour }) => html`<span key=${label} class="chart-key">
        <span class="swatch" style=${{ background: `var(${colour})` }} />${label}
        <strong class="number">${formatCount(at === null ? sum(values) : values[at])}</strong></span>`)}
      <span class="muted chart-when">${at === null ? "in all" : formatTime(times[at])}</span>
    </figcaption>
    <div ref=${frame} class="chart-frame" role="img" aria-label="${title}. ${spoken}." />
  </figure>`;
}

function sum(values) {
  return values.reduce((total, value) => total + (value || 0), 0);
}
