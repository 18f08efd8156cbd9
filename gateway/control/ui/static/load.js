// How views get data: one load, a paged list, and sending a form.
// Rule: what was shown stays until the next answer is there, so nothing jumps.
import { ApiError, newIdempotencyKey, read } from "./api.js";
import { useCallback, useEffect, useRef, useState } from "./view.js";

const PAGE_SIZE = 50;

/**
 * Run `load(signal)` now and whenever `keys` change; a newer run cancels an older one.
 * Returns {data, error, loading, reload}.
 */
export function useLoad(load, keys) {
  const [state, setState] = useState({ data: null, error: null, loading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    load(stop.signal).then(
      (data) => !stop.signal.aborted && setState({ data, error: null, loading: false }),
      (error) => !stop.signal.aborted && setState((old) => ({ data: old.data, error, loading: false })),
    );
    return () => stop.abort();
  }, [...keys, round]);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  return { ...state, reload };
}

/** Run `again` every `periodMs` while the page is looked at. */
export function useRefresh(again, periodMs) {
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && again(), periodMs);
    return () => clearInterval(timer);
  }, [again, periodMs]);
}

/** A list of the API page by page: {items, error, loading, number, back, next, reload}. */
export function usePages(path, query) {
  const key = path + JSON.stringify(query);
  const [cursors, setCursors] = useState({ key, stack: [null] });
  const stack = cursors.key === key ? cursors.stack : [null];
  const cursor = stack.at(-1);
  const { data, error, loading, reload } = useLoad(
    (signal) => read(path, { limit: PAGE_SIZE, ...query, cursor }, signal), [key, cursor],
  );
  const nextCursor = data?.next_cursor ?? null;
  return {
    items: data?.items ?? null,
    error,
    loading,
    reload,
    number: stack.length,
    back: stack.length > 1 ? () => setCursors({ key, stack: stack.slice(0, -1) }) : null,
    next: nextCursor ? () => setCursors({ key, stack: [...stack, nextCursor] }) : null,
  };
}

/** The value as it was `delayMs` ago at the latest, for searches while typing. */
export function useDelayed(value, delayMs = 250) {
  const [delayed, setDelayed] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setDelayed(value), delayMs);
    return () => clearTimeout(timer);
  }, [value, delayMs]);
  return delayed;
}

function normalise(field) {
  return field.replace(/\[(\d+)\]/g, ".$1");
}

/**
 * State of a form that is sent to the API.
 *
 * `fields` are the API's field names that the form shows a message beside; a name that ends
 * with `.*` stands for all below it. A message about any other field is `general`.
 */
export function useForm(fields) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const sent = useRef({ text: "", key: "" });
  const known = (field) => fields.some((name) =>
    name.endsWith(".*") ? field.startsWith(name.slice(0, -1)) : field === name);
  const field = error instanceof ApiError && error.field ? normalise(error.field) : null;
  const placed = field !== null && known(field);

  /** Run `send(idempotencyKey)`; the key stays the same for as long as the body does. */
  const submit = async (body, send) => {
    const text = JSON.stringify(body);
    if (sent.current.text !== text) sent.current = { text, key: newIdempotencyKey() };
    setBusy(true);
    setError(null);
    try {
      return await send(sent.current.key);
    } catch (problem) {
      // A refusal made nothing, so the next try is a new one; a lost answer may have.
      if (problem.status >= 400 && problem.status < 500) sent.current = { text: "", key: "" };
      setError(problem);
      return null;
    } finally {
      setBusy(false);
    }
  };
  return {
    busy,
    error,
    submit,
    clear: () => setError(null),
    general: error && !placed ? error : null,
    errorOf: (name) => (placed && field === normalise(name) ? error.message : null),
  };
}

/** Move the focus to the first field that the API refused, once it is drawn. */
export function useFocusOnError(form, error) {
  useEffect(() => {
    if (error) form.current?.querySelector("[aria-invalid=true]")?.focus();
  }, [error]);
}
