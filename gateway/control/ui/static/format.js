// Numbers, shares and times as text.
// Rule: pure; the same value reads the same wherever it stands.

const COUNT = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** 12,345, or an en dash where nothing is known. */
export function formatCount(value) {
  return value === null || value === undefined ? "–" : COUNT.format(value);
}

/** 12.3K. */
export function formatCompact(value) {
  return value === null || value === undefined ? "–" : COMPACT.format(value);
}

/** A share of 0..1 as a percentage: 80 %, 33.3 %, < 0.1 %. */
export function formatShare(share) {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  if (percent > 99.9 && percent < 100) return "> 99.9 %";
  return `${Number(percent.toFixed(1))} %`;
}

/** Milliseconds as 12 ms, 1.24 s. */
export function formatDuration(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < SECOND_MS ? `${Math.round(ms)} ms` : `${(ms / SECOND_MS).toFixed(2)} s`;
}

/** Seconds of uptime as 3 d 4 h. */
export function formatUptime(seconds) {
  const units = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  const parts = [];
  let rest = Math.floor(seconds);
  for (const [unit, size] of units) {
    if (rest >= size || (unit === "s" && !parts.length)) parts.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(" ");
}

function pad(value) {
  return String(value).padStart(2, "0");
}

/** 2026-05-02 14:03, in the admin's own zone. */
export function formatTime(ms, { seconds = false } = {}) {
  if (ms === null || ms === undefined) return "–";
  const at = new Date(ms);
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  return `${date} ${time}${seconds ? `:${pad(at.getSeconds())}` : ""}`;
}

/** 2026-05-02, the day in UTC: so does the ledger cut its days. */
export function formatDay(ms) {
  return new Date(ms).toISOString().slice(0, 10);
}

/** just now, 5 min ago, in 3 d. */
export function formatAgo(ms, nowMs = Date.now()) {
  const distance = Math.abs(nowMs - ms);
  if (distance < 45 * SECOND_MS) return ms > nowMs ? "in a moment" : "just now";
  const [unit, size] = [["d", DAY_MS], ["h", HOUR_MS], ["min", MINUTE_MS]].find(([, least]) => distance >= least)
    || ["min", MINUTE_MS];
  const text = `${Math.max(1, Math.floor(distance / size))} ${unit}`;
  return ms > nowMs ? `in ${text}` : `${text} ago`;
}

/** A time as a datetime-local field holds it. */
export function dumpLocalTime(ms) {
  return ms === null || ms === undefined ? "" : formatTime(ms).replace(" ", "T");
}

/** A datetime-local field's value as milliseconds, or null. */
export function parseLocalTime(text) {
  const ms = text ? new Date(text).getTime() : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** One thing, two things: `formatPlural(2, "endpoint")`. */
export function formatPlural(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
