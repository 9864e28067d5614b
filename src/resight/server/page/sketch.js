// A sheet on which a person draws what to look for, by pointer or by keys.

import { button, el } from "./element.js";
import { slider } from "./choices.js";
import { openDialog } from "./dialog.js";

const SIDE = 768;
const STEP = 12;

/** Opens the sheet; calls `take` with the drawing as a PNG file. */
export function openSketch(take) {
  const sheet = el("canvas", {
    class: "sketch-paper",
    width: SIDE,
    height: SIDE,
    tabindex: "0",
    role: "img",
    "aria-label": "Sheet to draw on. Arrows move the pen; Space puts it down and lifts it.",
  });
  const ink = sheet.getContext("2d");
  const strokes = [];
  let thickness = 8;
  let pen = [SIDE / 2, SIDE / 2];
  let down = false;
  let keyed = false;

  const draw = () => {
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, SIDE, SIDE);
    Object.assign(ink, { lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
    for (const { width, points } of strokes) {
      ink.lineWidth = width;
      ink.beginPath();
      points.forEach(([x, y], place) => (place ? ink.lineTo(x, y) : ink.moveTo(x, y)));
      if (points.length === 1) ink.lineTo(points[0][0] + 0.1, points[0][1]);
      ink.stroke();
    }
    undo.disabled = clear.disabled = go.disabled = !strokes.length;
  };
  const showPen = () => {
    draw();
    if (!keyed) return;
    ink.beginPath();
    ink.arc(...pen, thickness / 2 + 6, 0, 7);
    Object.assign(ink, { strokeStyle: "#c2371c", lineWidth: down ? 5 : 2 });
    ink.stroke();
  };
  const at = (event) => {
    const bounds = sheet.getBoundingClientRect();
    return [
      ((event.clientX - bounds.left) / bounds.width) * SIDE,
      ((event.clientY - bounds.top) / bounds.height) * SIDE,
    ];
  };
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    sheet.setPointerCapture(event.pointerId);
    [keyed, down] = [false, false];
    strokes.push({ width: thickness, points: [at(event)] });
    draw();
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!sheet.hasPointerCapture(event.pointerId)) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) strokes.at(-1).points.push(at(one));
    draw();
  });
  sheet.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    keyed = true;
    if (way) pen = pen.map((value, axis) => Math.min(Math.max(value + way[axis], 0), SIDE));
    else {
      down = !down;
      if (down) strokes.push({ width: thickness, points: [] });
    }
    if (down) strokes.at(-1).points.push([...pen]);
    showPen();
  });

  const undo = button("Undo", {
    glyph: "undo",
    onClick: () => {
      strokes.pop();
      down = false;
      draw();
    },
  });
  const clear = button("Clear", {
    glyph: "trash",
    onClick: () => {
      strokes.length = 0;
      down = false;
      draw();
    },
  });
  const go = button("Search with this drawing", {
    glyph: "search",
    look: "strong",
    onClick: () => {
      draw();
      sheet.toBlob((blob) => {
        dialog.close();
        take(new File([blob], "drawing.png", { type: "image/png" }));
      }, "image/png");
    },
  });
  const pencil = slider(
    "Thickness of the pencil",
    { min: 3, max: 24, value: thickness, say: (value) => `${value} px` },
    (value) => {
      thickness = value;
    },
  );
  const dialog = openDialog("Draw what you look for", [
    el("p", { class: "quiet" }, "Outlines are enough: draw the shape large, as it would lie in the photo."),
    sheet,
    pencil,
    el("div", { class: "row apart" }, el("div", { class: "row" }, undo, clear), go),
  ]);
  draw();
  sheet.focus();
}
