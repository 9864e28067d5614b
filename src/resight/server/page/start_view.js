// Where a search begins: a place to drop a photo, and some photos of the collection.

import { button, el, icon } from "./element.js";
import { counted } from "./format.js";
import * as service from "./service.js";
import { chooseFiles } from "./uploads.js";

/** Returns the view. act: {files(files), sketch(), name(name), browse()}. */
export function startView(index, act, signal) {
  const samples = el("ul", { class: "samples" });
  const begin = el(
    "section",
    { hidden: true },
    el(
      "div",
      { class: "row apart" },
      el("h2", {}, "Or begin with a photo of the collection"),
      button("Browse them all", { look: "plain", onClick: act.browse }),
    ),
    samples,
  );
  service.images(index.id, { limit: 200 }, signal).then(
    ({ images }) => {
      const step = Math.max(1, Math.floor(images.length / 12));
      const chosen = images.filter((_, place) => place % step === 0).slice(0, 12);
      begin.hidden = !chosen.length;
      samples.append(
        ...chosen.map(({ name }) =>
          el(
            "li",
            {},
            el(
              "button",
              {
                type: "button",
                class: "sample",
                "aria-label": `Search with ${name}`,
                on: { click: () => act.name(name) },
              },
              el("img", { src: service.thumbnail(index.id, name), alt: "", loading: "lazy" }),
            ),
          ),
        ),
      );
    },
    () => {},
  ); // The samples are a convenience: what fails here fails with a sentence in the search itself.
  return el(
    "div",
    { class: "view" },
    el(
      "div",
      { class: "start" },
      el(
        "div",
        {},
        el("h1", {}, "Which photos show the same thing?"),
        el(
          "p",
          { class: "lede" },
          `Give a photo, or a part of one. resight finds what shows the same thing among ${counted(index.images, "photo")} of ${index.title}, and shows why.`,
        ),
      ),
      el(
        "div",
        { class: "drop" },
        icon("photo"),
        el(
          "div",
          {},
          el("h2", {}, "Drop a photo here"),
          el("p", { class: "quiet" }, "or paste one with Ctrl V. Several photos of one thing count together."),
        ),
        el(
          "div",
          { class: "row" },
          button("Choose a photo", { glyph: "photo", look: "strong", onClick: () => chooseFiles(act.files) }),
          index.sketch ? button("Draw a sketch", { glyph: "pencil", onClick: act.sketch }) : null,
        ),
      ),
      begin,
    ),
  );
}
