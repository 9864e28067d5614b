// Groups of copies, of near-copies and of photos of the same thing.

import { segments } from "./choices.js";
import { button, el, fileAndFolder, fill, icon } from "./element.js";
import { counted } from "./format.js";
import { openPhoto } from "./photo_dialog.js";
import * as service from "./service.js";
import { empty, failed, notify, waiting } from "./states.js";
import * as tray from "./tray.js";

const KINDS = [
  ["exact", "Exact copies"],
  ["near", "Near copies"],
  ["same", "Same thing"],
];
const MEANING = {
  exact: "Files with the same bytes. One of each group is enough.",
  near: "The same photo, scaled, cropped or saved again.",
  same: "Different photos of one thing.",
};
const NONE = {
  exact: "Every file of this index differs from every other.",
  near: "No photo of this index is a copy of another.",
  same: "No two photos of this index show the same thing, as far as can be told.",
};
const AT_ONCE = 30;
const MOST_ASKED = 8;

/** Shows the view in `main`; returns what ends it. */
export function showGroups(main, app) {
  const ending = new AbortController();
  const { index } = app;
  const kind = KINDS.some(([own]) => own === app.state.kind) ? app.state.kind : "exact";
  const body = el("div", {});
  // There is no table before the groups are found.
  const table = el(
    "a",
    { class: "button", href: service.groupsTable(index.id, kind), download: `groups-${kind}.csv`, hidden: true },
    icon("download"),
    "CSV",
  );
  fill(
    main,
    el(
      "div",
      { class: "view" },
      el(
        "div",
        { class: "view-head" },
        el("div", {}, el("h1", {}, "Groups"), el("p", { class: "quiet" }, MEANING[kind])),
        el(
          "div",
          { class: "row" },
          segments(
            "Kind of group",
            KINDS.map(([own, text]) => [own, text, !index.groups.includes(own)]),
            kind,
            (own) => app.go({ kind: own }),
          ),
          table,
        ),
      ),
      body,
    ),
  );
  const { block, progress } = waiting(
    "Looking for groups",
    "Every photo is compared with those most like it. This is done once for an index.",
  );
  fill(body, block);
  service
    .computed(index.id, "/groups", { kind }, progress, ending.signal)
    .then(({ groups }) => {
      if (ending.signal.aborted) return;
      table.hidden = !groups.length;
      show(body, app, kind, groups);
    })
    .catch((error) => {
      if (!ending.signal.aborted)
        fill(
          body,
          failed(error, () => app.render()),
        );
    });
  return () => ending.abort();
}

function show(body, app, kind, groups) {
  if (!groups.length) {
    const others = KINDS.filter(([own]) => own !== kind && app.index.groups.includes(own));
    fill(
      body,
      empty(
        "groups",
        "No such groups",
        NONE[kind],
        others.map(([own, text]) => button(text, { onClick: () => app.go({ kind: own }) })),
      ),
    );
    return;
  }
  const list = el("div", {});
  const total = groups.reduce((sum, { images }) => sum + images.length, 0);
  const more = button("Show more groups", { glyph: "down", look: "more", onClick: () => add() });
  const add = () => {
    const next = groups.slice(list.children.length, list.children.length + AT_ONCE);
    list.append(...next.map((group, place) => groupBlock(app, group, list.children.length + place + 1, kind)));
    more.hidden = list.children.length >= groups.length;
  };
  add();
  fill(
    body,
    el("p", { class: "quiet small figures" }, `${counted(groups.length, "group")} with ${counted(total, "photo")}`),
    list,
    el("div", { class: "row" }, more),
  );
}

function groupBlock(app, { images, kept: best, sure }, number, kind) {
  const { id } = app.index;
  const kept = kind === "same" ? null : best; // Of different photos none stands for the others.
  const asked = images.slice(0, MOST_ASKED);
  const others = kept ? images.filter((name) => name !== kept) : images;
  return el(
    "section",
    { class: "group", "aria-label": `Group ${number}` },
    el(
      "div",
      { class: "row apart" },
      el(
        "div",
        { class: "row" },
        el("h2", {}, counted(images.length, "photo")),
        sure === false ? el("span", { class: "badge possible" }, "worth a look") : null,
      ),
      el(
        "div",
        { class: "row" },
        button(kept ? "Put the others in the tray" : "Put all in the tray", {
          look: "plain",
          glyph: "tray",
          onClick: () => {
            tray.put(id, others);
            notify(`${counted(others.length, "photo")} put in the tray.`);
          },
        }),
        button(asked.length < images.length ? `Search with ${asked.length} of them` : "Search with all", {
          look: "plain",
          glyph: "search",
          onClick: () => app.search(asked.map((name) => ({ name, box: null }))),
        }),
      ),
    ),
    el(
      "ul",
      { class: "strip" },
      images.map((name) =>
        el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              on: { click: () => openPhoto(app, { name }) },
            },
            el("img", { src: service.thumbnail(id, name), alt: "", loading: "lazy" }),
            fileAndFolder(name),
            name === kept ? el("span", { class: "kept" }, "Keep this one") : null,
          ),
        ),
      ),
    ),
  );
}
