// One hit, or one photo of a listing, in a grid; and the keys of a grid.

import { button, el, fileAndFolder, svg } from "./element.js";
import { fieldText, labelOf, percent, score } from "./format.js";
import * as service from "./service.js";
import * as tray from "./tray.js";

/**
 * Returns a card. item: a hit, or a photo of a listing; open, seek: called when it is opened, and searched with; marks: what
 * `newMarks` gives, or null where nothing can be marked; checked: whether the hit is of a verified answer, with a probability.
 */
export function card(item, { index, href, open, seek, marks = null, checked = true }) {
  const { name } = item;
  const picture = el("img", {
    src: service.thumbnail(index, name),
    alt: "",
    loading: "lazy",
    decoding: "async",
    on: {
      error: () =>
        picture.replaceWith(el("span", { class: "broken" }, "The file of this photo cannot be read any more.")),
    },
  });
  const link = el(
    "a",
    {
      class: "mount",
      href,
      draggable: "false",
      "aria-label": spoken(item, checked),
      on: {
        click: (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
          event.preventDefault();
          open();
        },
      },
    },
    picture,
    item.rank ? el("span", { class: "rank", "aria-hidden": "true" }, item.rank) : null,
    foundIn(item),
  );

  const collect = button("Put in the tray", {
    glyph: "tray",
    quiet: true,
    onClick: () => {
      tray.turn(index, name, item.region);
      show();
    },
  });
  const right =
    marks &&
    button("Right: shows the same thing", { glyph: "check", quiet: true, look: "right", onClick: () => mark("right") });
  const wrong =
    marks &&
    button("Wrong: shows something else", { glyph: "cross", quiet: true, look: "wrong", onClick: () => mark("wrong") });
  const mark = (one) => {
    marks.turn(name, one);
    show();
  };
  const node = el(
    "article",
    { class: "card" },
    link,
    el("div", {}, fileAndFolder(name), facts(item, checked), captionOf(item)),
    el(
      "div",
      { class: "acts" },
      right,
      wrong,
      collect,
      button("Search with this photo", { glyph: "search", look: "search", quiet: true, onClick: seek }),
    ),
  );
  const show = () => {
    const marked = marks?.get(name);
    node.classList.toggle("is-right", marked === "right");
    node.classList.toggle("is-wrong", marked === "wrong");
    right?.setAttribute("aria-pressed", marked === "right");
    wrong?.setAttribute("aria-pressed", marked === "wrong");
    collect.setAttribute("aria-pressed", tray.inTray(index, name));
  };
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { t: collect, s: node.querySelector(".acts").lastChild, r: right, w: wrong }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act.click();
  });
  node.dataset.name = name;
  show();
  return node;
}

function spoken(item, checked) {
  const parts = [item.rank ? `${item.rank}: ${labelOf(item.name)}` : labelOf(item.name)];
  if (item.rank && checked) parts.push(`${percent(item.probability)} the same thing`);
  if (item.inliers) parts.push(`${item.inliers} matched points`);
  return parts.join(", ");
}

/** Returns the outline of what was found, over a thumbnail; null where nothing says so. */
function foundIn({ box, width, height }) {
  if (!box || !width) return null;
  const [x0, y0, x1, y1] = box;
  if ((x1 - x0) * (y1 - y0) > 0.8 * width * height) return null; // Nearly the whole photo: an edge around it tells nothing.
  const shape = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, "vector-effect": "non-scaling-stroke" };
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("rect", { class: "found under", ...shape }),
    svg("rect", { class: "found", ...shape }),
  );
}

function facts(item, checked) {
  if (!item.rank) return null;
  const points = item.inliers ? `${item.inliers.toLocaleString("en")} points` : null;
  return el(
    "p",
    { class: "facts figures" },
    checked
      ? el(
          "span",
          { class: `badge ${item.verdict}`, title: "Probability that it shows the same thing" },
          percent(item.probability),
        )
      : null,
    item.copy ? el("span", {}, "identical file") : null,
    el("span", { title: `Score ${item.score}` }, points ?? `score ${score(item.score)}`),
    item.moved ? el("span", {}, item.moved) : null,
  );
}

function captionOf({ metadata }) {
  const first = Object.values(metadata ?? {}).find((value) => fieldText(value).trim());
  return first === undefined ? null : el("p", { class: "caption-line", title: fieldText(first) }, fieldText(first));
}

/** Lets Tab go in and out of a grid, and the arrows from card to card in it. */
export function steerGrid(grid) {
  const links = () => [...grid.querySelectorAll("a.mount")];
  const only = (chosen) => {
    for (const card of grid.children) {
      const own = card.contains(chosen);
      for (const control of card.querySelectorAll("a, button")) control.tabIndex = own ? 0 : -1;
    }
  };
  grid.addEventListener("focusin", (event) => only(event.target));
  grid.addEventListener("keydown", (event) => {
    const all = links();
    const place = all.indexOf(event.target);
    const across = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const step = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -across,
      ArrowDown: across,
      Home: -place,
      End: all.length - 1 - place,
    }[event.key];
    if (place < 0 || step === undefined) return;
    event.preventDefault();
    all[Math.min(Math.max(place + step, 0), all.length - 1)].focus();
  });
  only(links()[0]);
}

/** Returns what stands for a grid while it is not there. */
export function skeletons(count = 12) {
  return el(
    "div",
    { class: "grid", "aria-hidden": "true" },
    Array.from({ length: count }, () => el("div", { class: "skeleton" })),
  );
}
