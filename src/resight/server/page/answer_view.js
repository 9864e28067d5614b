// The answer to one search: hits as they come, what is surely the same thing first, unlikely ones behind a button.

import { extend } from "./answers.js";
import { card, skeletons, steerGrid } from "./card.js";
import { button, el, fill } from "./element.js";
import { counted, seconds } from "./format.js";
import { empty, failed, notifyFailure } from "./states.js";

const PARTS = [
  ["sure", "The same thing", "95 % sure or more"],
  ["possible", "Possibly the same thing", "worth a look"],
  ["filler", "Unlikely", "only the nearest of the rest"],
];
const SHAPES = ["shape", "Nearest shapes", "by their outlines, not by what they show"];

/**
 * Returns the block of one answer. index: its description; note: what is said before the count of hits; open: whether
 * unlikely hits are shown at once; shapes: whether outlines were compared, which say nothing of the same thing; marked:
 * names that were marked in what is asked; cardOf(hit): what `card` wants beside the hit; again: asks anew; widen: asks
 * without the limits, null where there are none.
 */
export function answerView(
  index,
  { title, note = "", open = false, shapes = false, marked = [], cardOf, again, widen },
) {
  const head = el("div", { class: "answer-head", role: "status", "aria-live": "polite" });
  const body = el("div", { class: "answer" });
  const node = el("section", { class: "answer", "aria-label": title }, head, body);
  let unlikely = open;

  const gridOf = (hits, checked = true) => {
    const grid = el(
      "div",
      { class: "grid" },
      hits.map((hit) => card(hit, { ...cardOf(hit), checked })),
    );
    steerGrid(grid);
    return grid;
  };
  const part = ([verdict, name, meaning], hits, checked = true) =>
    el(
      "section",
      { class: "part" },
      el(
        "div",
        { class: `part-head ${verdict}` },
        el("h2", {}, name),
        el("span", { class: "quiet small figures" }, `${counted(hits.length, "photo")}, ${meaning}`),
      ),
      gridOf(hits, checked),
    );

  const parts = (answer) => {
    if (shapes) return answer.hits.length ? part(SHAPES, answer.hits, false) : null;
    return PARTS.map((one) => [one, answer.hits.filter((hit) => hit.verdict === one[0])])
      .filter(([, hits]) => hits.length)
      .map(([one, hits]) => {
        if (one[0] !== "filler" || unlikely) return part(one, hits);
        const show = button(`Show ${counted(hits.length, "unlikely photo")}`, {
          glyph: "down",
          look: "more",
          "aria-expanded": "false",
          onClick: () => {
            unlikely = true;
            render(answer);
            body.querySelector(".filler + .grid a.mount").focus();
          },
        });
        return show;
      });
  };
  const more = (answer) => {
    const hidden = !shapes && !unlikely && answer.hits.some((hit) => hit.verdict === "filler");
    if (!answer.more || hidden) return null;
    const next = button("Show more", {
      glyph: "down",
      look: "more",
      onClick: async () => {
        next.disabled = true;
        try {
          await extend(answer, 50);
          render(answer);
        } catch (error) {
          next.disabled = false;
          notifyFailure(error);
        }
      },
    });
    return next;
  };

  const unlimited = () => (widen ? button("Search without limits", { look: "strong", onClick: widen }) : null);
  const nothing = (answer) => {
    if (answer.hits.some((hit) => shapes || hit.verdict !== "filler")) return null;
    // Without geometry a recipe is seldom sure: its ranking is what it has to say.
    unlikely ||= !index.verifies;
    if (unlikely && answer.hits.length) return null;
    if (widen) {
      return empty(
        "search",
        "Nothing within these limits",
        "No photo of this folder, with these words, is likely enough.",
        unlimited(),
      );
    }
    return empty(
      "search",
      "No photo here surely shows this",
      "Draw a box around the thing that counts, use a sharper or closer photo of it, or look through the unlikely ones.",
    );
  };

  const render = (answer) => {
    const sure = answer.hits.filter((hit) => hit.verdict === "sure").length;
    const found = shapes ? counted(answer.hits.length, "photo") : counted(sure, "sure photo");
    fill(
      head,
      el("h1", {}, title),
      el(
        "p",
        { class: "quiet small figures" },
        `${note ? `${note}: ` : ""}${found} in ${seconds(answer.seconds.all)}`,
      ),
    );
    fill(
      body,
      (answer.notes ?? []).map((note) => el("p", { class: "notes" }, note)),
      nothing(answer),
      parts(answer),
      more(answer),
      examples(),
    );
  };
  // Photos that were marked are asked with, or against, and are no hits: here they can be unmarked.
  const examples = () =>
    marked.length
      ? el(
          "section",
          { class: "part" },
          el(
            "div",
            { class: "part-head" },
            el("h2", {}, "Marked by you"),
            el("span", { class: "quiet small" }, "asked with, or against"),
          ),
          gridOf(marked.map((name) => ({ name }))),
        )
      : null;
  const renderFirst = (stage) => {
    fill(
      head,
      el("h1", {}, title),
      el(
        "p",
        { class: "quiet small" },
        el("span", { class: "busy-ring small-ring" }),
        "First ranking; now checking each photo",
      ),
    );
    fill(body, el("section", { class: "part" }, gridOf(stage.hits, false)));
  };

  return {
    node,
    busy() {
      fill(
        head,
        el("h1", {}, title),
        el("p", { class: "quiet small" }, el("span", { class: "busy-ring small-ring" }), "Searching"),
      );
      fill(body, skeletons());
    },
    show(stage) {
      if (stage.stage === "first") renderFirst(stage);
      else render(stage);
    },
    fail(error) {
      fill(head, el("h1", {}, title));
      fill(body, failed(error, error.kind === "not-found" ? null : again, unlimited()));
    },
  };
}
