// Where the admin is: the part of the address after '#', so that every view can be linked to.
// Rule: a view's address is built by `href` and read by `useRoute`, nowhere else.
import { useEffect, useState } from "./view.js";

/** Build the address of a view, as `href("endpoints", id)` or `href("usage", {range: "7d"})`. */
export function href(...parts) {
  const query = typeof parts.at(-1) === "object" ? parts.pop() : {};
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const text = new URLSearchParams(kept).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Read an address into {parts, query}. */
export function parseHash(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?", 2);
  return {
    parts: path.split("/").filter(Boolean).map(decode),
    query: new URLSearchParams(query || ""),
  };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a hand-written address with a stray percent sign
  }
}

/** Go to a view; `replace` leaves no step in the history. */
export function go(address, { replace = false } = {}) {
  if (!replace) {
    location.hash = address;
    return;
  }
  history.replaceState(null, "", address);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The current view, kept up to date. */
export function useRoute() {
  const [route, setRoute] = useState(() => parseHash(location.hash));
  useEffect(() => {
    const follow = () => setRoute(parseHash(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}
