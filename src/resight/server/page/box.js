// A box (x0, y0, x1, y1) on a photo of some width and height: drawing, moving, resizing. No DOM in here.

/** The least side of a box, in pixels of the photo: less shows nothing that could be found. */
export const LEAST = 8;

const limit = (value, low, high) => Math.min(Math.max(value, low), high);

/** Returns the box between two points, inside the photo; null where it is too small to be meant. */
export function drawn([x0, y0], [x1, y1], { width, height }) {
  const box = [
    limit(Math.min(x0, x1), 0, width),
    limit(Math.min(y0, y1), 0, height),
    limit(Math.max(x0, x1), 0, width),
    limit(Math.max(y0, y1), 0, height),
  ];
  return box[2] - box[0] >= LEAST && box[3] - box[1] >= LEAST ? box : null;
}

/** Returns the box moved by some pixels, stopped by the edges of the photo. */
export function moved([x0, y0, x1, y1], dx, dy, { width, height }) {
  const right = limit(dx, -x0, width - x1);
  const down = limit(dy, -y0, height - y1);
  return [x0 + right, y0 + down, x1 + right, y1 + down];
}

/** Returns the box with the sides that `edge` names ("n", "se", ...) moved, at least `LEAST` wide and high. */
export function resized([x0, y0, x1, y1], edge, dx, dy, { width, height }) {
  if (edge.includes("w")) x0 = limit(x0 + dx, 0, x1 - LEAST);
  if (edge.includes("e")) x1 = limit(x1 + dx, x0 + LEAST, width);
  if (edge.includes("n")) y0 = limit(y0 + dy, 0, y1 - LEAST);
  if (edge.includes("s")) y1 = limit(y1 + dy, y0 + LEAST, height);
  return [x0, y0, x1, y1];
}

/** Returns the middle of a photo, half as wide and high: where a box begins that is made without a pointer. */
export function middle({ width, height }) {
  return [width / 4, height / 4, (3 * width) / 4, (3 * height) / 4];
}

/** Returns a IIIF region "x,y,w,h" in whole pixels that holds the box. */
export function region([x0, y0, x1, y1]) {
  const [left, top] = [Math.floor(x0), Math.floor(y0)];
  return [left, top, Math.ceil(x1) - left, Math.ceil(y1) - top].join(",");
}
