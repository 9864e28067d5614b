// One photo of the collection, large, with what is known of it.

import { removePhotos } from "./changing.js";
import { copyLink } from "./copying.js";
import { openDialog } from "./dialog.js";
import { button, el } from "./element.js";
import { fieldText } from "./format.js";
import { emptyState, writeFragment } from "./link.js";
import * as service from "./service.js";
import { notifyFailure } from "./states.js";
import * as tray from "./tray.js";

/** Opens the dialog. item: {name, width, height, metadata} of a listing, or the name alone. */
export async function openPhoto(app, item) {
  const { index } = app;
  const { name } = item;
  const facts = el("dl", { class: "facts-list" });
  const collect = button("Tray", {
    glyph: "tray",
    "aria-pressed": tray.inTray(index.id, name),
    onClick: () => {
      collect.setAttribute("aria-pressed", tray.turn(index.id, name));
    },
  });
  const link = new URL(
    writeFragment({ ...emptyState(), index: index.id, queries: [{ name, box: null }] }),
    location.href,
  ).href;
  const picture = el("img", {
    src: service.thumbnail(index.id, name, 1200),
    alt: name,
    width: item.width,
    height: item.height,
    on: {
      error: () => picture.replaceWith(el("p", { class: "state" }, "The file of this photo cannot be read any more.")),
    },
  });
  const dialog = openDialog(
    name,
    el(
      "div",
      { class: "photo-view" },
      el("div", { class: "plate" }, picture),
      el(
        "div",
        { class: "side" },
        el(
          "div",
          { class: "panel" },
          button("Search with this photo", {
            glyph: "search",
            look: "strong",
            onClick: () => {
              dialog.close();
              app.search([{ name, box: null }]);
            },
          }),
          el(
            "div",
            { class: "row" },
            collect,
            button("Link", {
              glyph: "link",
              onClick: () => copyLink(link, "The link that searches with this photo is copied."),
            }),
            el(
              "a",
              { class: "button", href: service.photo(index.id, name), target: "_blank", rel: "noopener" },
              "Full size",
            ),
            index.writable ? removal(app, name, () => dialog.close()) : null,
          ),
        ),
        el("section", { class: "panel", "aria-label": "What is known" }, facts),
      ),
    ),
    { wide: true },
  );
  const show = ({ width, height, metadata = {} }) => {
    const rows = [
      ["Size", width ? `${width} × ${height}` : null],
      ...Object.entries(metadata).map(([field, value]) => [field, fieldText(value)]),
    ];
    facts.replaceChildren(
      ...rows.filter(([, value]) => value).flatMap(([field, value]) => [el("dt", {}, field), el("dd", {}, value)]),
    );
  };
  if (item.width) return show(item);
  try {
    const { images } = await service.images(index.id, { text: name, limit: 100 });
    show(images.find((one) => one.name === name) ?? {});
  } catch (error) {
    notifyFailure(error);
  }
}

function removal(app, name, close) {
  const control = button("Remove", {
    glyph: "trash",
    title: "Takes the photo out of the index; its file stays",
    onClick: async () => {
      control.disabled = true;
      if (await removePhotos(app, [name])) close();
      else control.disabled = false;
    },
  });
  return control;
}
