// What the page is drawn with: Preact, its hooks, and htm's tagged templates.
// Rule: components take these from here, so that the vendored files are named once.
import { Fragment, h, render } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

export {
  useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState,
} from "./vendor/hooks.js";
export { Fragment, render };
export const html = htm.bind(h);
