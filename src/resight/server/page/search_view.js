// The search: the query on the left, its hits on the right, or the hits of two indexes side by side.

import { answerOf, comparesShapes } from "./answers.js";
import { answerView } from "./answer_view.js";
import { removePhotos } from "./changing.js";
import { button, el, fill } from "./element.js";
import { counted } from "./format.js";
import { writeFragment } from "./link.js";
import { openPhoto } from "./photo_dialog.js";
import { queryPanel } from "./query_panel.js";
import { openSketch } from "./sketch.js";
import { startView } from "./start_view.js";
import { failed, notify } from "./states.js";
import { chooseFiles, queryOfFile } from "./uploads.js";

const NO_LIMITS = { folder: "", text: "", least: "", fields: {} };

/** Shows the view in `main`; returns what ends it. */
export function showSearch(main, app) {
  const ending = new AbortController();
  const { index } = app;
  const sketch = () => openSketch((file) => app.search([queryOfFile(file)], { sketch: true }));
  if (!app.state.queries.length) {
    fill(
      main,
      index.images
        ? startView(
            index,
            {
              files: (files) => app.search(files.map(queryOfFile)),
              sketch,
              name: (name) => app.search([{ name, box: null }]),
              browse: () => app.go({ view: "browse" }),
            },
            ending.signal,
          )
        : app.noPhotos(),
    );
    return () => ending.abort();
  }

  let asking = null;
  const results = el("div", {});
  const bar = el("div", { class: "marks", hidden: true, role: "region", "aria-label": "Marks" });
  const limited = () =>
    Boolean(app.state.folder || app.state.text || app.state.least || Object.values(app.state.fields).some(Boolean));

  const panel = queryPanel({
    state: app.state,
    index,
    indexes: app.indexes,
    act: {
      box(place, box) {
        const queries = app.state.queries.map((query, own) => (own === place ? { ...query, box } : query));
        change({ queries });
      },
      drop: (place) => app.search(app.state.queries.filter((_, own) => own !== place)),
      add: () => chooseFiles((files) => app.search([...app.state.queries, ...files.map(queryOfFile)])),
      sketch,
      clear: () => app.search([]),
      limit: (changes) => change(changes),
      compare: (other) => change({ with: other }),
    },
  });
  const change = (changes) => {
    app.set(changes);
    ask();
  };

  const cardOf = (own) => (hit) => ({
    index: own.id,
    marks: app.marks,
    href: writeFragment({ ...app.state, index: own.id, with: "", view: "match", hit: hit.name }),
    open: () =>
      hit.rank
        ? app.go({ view: "match", hit: hit.name, ...(own.id === index.id ? {} : { index: own.id, with: "" }) })
        : openPhoto(app, hit),
    seek: () => app.search([{ name: hit.name, box: null }], own.id === index.id ? {} : { index: own.id, with: "" }),
  });

  const showMarks = () => {
    const [right, wrong] = ["right", "wrong"].map((mark) => app.marks.names(mark));
    const asked = String([right, wrong]) === String([app.state.right, app.state.wrong]);
    bar.hidden = !right.length && !wrong.length;
    fill(
      bar,
      el(
        "p",
        { class: "figures" },
        `${counted(right.length, "photo")} right, ${counted(wrong.length, "photo")} wrong`,
        asked ? el("span", { class: "quiet" }, " (counted in these hits)") : null,
      ),
      el(
        "div",
        { class: "row" },
        index.writable && wrong.length
          ? button(`Remove ${counted(wrong.length, "wrong photo")}`, {
              glyph: "trash",
              look: "plain",
              title: "Takes them out of the index; the files stay",
              onClick: (event) => {
                event.currentTarget.disabled = true;
                removePhotos(app, wrong);
              },
            })
          : null,
        button("Clear", {
          look: "plain",
          onClick: () => {
            app.marks.clear();
            again([], []);
          },
        }),
        button("Ask again with these", {
          glyph: "refresh",
          look: "strong",
          disabled: asked,
          onClick: () => again(right, wrong),
        }),
      ),
    );
  };
  const again = (right, wrong) => {
    const asked = app.state.right.length || app.state.wrong.length || right.length || wrong.length;
    change({ right, wrong });
    if (asked) window.scrollTo({ top: 0 });
  };

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const other = app.indexes.find(
      ({ id, planned }) => id === app.state.with && id !== index.id && !planned,
    );
    const block = (own) =>
      answerView(own, {
        title: other ? own.title : "Hits",
        note: other ? own.recipe : "",
        open: Boolean(other),
        shapes: comparesShapes(app.state, own),
        marked: [...app.state.right, ...app.state.wrong],
        cardOf: cardOf(own),
        again: ask,
        widen: limited()
          ? () => {
              change(NO_LIMITS);
              app.render();
            }
          : null,
      });
    const [one, two] = [block(index), other ? block(other) : null];
    fill(results, el("div", { class: two ? "two" : "" }, one.node, two?.node));
    one.busy();
    two?.busy();
    showMarks();
    const told = (view, answer) => {
      if (signal.aborted) return;
      panel.know(answer);
      view.show(answer);
    };
    try {
      const answer = await answerOf(app.state, index.id, (stage) => told(one, stage), signal);
      if (signal.aborted) return;
      app.keepLink();
      if (!two) return;
      await answerOf(app.state, other.id, (stage) => told(two, moves(answer, stage)), signal).catch((error) => {
        if (!signal.aborted) two.fail(error);
      });
      pairUp(results);
    } catch (error) {
      if (signal.aborted) return;
      if (error.kind === "search-gone") {
        error.hint = "A link to a search with a photo of one's own works for a while only. Send the photo again.";
        fill(
          main,
          el(
            "div",
            { class: "view" },
            failed(error, null, button("Search with another photo", { look: "strong", onClick: () => app.search([]) })),
          ),
        );
        return;
      }
      one.fail(error);
      two?.fail(error);
    }
  }

  const unhear = app.marks.listen(showMarks);
  fill(
    main,
    el(
      "div",
      { class: "view" },
      el("div", { class: "asking" }, panel.node, el("div", { class: "answer" }, results, bar)),
    ),
  );
  ask();
  return () => {
    asking?.abort();
    ending.abort();
    unhear();
  };
}

/** Returns the second answer with each hit's rank in the first beside it. */
function moves(first, stage) {
  const ranks = new Map(first.hits.map(({ name, rank }) => [name, rank]));
  const hits = stage.hits.map((hit) => {
    const before = ranks.get(hit.name);
    const moved =
      before === undefined ? "not on the left" : before === hit.rank ? "same rank" : `${before} on the left`;
    return { ...hit, moved };
  });
  return { ...stage, hits };
}

/** Marks a photo in both columns while one of the two is pointed at or focused. */
function pairUp(results) {
  const mark = (event) => {
    const name = event.target.closest?.(".card")?.dataset.name;
    for (const card of results.querySelectorAll(".card")) {
      card.classList.toggle(
        "twin",
        event.type !== "pointerout" && event.type !== "focusout" && name !== undefined && card.dataset.name === name,
      );
    }
  };
  for (const event of ["pointerover", "pointerout", "focusin", "focusout"])
    results.firstElementChild.addEventListener(event, mark);
}

/** Tells what came that is no photo. */
export function noPhotoCame() {
  notify("That holds no photo. Drop or paste an image file: JPEG, PNG, WebP, TIFF, HEIC or AVIF.");
}
