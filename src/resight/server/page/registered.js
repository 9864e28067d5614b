// The query laid on the hit by their transform: one after the other, a slider between them, through each other, and their
// difference.

import { slider } from "./choices.js";
import { button, el, fill } from "./element.js";

/**
 * Returns a stage, its controls and what ends it. kind: "toggle", "wipe", "blend" or "difference"; pair: {hit, registered}
 * pictures of one shape.
 */
export function laidOver(kind, { hit, registered }, names) {
  const [below, above] = [
    copyOf(hit, `The hit, ${names.hit}`),
    copyOf(registered, `The query, ${names.query}, laid on the hit`),
  ];
  const figure = figureOf(hit, below, above);
  const stage = el("div", { class: "stage" }, el("div", { class: "laid" }, figure));
  const make = { toggle, wipe, blend, difference }[kind];
  return { node: stage, ...make({ stage, figure, below, above, hit, registered }) };
}

/** Returns a figure as large as its stage allows, whatever the pixels of the picture. */
export function figureOf({ naturalWidth, naturalHeight }, ...children) {
  const figure = el("figure", {}, children);
  figure.style.width = `min(100cqw, ${((100 * naturalWidth) / naturalHeight).toFixed(3)}cqh)`;
  figure.style.aspectRatio = `${naturalWidth} / ${naturalHeight}`;
  return figure;
}

function copyOf(picture, alt) {
  return el("img", { src: picture.src, alt, draggable: "false" });
}

function toggle({ stage, figure, below, above }) {
  const caption = el("figcaption", { "aria-live": "polite" });
  figure.append(caption);
  let query = false;
  let beat = 0;
  const show = () => {
    above.style.visibility = query ? "visible" : "hidden";
    below.style.visibility = query ? "hidden" : "visible";
    caption.textContent = query ? "Query" : "Hit";
  };
  const turn = () => {
    query = !query;
    show();
  };
  const still = () => {
    clearInterval(beat);
    beat = 0;
  };
  const change = button("Change", { glyph: "refresh", look: "strong", onClick: turn });
  const play = button("Blink", {
    glyph: "play",
    "aria-pressed": "false",
    onClick: () => {
      if (beat) still();
      else beat = setInterval(turn, 700);
      play.setAttribute("aria-pressed", Boolean(beat));
    },
  });
  stage.addEventListener("click", turn);
  const keys = (event) => {
    if (event.key !== " " || event.target.closest?.("button, input, select, a, dialog")) return;
    event.preventDefault();
    turn();
  };
  window.addEventListener("keydown", keys);
  show();
  const stop = () => {
    still();
    window.removeEventListener("keydown", keys);
  };
  return {
    controls: [
      el("p", { class: "quiet small" }, "What lies in one place in both photos stays still. Space changes them too."),
      el("div", { class: "row" }, change, play),
    ],
    stop,
  };
}

function wipe({ figure, below, above }) {
  const edge = el("div", { class: "edge" });
  figure.append(edge);
  const show = (share) => {
    above.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    below.style.clipPath = `inset(0 0 0 ${share}%)`;
    edge.style.left = `${share}%`;
  };
  const control = slider(
    "Query on the left, hit on the right",
    { min: 0, max: 100, value: 50, say: (share) => `${share} %` },
    show,
  );
  const range = control.querySelector("input");
  const drag = (event) => {
    if (event.type === "pointermove" && !figure.hasPointerCapture(event.pointerId)) return;
    if (event.type === "pointerdown") figure.setPointerCapture(event.pointerId);
    const bounds = figure.getBoundingClientRect();
    range.value = Math.round(((event.clientX - bounds.left) / bounds.width) * 100);
    range.dispatchEvent(new Event("input"));
  };
  figure.addEventListener("pointerdown", drag);
  figure.addEventListener("pointermove", drag);
  Object.assign(figure.style, { cursor: "ew-resize", touchAction: "none" });
  show(50);
  return { controls: [control], stop: () => {} };
}

function blend({ above }) {
  const show = (share) => {
    above.style.opacity = share / 100;
  };
  show(50);
  return {
    controls: [slider("How much of the query", { min: 0, max: 100, value: 50, say: (share) => `${share} %` }, show)],
    stop: () => {},
  };
}

function difference({ figure, hit, registered }) {
  const sheet = el("canvas", {
    width: hit.naturalWidth,
    height: hit.naturalHeight,
    role: "img",
    "aria-label": "Difference of the two photos: black where they are equal",
  });
  let gain = 2;
  const draw = () => {
    const { width, height } = sheet;
    const context = sheet.getContext("2d", { willReadFrequently: true });
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, width, height);
    context.drawImage(hit, 0, 0, width, height);
    context.globalCompositeOperation = "difference";
    context.drawImage(registered, 0, 0, width, height);
    // The registered query is transparent where it does not reach: nothing can be compared there.
    context.globalCompositeOperation = "destination-in";
    context.drawImage(registered, 0, 0, width, height);
    context.globalCompositeOperation = "source-over";
    const pixels = context.getImageData(0, 0, width, height);
    const { data } = pixels;
    for (let place = 0; place < data.length; place += 1) if (place % 4 !== 3) data[place] *= gain;
    context.putImageData(pixels, 0, 0);
  };
  fill(figure, sheet);
  draw();
  return {
    controls: [
      el(
        "p",
        { class: "quiet small" },
        "Black is where both photos are equal, once one lies on the other. Where the query does not reach, nothing is shown.",
      ),
      slider("Brightness", { min: 1, max: 6, value: gain, say: (value) => `× ${value}` }, (value) => {
        gain = value;
        draw();
      }),
    ],
    stop: () => {},
  };
}
