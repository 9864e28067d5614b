// The page: its state, which is the address, and the views that show it.

import { forgetAnswers } from "./answers.js";
import { showBar } from "./bar.js";
import { showBrowse } from "./browse_view.js";
import { askToken, showKeys } from "./dialog.js";
import { button, fill } from "./element.js";
import { showGroups } from "./groups_view.js";
import { showIndexing } from "./index_view.js";
import { emptyState, readFragment, searchKey, writeFragment } from "./link.js";
import { newMarks } from "./marks.js";
import { showMatch } from "./match_view.js";
import { noPhotoCame, showSearch } from "./search_view.js";
import * as service from "./service.js";
import { empty, failed, notify, waiting } from "./states.js";
import { showTray } from "./tray_view.js";
import { queryOfFile, takePhotos } from "./uploads.js";

const SHOW = {
  search: showSearch,
  match: showMatch,
  browse: showBrowse,
  groups: showGroups,
  tray: showTray,
  index: showIndexing,
};
const TITLES = { search: "Search", match: "Match", browse: "Browse", groups: "Groups", tray: "Tray", index: "Index" };
const main = document.getElementById("main");
const described = new Map();
let endView = () => {};
let drawn = 0;
let toldChange = null;

const app = {
  state: readFragment(location.hash),
  indexes: [],
  index: null,
  marks: newMarks(),

  /** Changes the state and the address, and leaves the view as it is. */
  set(changes) {
    app.state = { ...app.state, ...changes };
    history.pushState(null, "", writeFragment(app.state));
  },
  /** Changes the state, and shows the view of the new one. */
  go(changes) {
    app.set(changes);
    window.scrollTo(0, 0);
    render(true);
  },
  /** Writes the address anew without a step in the history: the service knows the photos of the query by now. */
  keepLink() {
    history.replaceState(null, "", writeFragment(app.state));
  },
  /** Searches with other photos. Marks belong to those that were before; the limits of a search stay, not those of a listing. */
  search(queries, changes = {}) {
    const { view, index, folder, text, least, fields, with: other } = app.state;
    const limits = view === "search" || view === "match" ? { folder, text, least, fields, with: other } : {};
    app.marks.clear();
    app.go({ ...emptyState(), index, ...limits, queries, ...changes });
  },
  /** Reads the descriptions anew: photos were added or removed. */
  async refresh() {
    forgetAnswers();
    described.clear();
    app.indexes = await service.indexes();
    await render();
  },
  /** Returns what a view shows of an index without photos. */
  noPhotos() {
    const how = app.index.writable
      ? "Add some under Browse, or with `resight add` on the command line."
      : "Add some with `resight add` on the command line; this page shows them once it is reloaded.";
    return empty(
      "photo",
      "This index has no photos yet",
      how,
      button("Look again", { glyph: "refresh", onClick: () => app.refresh() }),
    );
  },
  render: () => render(),
};

async function render(focus = false) {
  const turn = (drawn += 1);
  endView();
  endView = () => {};
  try {
    if (!app.indexes.length) app.indexes = await service.indexes();
    if (!app.indexes.length) {
      fill(
        main,
        empty(
          "photo",
          "No index is served",
          "Start the service with one: `resight index PHOTOS -o X.resight`, then `resight serve X.resight`.",
        ),
      );
      return;
    }
    const own = app.indexes.find((one) => one.id === app.state.index) ?? app.indexes[0];
    const { id } = own;
    if (app.state.index && app.state.index !== id) {
      throw new service.ServiceError(
        "unknown_index",
        `No index is called ${app.state.index} here.`,
        "Choose one of those in the bar above.",
      );
    }
    app.state.index = id;
    if (!described.has(id)) described.set(id, own.planned ? own : await service.describe(id));
    if (turn !== drawn) return;
    app.index = described.get(id);
    // What has no photos yet is filled before anything else is done with it.
    const bare = app.index.planned || (!app.index.images && app.index.indexes_folders);
    const view = bare ? "index" : app.state.view;
    document.title = `${TITLES[view]} · ${app.index.title} · resight`;
    showBar(app);
    endView = SHOW[view](main, app) ?? (() => {});
    const { change } = app.index;
    if (change && change !== toldChange && view !== "index")
      notify("This index is being changed.", { text: "Show", act: () => app.go({ view: "index" }) });
    toldChange = change;
    if (focus) main.focus({ preventScroll: true });
  } catch (error) {
    if (turn !== drawn) return;
    showBar(app);
    fill(
      main,
      failed(error, () => {
        app.indexes = [];
        render();
      }),
    );
  }
}

window.addEventListener("popstate", () => {
  const before = app.state;
  app.state = readFragment(location.hash);
  if (searchKey({ ...before, folder: "" }, before.index) !== searchKey({ ...app.state, folder: "" }, app.state.index))
    app.marks.adopt(app.state);
  render();
});
window.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "?") showKeys();
  else if (event.key === "/") {
    const words = document.getElementById("words");
    if (!words) return;
    const limits = words.closest("details");
    if (limits) limits.open = true;
    words.focus();
  } else return;
  event.preventDefault();
});
takePhotos((files) => {
  document.querySelector("dialog[open]")?.close();
  app.search(files.map(queryOfFile), { view: "search" });
}, noPhotoCame);
service.onTokenNeeded(askToken);
app.marks.adopt(app.state);
fill(main, waiting("Opening the index").block);
render();
