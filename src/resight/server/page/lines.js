// Which matched lines to draw, their colours, and the outline of the query in a hit. No DOM in here.

/**
 * Returns the places of at most `most` lines, spread over the query: the first of each cell of a grid, then the second.
 * Lines come strongest first, so that each part of the photo keeps its strongest ones. lines: [x, y, x2, y2] each.
 */
export function spread(lines, most, cells = 8) {
  const all = lines.map((_, place) => place);
  if (lines.length <= most) return all;
  const bounds = (axis) => {
    const values = lines.map((line) => line[axis]);
    return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  };
  const [[left, right], [top, bottom]] = [bounds(0), bounds(1)];
  const cell = (value, low, high) =>
    Math.min(cells - 1, Math.floor(((value - low) / Math.max(high - low, 1e-9)) * cells));
  const held = new Map();
  const turn = lines.map(([x, y]) => {
    const key = cell(y, top, bottom) * cells + cell(x, left, right);
    const before = held.get(key) ?? 0;
    held.set(key, before + 1);
    return before;
  });
  return all
    .sort((a, b) => turn[a] - turn[b] || a - b)
    .slice(0, most)
    .sort((a, b) => a - b);
}

/** Returns a hue for each line, from the left of the query to its right, so that crossing lines stand out. Red is left for what is wrong. */
export function hues(lines) {
  const order = lines.map((_, place) => place).sort((a, b) => lines[a][0] - lines[b][0]);
  const hue = new Array(lines.length);
  order.forEach((place, rank) => {
    hue[place] = 30 + (290 * rank) / Math.max(1, lines.length);
  });
  return hue;
}

/** Returns where a transform (3 x 3) sends a point, null where that is at infinity. */
export function sent(transform, x, y) {
  const [u, v, w] = transform.map(([a, b, c]) => a * x + b * y + c);
  return Math.abs(w) > 1e-9 ? [u / w, v / w] : null;
}

/** Returns the corners of a box of the query in the hit; null where the transform folds it or sends it to infinity. */
export function outline(transform, [x0, y0, x1, y1]) {
  if (!transform) return null;
  const corners = [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ];
  const depths = corners.map(([x, y]) => transform[2][0] * x + transform[2][1] * y + transform[2][2]);
  if (!depths.every((depth) => depth > 1e-9) && !depths.every((depth) => depth < -1e-9)) return null;
  const quad = corners.map(([x, y]) => sent(transform, x, y));
  const turns = quad.map(([x, y], place) => {
    const [u, v] = quad[(place + 1) % 4];
    const [s, t] = quad[(place + 2) % 4];
    return (u - x) * (t - v) - (v - y) * (s - u);
  });
  return turns.every((turn) => turn > 0) || turns.every((turn) => turn < 0) ? quad : null;
}

/** Returns the lines that are tentative only: putative ones that no verified line equals. */
export function unverified(putative, verified) {
  const key = (line) => line.map((value) => Math.round(value * 4)).join();
  const known = new Set(verified.map(key));
  return putative.filter((line) => !known.has(key(line)));
}

/**
 * Returns where two photos lie on a stage, {x, y, scale} each: beside each other, or below each other on a high stage.
 * Both get one height (or width), so that neither is favoured.
 */
export function laidOut(query, hit, width, height, gap = 16) {
  const beside = width >= height;
  const [one, other] = [query.width / query.height, hit.width / hit.height];
  if (beside) {
    const side = Math.min(height - 2 * gap, (width - 3 * gap) / (one + other));
    const left = (width - side * (one + other) - gap) / 2;
    const top = (height - side) / 2;
    return {
      query: { x: left, y: top, scale: side / query.height },
      hit: { x: left + side * one + gap, y: top, scale: side / hit.height },
    };
  }
  const side = Math.min(width - 2 * gap, (height - 3 * gap) / (1 / one + 1 / other));
  const left = (width - side) / 2;
  const top = (height - side / one - side / other - gap) / 2;
  return {
    query: { x: left, y: top, scale: side / query.width },
    hit: { x: left, y: top + side / one + gap, scale: side / hit.width },
  };
}
