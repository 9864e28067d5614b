// A photo on which a person draws, moves and resizes one box, by pointer or by keys.

import { drawn, middle, moved, resized } from "./box.js";
import { el } from "./element.js";

const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

/**
 * Returns the photo with its box, and what changes it: `set(box)`, `begin()` for a box in the middle, `arm()` so that a
 * finger draws instead of scrolling. size: {width, height} in original pixels, or null until the picture tells it.
 * changed: called with the new box, or null, when a person is done with a change.
 */
export function boxEditor({ source, label, size, box, changed }) {
  const picture = el("img", { src: source, alt: label, draggable: "false" });
  const fit = el("div", { class: "plate-fit" }, picture);
  const node = el("div", { class: "plate" }, fit);
  const hole = el("div", {});
  const shade = el("div", { class: "shade" }, hole);
  let frame = null;
  let current = box;
  let settling = 0;

  const whole = () => size ?? { width: picture.naturalWidth, height: picture.naturalHeight };
  const known = () => whole().width > 0 && picture.clientWidth > 0;
  const at = (event) => {
    const bounds = picture.getBoundingClientRect();
    const { width, height } = whole();
    return [
      ((event.clientX - bounds.left) / bounds.width) * width,
      ((event.clientY - bounds.top) / bounds.height) * height,
    ];
  };

  const show = () => {
    if (!current || !known()) {
      frame?.remove();
      shade.remove();
      frame = null;
      return;
    }
    if (!frame) {
      frame = el(
        "div",
        { class: "drawn-box", tabindex: "0", role: "group", "aria-roledescription": "box" },
        EDGES.map((edge) => el("div", { class: "handle", "data-edge": edge })),
      );
      frame.addEventListener("keydown", byKeys);
      fit.append(shade, frame);
    }
    const { width, height } = whole();
    const [x0, y0, x1, y1] = current;
    for (const one of [frame, hole]) {
      Object.assign(one.style, {
        left: `${(x0 / width) * 100}%`,
        top: `${(y0 / height) * 100}%`,
        width: `${((x1 - x0) / width) * 100}%`,
        height: `${((y1 - y0) / height) * 100}%`,
      });
    }
    const [left, top, right, bottom] = current.map(Math.round);
    frame.setAttribute(
      "aria-label",
      `Box from ${left}, ${top} to ${right}, ${bottom}. Arrows move it, Shift and arrows resize it, Delete removes it.`,
    );
  };
  const put = (next) => {
    current = next;
    show();
  };

  const byKeys = (event) => {
    const step = Math.max(whole().width, whole().height) / 100;
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") put(null);
    else if (way && event.shiftKey) put(resized(current, "se", ...way, whole()));
    else if (way) put(moved(current, ...way, whole()));
    else return;
    event.preventDefault();
    event.stopPropagation();
    clearTimeout(settling);
    settling = setTimeout(() => changed(current), 500);
  };

  fit.addEventListener("pointerdown", (event) => {
    const edge = event.target.dataset?.edge;
    const inside = event.target === frame;
    const scrolls = event.pointerType === "touch" && !edge && !inside && !fit.classList.contains("armed");
    if (event.button !== 0 || !known() || scrolls) return;
    event.preventDefault();
    const [start, before] = [at(event), current];
    fit.setPointerCapture(event.pointerId);
    const move = (next) => {
      const now = at(next);
      const [dx, dy] = [now[0] - start[0], now[1] - start[1]];
      if (edge) put(resized(before, edge, dx, dy, whole()));
      else if (inside) put(moved(before, dx, dy, whole()));
      else put(drawn(start, now, whole()) ?? before);
    };
    const end = (last) => {
      fit.removeEventListener("pointermove", move);
      fit.removeEventListener("pointerup", end);
      fit.removeEventListener("pointercancel", end);
      fit.classList.remove("armed");
      if (last.type === "pointercancel") put(before);
      else if (String(current) !== String(before)) changed(current);
      frame?.focus({ preventScroll: true });
    };
    fit.addEventListener("pointermove", move);
    fit.addEventListener("pointerup", end);
    fit.addEventListener("pointercancel", end);
  });
  picture.addEventListener("load", show);
  new ResizeObserver(show).observe(picture);

  const begin = () => {
    if (!known()) return;
    fit.classList.add("armed");
    put(current ?? middle(whole()));
    frame.focus({ preventScroll: true });
    changed(current);
  };
  const know = (next) => {
    size = next;
    show();
  };
  /** Shows another source where the browser cannot show the one that was given, such as a file of a kind it does not know. */
  const mend = (other) => {
    const retry = () => {
      picture.src = other;
    };
    if (picture.complete && !picture.naturalWidth) retry();
    else if (!picture.complete) picture.addEventListener("error", retry, { once: true });
  };
  return { node, set: put, begin, know, mend };
}
