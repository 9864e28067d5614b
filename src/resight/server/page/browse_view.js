// The collection by folder and words, or by likeness.

import { card, skeletons, steerGrid } from "./card.js";
import { openChanges } from "./changes_dialog.js";
import { line, segments } from "./choices.js";
import { askToken } from "./dialog.js";
import { button, el, fill, icon } from "./element.js";
import { counted } from "./format.js";
import { emptyState, writeFragment } from "./link.js";
import { openPhoto } from "./photo_dialog.js";
import { showPlane } from "./plane.js";
import * as service from "./service.js";
import { empty, failed, notifyFailure } from "./states.js";

/** Shows the view in `main`; returns what ends it. */
export function showBrowse(main, app) {
  const ending = new AbortController();
  const { index, state } = app;
  const body = el("div", {});
  const byLikeness = state.tab === "map";
  const head = el(
    "div",
    { class: "view-head" },
    el(
      "div",
      {},
      el("h1", {}, index.title),
      el("p", { class: "quiet", title: index.description }, `Recipe ${index.recipe}`),
    ),
    el(
      "div",
      { class: "row" },
      changes(app),
      segments(
        "Browse",
        [
          ["", "By folder"],
          ["map", "By likeness", index.embedding === false],
        ],
        state.tab,
        (tab) => app.go({ tab }),
      ),
    ),
  );
  fill(main, el("div", { class: "view" }, head, body));
  if (!index.images) fill(body, app.noPhotos());
  else if (byLikeness) {
    const stop = showPlane(body, app, ending.signal);
    return () => {
      ending.abort();
      stop();
    };
  } else listing(body, app, ending.signal);
  return () => ending.abort();
}

function listing(body, app, signal) {
  const { index } = app;
  const results = el("div", { class: "listing" });
  const told = el("p", { class: "quiet small figures", role: "status" });
  let loading = null;
  const set = (changes) => {
    app.set(changes);
    for (const one of folders.querySelectorAll("button"))
      one.setAttribute("aria-current", String(one.dataset.path === app.state.folder));
    load();
  };
  const folders = el(
    "ul",
    { class: "folders" },
    [{ path: "", images: index.images }, ...index.folders.filter(({ path }) => path)].map(({ path, images }) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            type: "button",
            "data-path": path,
            "aria-current": String(path === app.state.folder),
            on: { click: () => set({ folder: path }) },
          },
          folderName(path),
          el("span", { class: "figures" }, images.toLocaleString("en")),
        ),
      ),
    ),
  );
  const fields = index.metadata?.fields ?? [];
  const filters = el(
    "aside",
    { class: "filters", "aria-label": "Filters" },
    line("Words in names and metadata", app.state.text, (text) => set({ text }), { id: "words" }),
    el("nav", { "aria-label": "Folders" }, folders),
    fields.length
      ? el(
          "details",
          { class: "limits", open: Object.values(app.state.fields).some(Boolean) },
          el("summary", {}, "Metadata", icon("down")),
          el(
            "div",
            { class: "fields" },
            fields
              .slice(0, 20)
              .map((field) =>
                line(field, app.state.fields[field] ?? "", (value) =>
                  set({ fields: { ...app.state.fields, [field]: value } }),
                ),
              ),
          ),
        )
      : null,
  );

  async function load() {
    loading?.abort();
    loading = new AbortController();
    const own = AbortSignal.any([signal, loading.signal]);
    const grid = el("div", { class: "grid" });
    fill(results, skeletons());
    const page = async (after) => {
      const answer = await service.images(index.id, { ...app.state, after }, own);
      told.textContent = counted(answer.total, "photo");
      grid.append(
        ...answer.images.map((item) =>
          card(item, {
            index: index.id,
            href: writeFragment({ ...emptyState(), index: index.id, queries: [{ name: item.name, box: null }] }),
            open: () => openPhoto(app, item),
            seek: () => app.search([{ name: item.name, box: null }]),
          }),
        ),
      );
      steerGrid(grid);
      const more = answer.next
        ? button("Show more", {
            glyph: "down",
            look: "more",
            onClick: () => {
              more.disabled = true;
              const before = grid.children.length;
              page(answer.next).then(() => grid.children[before]?.querySelector("a").focus(), notifyFailure);
            },
          })
        : null;
      if (!answer.total)
        fill(
          results,
          empty(
            "search",
            "No photo fits",
            "Take other words or another folder.",
            button("All photos", { look: "strong", onClick: () => app.go({ folder: "", text: "", fields: {} }) }),
          ),
        );
      else fill(results, told, grid, more);
    };
    try {
      await page("");
    } catch (error) {
      if (!own.aborted) fill(results, failed(error, load));
    }
  }
  fill(body, el("div", { class: "browse" }, filters, results));
  load();
}

/** Returns the name of a folder, set in as deep as it lies. */
function folderName(path) {
  const parts = path.split("/");
  const name = el("bdi", { class: "where", title: path || null }, path ? parts.at(-1) : "All photos");
  name.style.setProperty("--depth", parts.length - 1);
  return name;
}

function changes(app) {
  const { writable, unlockable } = app.index;
  if (writable) return button("Change", { glyph: "plus", onClick: () => openChanges(app) });
  return unlockable ? button("Unlock changes", { glyph: "key", onClick: () => unlock(app) }) : null;
}

async function unlock(app) {
  if (!(await askToken(service.logIn))) return;
  try {
    await app.refresh();
  } catch (error) {
    notifyFailure(error);
  }
}
