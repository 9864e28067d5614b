// What stands beside the two photos of a match: marks, tray and link, and what is known of the hit.

import { region } from "./box.js";
import { copyLink } from "./copying.js";
import { button, el } from "./element.js";
import { fieldText, percent, score } from "./format.js";
import * as service from "./service.js";
import * as tray from "./tray.js";

/** Returns how likely the hit shows the same thing. */
export function badge(hit) {
  return el("span", { class: `badge ${hit.verdict}` }, `${percent(hit.probability)} the same thing`);
}

/** Returns the marks, the tray and the link of a hit. unhear: gets what ends listening. */
export function judge(app, hit, unhear) {
  const { name } = hit;
  const { id } = app.index;
  const turned = (glyph, text, look, mark) => button(text, { glyph, look, onClick: () => app.marks.turn(name, mark) });
  const right = turned("check", "Right", "right", "right");
  const wrong = turned("cross", "Wrong", "wrong", "wrong");
  const collect = button("Tray", { glyph: "tray", onClick: () => tray.turn(id, name, hit.region) });
  const again = button("Ask again with the marks", {
    glyph: "refresh",
    look: "strong",
    onClick: () =>
      app.go({ view: "search", hit: "", mode: "", right: app.marks.names("right"), wrong: app.marks.names("wrong") }),
  });
  const show = () => {
    right.setAttribute("aria-pressed", app.marks.get(name) === "right");
    wrong.setAttribute("aria-pressed", app.marks.get(name) === "wrong");
    collect.setAttribute("aria-pressed", tray.inTray(id, name));
    again.hidden = !app.marks.names("right").length && !app.marks.names("wrong").length;
  };
  unhear.push(app.marks.listen(show), tray.onTray(show));
  show();
  return el(
    "section",
    { class: "panel", "aria-label": "Marks and tray" },
    el("div", { class: "row close" }, right, wrong, collect),
    again,
    el(
      "div",
      { class: "row" },
      button("Search with it", { glyph: "search", onClick: () => app.search([{ name, box: null }]) }),
      button("Link", { glyph: "link", onClick: () => copyLink(location.href, "The link to this match is copied.") }),
    ),
  );
}

/** Returns what is known of a hit: its place in the ranking, its metadata, the region that was found. */
export function known(index, hit) {
  const rows = [
    ["Rank", hit.rank],
    ["Score", score(hit.score)],
    ["Verified points", hit.inliers?.toLocaleString("en")],
    ["Identical file", hit.copy ? "yes" : null],
    ...Object.entries(hit.metadata ?? {}).map(([field, value]) => [field, fieldText(value)]),
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const part = hit.region ?? (hit.box ? region(hit.box) : null);
  return el(
    "section",
    { class: "panel", "aria-label": "What is known" },
    el(
      "dl",
      { class: "facts-list" },
      rows.map(([field, value]) => [el("dt", {}, field), el("dd", {}, value)]),
      part
        ? [
            el("dt", {}, "Region"),
            el(
              "dd",
              {},
              el(
                "a",
                {
                  href: service.photo(index.id, hit.name, { region: part }),
                  target: "_blank",
                  rel: "noopener",
                  title: "The found part alone (IIIF region x,y,w,h)",
                },
                part,
              ),
            ),
          ]
        : null,
    ),
  );
}
