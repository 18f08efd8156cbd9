// Line icons, drawn in the colour of the text around them and hidden from screen readers.
import { html } from "../view.js";

const PATHS = {
  overview: "M3 13h4l2-7 3 11 2.5-7 1.5 3H21",
  endpoints: "M4 12h5m0 0 8-6m-8 6 8 6M17 6h3m-3 12h3",
  models: "M12 3 20 7.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  secrets: "M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3M12 15v2",
  keys: "M14.5 9.5a4.5 4.5 0 1 0-4.2 4.5L12 12.5h2v2h2v2h3v-2.6l-4.7-4.6",
  bindings: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7L12 17",
  usage: "M5 20V11M12 20V4M19 20v-6",
  history: "M4 5v5h5M4.5 10a8 8 0 1 1-.4 4M12 8v4l3 2",
  tokens: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
  audit: "M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h10v11H9zM6 15H5V4h10v2",
  check: "M5 12.5 10 17.5 19 7",
  warning: "M12 4 21 20H3zM12 10v4M12 17v.01",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  menu: "M4 7h16M4 12h16M4 17h16",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4 4",
  edit: "M4 20h4L19 9l-4-4L4 16z",
};

/** One icon by name. */
export function Icon({ name, size = 18 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none"
    stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"
    aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

/** The product's mark: a gate. */
export function Mark({ size = 28 }) {
  return html`<svg class="mark" width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="7" />
    <path d="M9 24V13a7 7 0 0 1 14 0v11M9 18h14M16 18v6" fill="none" stroke-width="2.6"
      stroke-linecap="round" stroke-linejoin="round" />
  </svg>`;
}
