// Panning and zooming of a canvas: {x, y, scale}, so that a point p of the world is shown at p * scale + (x, y). No DOM
// but in `steer`, which moves a viewport by wheel, pointers and keys.

export const START = { x: 0, y: 0, scale: 1 };

/** Returns the viewport zoomed by a factor about a point of the screen, within limits of scale. */
export function zoomed({ x, y, scale }, factor, [px, py], [least, most] = [0.5, 40]) {
  const next = Math.min(Math.max(scale * factor, least), most);
  const by = next / scale;
  return { x: px - (px - x) * by, y: py - (py - y) * by, scale: next };
}

/** Returns the viewport moved by pixels of the screen. */
export function panned({ x, y, scale }, dx, dy) {
  return { x: x + dx, y: y + dy, scale };
}

export const shown = ({ x, y, scale }, [u, v]) => [u * scale + x, v * scale + y];
export const under = ({ x, y, scale }, [px, py]) => [(px - x) / scale, (py - y) / scale];

/** Returns the factor of a turn of the wheel, the same for wheels that count pixels, lines or pages. */
export function wheelFactor({ deltaY, deltaMode }) {
  const pixels = deltaY * [1, 30, 400][deltaMode ?? 0];
  return Math.exp(-Math.min(Math.max(pixels, -240), 240) / 400);
}

/**
 * Lets the wheel, one pointer, two fingers and the keys + - 0 move a viewport over a canvas; returns what buttons call.
 * get, set: of the viewport; tapped: called with the point of a click that moved nothing.
 */
export function steer(canvas, { get, set, tapped = () => {} }) {
  const down = new Map();
  let travelled = 0;
  const point = (event) => {
    const bounds = canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };
  const centre = () => [canvas.clientWidth / 2, canvas.clientHeight / 2];
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      set(zoomed(get(), wheelFactor(event), point(event)));
    },
    { passive: false },
  );
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    if (!down.size) travelled = 0;
    down.set(event.pointerId, point(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = point(event);
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    const others = [...down].filter(([id]) => id !== event.pointerId).map(([, where]) => where);
    down.set(event.pointerId, now);
    if (others.length) {
      const spread = (where) => Math.max(1, Math.hypot(where[0] - others[0][0], where[1] - others[0][1]));
      set(zoomed(get(), spread(now) / spread(before), others[0]));
    } else if (travelled > 4) set(panned(get(), now[0] - before[0], now[1] - before[1]));
  });
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    if (event.type === "pointerup" && travelled <= 4) tapped(point(event));
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") set(zoomed(get(), 1.3, centre()));
    else if (event.key === "-") set(zoomed(get(), 1 / 1.3, centre()));
    else if (event.key === "0") set(START);
    else return;
    event.preventDefault();
  });
  return {
    larger: () => set(zoomed(get(), 1.5, centre())),
    smaller: () => set(zoomed(get(), 1 / 1.5, centre())),
    whole: () => set(START),
  };
}

/** Calls `draw(context, width, height)` in CSS pixels when the canvas changes its size; returns what draws and what stops. */
export function drawing(canvas, draw) {
  let asked = 0;
  const paint = () => {
    asked = 0;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  const redraw = () => {
    asked ||= requestAnimationFrame(paint);
  };
  const watching = new ResizeObserver(redraw);
  watching.observe(canvas);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);
  const stop = () => {
    watching.disconnect();
    dark.removeEventListener("change", redraw);
    cancelAnimationFrame(asked);
  };
  return { redraw, stop };
}
