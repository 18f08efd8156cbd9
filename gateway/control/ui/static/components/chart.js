// Numbers over time, drawn by uPlot in the page's own colours.
// Rule: the canvas is decoration for those who see it; the same numbers stand in the label.
import uPlot from "../vendor/uplot.js";
import { DAY_MS, formatCompact, formatCount, formatDay, formatTime } from "../format.js";
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

/** Hours in the admin's zone, with the date where it changes; days as the ledger cuts them, in UTC. */
function labelTimes(splits, byDay) {
  let last = null;
  return splits.map((seconds) => {
    const [date, time] = formatTime(seconds * 1000).split(" ");
    if (byDay) return formatDay(seconds * 1000).slice(5);
    const text = date === last ? time : `${time}\n${date.slice(5)}`;
    last = date;
    return text;
  });
}

function buildAxes(element, byDay) {
  const shared = {
    stroke: readColour(element, "--text-soft"), font: FONT,
    grid: { stroke: readColour(element, "--line"), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...shared, grid: { show: false }, space: 60, size: 40, values: (_, splits) => labelTimes(splits, byDay) },
    { ...shared, size: 48, values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? formatCompact(value) : "")) },
  ];
}

function buildPlot(element, { times, series }, onPoint) {
  const stepMs = times.length > 1 ? times[1] - times[0] : DAY_MS;
  const half = stepMs / 2000;
  const byDay = stepMs === DAY_MS;
  const options = {
    tzDate: byDay ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : undefined,
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    scales: {
      x: { range: (_, low, high) => [low - half, high + half] },
      y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] },
    },
    axes: buildAxes(element, byDay),
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
  const nameOf = times[1] - times[0] === DAY_MS ? formatDay : formatTime;
  const spoken = series.map(({ label, values }) => `${label}: ${formatCount(sum(values))} in all`).join("; ");
  return html`<figure class="chart">
    <figcaption class="chart-legend">
      ${series.map(({ label, values, colour }) => html`<span key=${label} class="chart-key">
        <span class="swatch" style=${{ background: `var(${colour})` }} />${label}
        <strong class="number">${formatCount(at === null ? sum(values) : values[at])}</strong></span>`)}
      <span class="muted chart-when">${at === null ? "in all" : nameOf(times[at])}</span>
    </figcaption>
    <div ref=${frame} class="chart-frame" role="img" aria-label="${title}. ${spoken}." />
  </figure>`;
}

function sum(values) {
  return values.reduce((total, value) => total + (value || 0), 0);
}
