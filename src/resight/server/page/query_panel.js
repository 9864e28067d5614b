// The query beside its hits: its photos with their boxes, and the limits of the search.

import { boxEditor } from "./box_editor.js";
import { line, select } from "./choices.js";
import { button, el, icon, nameOf } from "./element.js";
import * as service from "./service.js";

export const CHANCES = [
  ["", "Any chance"],
  ["0.25", "25 % or more"],
  ["0.5", "50 % or more"],
  ["0.95", "95 % or more"],
  ["0.99", "99 % or more"],
];

/** Returns where the picture of a query comes from. */
export function pictureOf(index, query) {
  if (query.url) return query.url;
  return query.name === undefined
    ? service.queryPicture(query.search, query.i)
    : service.thumbnail(index, query.name, 800);
}

/** Returns what a person calls a query photo. */
export function titleOf(query, sketch) {
  if (sketch) return "Your drawing";
  return query.name ?? query.file?.name ?? "Your photo";
}

/**
 * Returns the panel and `know(answer)`, which tells it the sizes of the photos in original pixels.
 * act: {box(place, box), drop(place), add(), sketch(), clear(), limit(changes), compare(id)}.
 */
export function queryPanel({ state, index, indexes, act }) {
  const count = state.queries.length;
  const alone = count === 1;
  const editors = state.queries.map((query, place) => {
    const title = titleOf(query, state.sketch);
    const whole = button("Whole photo", {
      look: "plain",
      onClick: () => {
        editor.set(null);
        act.box(place, null);
      },
    });
    const editor = boxEditor({
      source: pictureOf(index.id, query),
      label: title,
      size: null,
      box: query.box,
      changed: (box) => {
        whole.hidden = !box;
        act.box(place, box);
      },
    });
    whole.hidden = !query.box;
    const box = button("Box", { glyph: "box", title: "Search for a part of the photo", onClick: editor.begin });
    const node = el(
      "li",
      { class: "query-photo" },
      editor.node,
      el(
        "div",
        { class: "caption" },
        nameOf(title),
        count > 1
          ? button(`Take out ${title}`, { glyph: "cross", quiet: true, look: "plain", onClick: () => act.drop(place) })
          : null,
      ),
      state.sketch || alone ? null : el("div", { class: "row" }, box, whole),
    );
    return { node, editor, parts: [box, whole] };
  });
  const hint = state.sketch
    ? "Photos with these outlines come first."
    : count > 1
      ? "Photos that show the thing of all of these come first."
      : "Draw on the photo to search for a part of it.";
  const panel = el(
    "aside",
    { class: "query", "aria-label": "Query" },
    el(
      "ul",
      { class: "query-photos" },
      editors.map(({ node }) => node),
    ),
    el(
      "div",
      { class: "row close" },
      alone && !state.sketch ? editors[0].parts : null,
      state.sketch
        ? button("Draw anew", { glyph: "pencil", onClick: act.sketch })
        : button("Add a photo", { glyph: "plus", onClick: act.add }),
      button("Start anew", { look: "plain", onClick: act.clear }),
    ),
    el("p", { class: "quiet small hint" }, hint),
    limits(state, index, indexes, act),
  );
  const know = (answer) =>
    (answer.query ?? []).forEach((size, place) => {
      editors[place]?.editor.know(size);
      if (answer.search) editors[place]?.editor.mend(service.queryPicture(answer.search, place));
    });
  return { node: panel, know };
}

function limits(state, index, indexes, act) {
  const others = indexes.filter(({ id, planned }) => id !== index.id && !planned);
  const folders = index.folders.filter(({ path }) => path);
  const fields = index.metadata?.fields ?? [];
  const chosen = Object.values(state.fields).some(Boolean);
  const open = Boolean(state.folder || state.text || state.least || state.with || chosen);
  return el(
    "details",
    { class: "limits", open },
    el("summary", {}, "Limits and comparison", icon("down")),
    el(
      "div",
      { class: "fields" },
      folders.length
        ? select(
            "In the folder",
            [["", "All folders"], ...folders.map(({ path }) => [path, path])],
            state.folder,
            (folder) => act.limit({ folder }),
          )
        : null,
      line("Words in names and metadata", state.text, (text) => act.limit({ text }), { id: "words" }),
      fields
        .slice(0, 8)
        .map((field) =>
          line(field, state.fields[field] ?? "", (value) => act.limit({ fields: { ...state.fields, [field]: value } })),
        ),
      select("Chance of the same thing", CHANCES, state.least, (least) => act.limit({ least })),
      others.length
        ? select(
            "Compare with the index",
            [["", "None"], ...others.map(({ id, title, recipe }) => [id, `${title} (${recipe})`])],
            state.with,
            act.compare,
          )
        : null,
    ),
  );
}
