// The bar on top: the index, the views, the colours of the page.

import { showKeys } from "./dialog.js";
import { button, el, fill, icon, svg } from "./element.js";
import { counted } from "./format.js";
import { emptyState, writeFragment } from "./link.js";
import * as tray from "./tray.js";

const VIEWS = [
  ["search", "Search", "search"],
  ["browse", "Browse", "photo"],
  ["groups", "Groups", "groups"],
  ["tray", "Tray", "tray"],
];
const bar = document.getElementById("bar");
let current = null;

/** Draws the bar for the state of the page. */
export function showBar(app) {
  current = app;
  draw();
}

function draw() {
  const { state, index, indexes } = current;
  const count = index ? tray.trayOf(index.id).length : 0;
  const to = (view) => ({ ...emptyState(), index: state.index, view });
  const link = ([view, text, glyph]) => {
    const here = state.view === view || (view === "search" && state.view === "match");
    const back =
      here && view === "search" && state.view === "match" ? { ...state, view: "search", hit: "", mode: "" } : to(view);
    return el(
      "a",
      {
        href: writeFragment(back),
        "aria-current": here ? "page" : null,
        title: view === "tray" && count ? `${counted(count, "photo")} in the tray` : null,
        on: {
          click: (event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            current.go(back);
          },
        },
      },
      icon(glyph),
      el("span", {}, text),
      " ",
      view === "tray" && count ? el("span", { class: "count figures" }, count) : null,
    );
  };
  const choose = el(
    "select",
    {
      class: "select",
      "aria-label": "Index",
      on: {
        change: () =>
          current.go({ ...emptyState(), view: state.view === "match" ? "search" : state.view, index: choose.value }),
      },
    },
    indexes.some(({ id }) => id === state.index)
      ? null
      : el("option", { value: state.index, disabled: true }, "Choose an index"),
    indexes.map(({ id, title }) => el("option", { value: id }, title)),
  );
  choose.value = state.index;
  fill(
    bar,
    el(
      "a",
      {
        class: "wordmark",
        href: "#/search",
        "aria-label": "resight, start",
        on: {
          click: (event) => {
            event.preventDefault();
            current.search([]);
          },
        },
      },
      svg(
        "svg",
        { viewBox: "0 0 32 20", "aria-hidden": "true" },
        svg("circle", { cx: 11, cy: 10, r: 7.5 }),
        svg("circle", { cx: 21, cy: 10, r: 7.5 }),
      ),
      "resight",
    ),
    indexes.length ? choose : null,
    index?.planned ? null : el("nav", { class: "views", "aria-label": "Views" }, VIEWS.map(link)),
    el(
      "div",
      { class: "extras" },
      button("Light or dark", { glyph: "theme", quiet: true, look: "plain", onClick: turnColours }),
      button("Keys", { glyph: "help", quiet: true, look: "plain help", onClick: showKeys }),
    ),
  );
}

function turnColours() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  window.dispatchEvent(new Event("resize"));
  try {
    localStorage.setItem("resight.theme", root.dataset.theme);
  } catch {
    /* Storage is off: the choice lasts as long as the page. */
  }
}

try {
  const theme = localStorage.getItem("resight.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  /* Storage is off: the system's colours hold. */
}
tray.onTray(() => {
  if (current) draw();
});
