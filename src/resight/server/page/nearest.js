// Which point of the plane is meant. No DOM in here.

/** Returns the point nearest to another in the way of an arrow key, null where there is none. way: [dx, dy]. */
export function nearestTowards(points, from, [dx, dy]) {
  let best = null;
  let least = Infinity;
  for (const point of points) {
    const [x, y] = [point.x - from.x, point.y - from.y];
    const along = x * dx + y * dy;
    const aside = Math.abs(x * dy - y * dx);
    const far = along + 2 * aside;
    if (point !== from && along > 1e-9 && aside <= along * 1.5 && far < least) [best, least] = [point, far];
  }
  return best;
}

/** Returns the point nearest to a place, of one or more. */
export function nearest(points, { x, y }) {
  return points.reduce(
    (best, point) => (Math.hypot(point.x - x, point.y - y) < Math.hypot(best.x - x, best.y - y) ? point : best),
    points[0],
  );
}
