// Query and hit on one canvas that zooms: matched lines, features, the region that was found.

import { button, el } from "./element.js";
import { hues, laidOut, outline, spread, unverified } from "./lines.js";
import { START, drawing, panned, shown, steer } from "./viewport.js";

/** Returns a picture once it is there; it fails with a sentence. */
export function pictureAt(source) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    picture.onload = () => resolve(picture);
    picture.onerror = () =>
      reject(
        Object.assign(new Error("A photo of this pair cannot be shown."), {
          hint: "Its file was moved or removed since it was indexed. `resight update` makes the index equal to its folders again.",
        }),
      );
    picture.src = source;
  });
}

/**
 * Returns the stage and `update()`, which draws it anew. pair: {query, hit} pictures; evidence: as the service gives it;
 * look: {which: "verified" | "putative", most, width, lines, features, region}, read at each drawing; part: box of the query.
 */
export function sideBySide(pair, evidence, look, part, label) {
  const canvas = el("canvas", { tabindex: "0", role: "img", "aria-label": label });
  let view = START;
  const { query, hit } = evidence;
  const quad = evidence.transform && outline(evidence.transform, part ?? [0, 0, query.width, query.height]);
  const tentative = unverified(evidence.putative ?? [], evidence.verified ?? []);

  const board = drawing(canvas, (context, width, height) => {
    const place = laidOut(query, hit, width, height);
    const put =
      (side) =>
      ([x, y]) =>
        shown(view, [place[side].x + x * place[side].scale, place[side].y + y * place[side].scale]);
    const [onQuery, onHit] = [put("query"), put("hit")];
    context.imageSmoothingQuality = "high";
    for (const [picture, size, at] of [
      [pair.query, query, onQuery],
      [pair.hit, hit, onHit],
    ]) {
      const [x, y] = at([0, 0]);
      const [right, bottom] = at([size.width, size.height]);
      context.drawImage(picture, x, y, right - x, bottom - y);
    }
    const inside = (at, size, draw) => {
      const [x, y] = at([0, 0]);
      const [right, bottom] = at([size.width, size.height]);
      context.save();
      context.beginPath();
      context.rect(x, y, right - x, bottom - y);
      context.clip();
      draw();
      context.restore();
    };
    const scale = { query: place.query.scale * view.scale, hit: place.hit.scale * view.scale };
    const features = look.features ? evidence.features : {};
    inside(onQuery, query, () => {
      drawFeatures(context, features.query ?? [], onQuery, scale.query);
      if (look.region) drawShape(context, corners(part), onQuery);
    });
    inside(onHit, hit, () => {
      drawFeatures(context, features.hit ?? [], onHit, scale.hit);
      if (look.region && !isWhole(evidence.box, hit)) drawShape(context, quad ?? corners(evidence.box), onHit);
    });
    if (!look.lines) return;
    if (look.which === "putative") drawLines(context, tentative, look, onQuery, onHit, () => "rgb(255 90 54 / 75%)");
    const verified = evidence.verified ?? [];
    const colour = hues(verified);
    drawLines(context, verified, look, onQuery, onHit, (own) => `hsl(${colour[own]} 90% 58%)`);
  });
  const steering = steer(canvas, {
    get: () => view,
    set: (next) => {
      view = next;
      board.redraw();
    },
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (!way || view.scale <= 1) return;
    event.preventDefault();
    event.stopPropagation();
    view = panned(view, ...way);
    board.redraw();
  });
  const node = el("div", { class: "stage" }, canvas, zoomButtons(steering));
  return { node, update: board.redraw, stop: board.stop };
}

/** Returns the buttons of a canvas that zooms. */
export function zoomButtons({ larger, smaller, whole }) {
  return el(
    "div",
    { class: "zoom" },
    button("Larger", { glyph: "plus", quiet: true, onClick: larger }),
    button("Smaller", { glyph: "minus", quiet: true, onClick: smaller }),
    button("Whole", { glyph: "fit", quiet: true, onClick: whole }),
  );
}

/** Returns whether a box covers nearly all of a photo: of its outline only crumbs would be in sight. */
function isWhole(box, { width, height }) {
  return box && (box[2] - box[0]) * (box[3] - box[1]) > 0.9 * width * height;
}

function corners(box) {
  return box
    ? [
        [box[0], box[1]],
        [box[2], box[1]],
        [box[2], box[3]],
        [box[0], box[3]],
      ]
    : null;
}

function drawShape(context, points, put) {
  if (!points) return;
  context.beginPath();
  for (const point of points) context.lineTo(...put(point));
  context.closePath();
  for (const [style, width] of [
    ["rgb(0 0 0 / 60%)", 5],
    ["#ff5a36", 2.5],
  ]) {
    Object.assign(context, { strokeStyle: style, lineWidth: width, lineJoin: "round" });
    context.stroke();
  }
}

function drawLines(context, lines, look, onQuery, onHit, colour) {
  for (const place of spread(lines, look.most)) {
    const [x, y, x2, y2] = lines[place];
    const [from, to] = [onQuery([x, y]), onHit([x2, y2])];
    const trace = () => {
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    };
    Object.assign(context, { lineWidth: look.width + 1.5, strokeStyle: "rgb(0 0 0 / 35%)", lineCap: "round" });
    trace();
    Object.assign(context, { lineWidth: look.width, strokeStyle: colour(place), fillStyle: colour(place) });
    trace();
    for (const end of [from, to]) {
      context.beginPath();
      context.arc(...end, look.width + 1.5, 0, 7);
      context.fill();
    }
  }
}

function drawFeatures(context, points, put, scale) {
  for (const [x, y, sigma] of points) {
    const at = put([x, y]);
    const radius = Math.max(2, 2 * sigma * scale);
    for (const [style, width] of [
      ["rgb(0 0 0 / 55%)", 2.6],
      ["#ffe14d", 1.2],
    ]) {
      context.beginPath();
      context.arc(...at, radius, 0, 7);
      Object.assign(context, { strokeStyle: style, lineWidth: width });
      context.stroke();
    }
  }
}
