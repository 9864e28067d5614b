// The tray: photos that a person collected, to be taken away.

import { card, steerGrid } from "./card.js";
import { removePhotos } from "./changing.js";
import { button, el, fill } from "./element.js";
import { counted } from "./format.js";
import { emptyState, writeFragment } from "./link.js";
import { openPhoto } from "./photo_dialog.js";
import * as service from "./service.js";
import { empty, notify, notifyFailure } from "./states.js";
import * as tray from "./tray.js";

const FORMATS = [
  ["csv", "CSV"],
  ["json", "JSON"],
  ["zip", "Photos as zip"],
];

/** Shows the view in `main`; returns what ends it. */
export function showTray(main, app) {
  const { index } = app;
  const show = () => {
    const names = tray.trayOf(index.id);
    if (!names.length) {
      fill(
        main,
        el(
          "div",
          { class: "view" },
          empty(
            "tray",
            "The tray is empty",
            "Collect photos with the tray button below them, then take them away as a table or as files.",
            button("Search", { glyph: "search", look: "strong", onClick: () => app.search([]) }),
            button("Browse", { glyph: "photo", onClick: () => app.go({ view: "browse" }) }),
          ),
        ),
      );
      return;
    }
    const grid = el(
      "div",
      { class: "grid" },
      names.map((name) =>
        card(
          { name },
          {
            index: index.id,
            href: writeFragment({ ...emptyState(), index: index.id, queries: [{ name, box: null }] }),
            open: () => openPhoto(app, { name }),
            seek: () => app.search([{ name, box: null }]),
          },
        ),
      ),
    );
    steerGrid(grid);
    fill(
      main,
      el(
        "div",
        { class: "view" },
        el(
          "div",
          { class: "view-head" },
          el(
            "div",
            {},
            el("h1", {}, "Tray"),
            el("p", { class: "quiet" }, `${counted(names.length, "photo")} of ${index.title}`),
          ),
          el(
            "div",
            { class: "row" },
            FORMATS.map(([format, text]) => download(index.id, format, text)),
            button("Search with all", {
              glyph: "search",
              disabled: names.length > 8,
              title: names.length > 8 ? "At most 8 photos make one search" : null,
              onClick: () => app.search(names.map((name) => ({ name, box: null }))),
            }),
            index.writable
              ? button("Remove from the index", {
                  glyph: "trash",
                  title: "Takes these photos out of the index; the files stay",
                  onClick: (event) => {
                    event.currentTarget.disabled = true;
                    removePhotos(app, names);
                  },
                })
              : null,
            button("Empty the tray", {
              glyph: "trash",
              look: "plain",
              onClick: () => {
                tray.take(index.id, names);
                notify("The tray is empty.");
              },
            }),
          ),
        ),
        grid,
      ),
    );
  };
  show();
  return tray.onTray(show);
}

function download(index, format, text) {
  const control = button(text, {
    glyph: "download",
    onClick: async () => {
      control.disabled = true;
      try {
        const url = URL.createObjectURL(
          await service.takeAway(index, tray.trayOf(index), tray.regionsOf(index), format),
        );
        el("a", { href: url, download: `resight-tray.${format}` }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60000);
      } catch (error) {
        notifyFailure(error);
      }
      control.disabled = false;
    },
  });
  return control;
}
