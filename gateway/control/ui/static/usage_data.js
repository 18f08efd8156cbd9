// The ledger's sums, made into what charts and figures show.
// Rule: pure; an hour or day without a row is a zero, never a gap that a line skips over.
import { DAY_MS } from "./format.js";

export const HOUR_MS = 3_600_000;

/** Ranges to choose from: how far back, in which steps. */
export const RANGES = {
  "24h": { title: "24 hours", spanMs: DAY_MS, group: "hour", stepMs: HOUR_MS },
  "7d": { title: "7 days", spanMs: 7 * DAY_MS, group: "hour", stepMs: HOUR_MS },
  "30d": { title: "30 days", spanMs: 30 * DAY_MS, group: "day", stepMs: DAY_MS },
};

/** Start of a range that ends now, on a whole step, so that no first step is cut in half. */
export function sinceOf(range, nowMs = Date.now()) {
  const { spanMs, stepMs } = RANGES[range];
  return Math.floor((nowMs - spanMs) / stepMs) * stepMs + stepMs;
}

/** Lay the rows of a sum by hour or day on every step of the range: {times, column(name)}. */
export function buildTimeline(rows, range, nowMs = Date.now()) {
  const { stepMs } = RANGES[range];
  const byStart = new Map(rows.map((row) => [Number(row.key), row]));
  const times = [];
  for (let at = sinceOf(range, nowMs); at <= nowMs; at += stepMs) times.push(at);
  return { times, column: (name) => times.map((at) => byStart.get(at)?.[name] ?? 0) };
}

/** Sum one column of rows. */
export function total(rows, name) {
  return rows.reduce((sum, row) => sum + (row[name] || 0), 0);
}
