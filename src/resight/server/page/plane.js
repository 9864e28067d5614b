// The collection in the plane: alike photos lie together. Wheel, fingers, pointer and keys move it.

import { button, el, fill } from "./element.js";
import { nearest, nearestTowards } from "./nearest.js";
import { openPhoto } from "./photo_dialog.js";
import * as service from "./service.js";
import { zoomButtons } from "./side_by_side.js";
import { failed, waiting } from "./states.js";
import { START, drawing, shown, steer, under } from "./viewport.js";

const SIDE = 44;
const MOST_LOADING = 6;

/** Shows the plane in a node; returns what ends it. */
export function showPlane(node, app, signal) {
  const { block, progress } = waiting(
    "Placing the photos",
    "Alike photos are put close together. This is done once for an index.",
  );
  let stop = () => {};
  fill(node, block);
  service
    .computed(app.index.id, "/embedding", {}, progress, signal)
    .then(({ points }) => {
      if (!signal.aborted) stop = draw(node, app, points);
    })
    .catch((error) => {
      if (!signal.aborted)
        fill(
          node,
          failed(
            error,
            error.status >= 500 ? () => app.render() : null,
            button("By folder", { onClick: () => app.go({ tab: "" }) }),
          ),
        );
    });
  return () => stop();
}

function draw(node, app, points) {
  const tip = el("p", { class: "tip", role: "status", hidden: true });
  const canvas = el("canvas", {
    tabindex: "0",
    role: "application",
    "aria-label": `Map of ${points.length} photos by likeness. Arrows go to the next photo, Enter opens it, plus and minus zoom.`,
  });
  const thumbs = new Map();
  const waitingFor = [];
  let loading = 0;
  let view = START;
  let chosen = null;

  const next = () => {
    while (loading < MOST_LOADING && waitingFor.length) {
      const name = waitingFor.pop();
      const picture = new Image();
      loading += 1;
      const done = () => {
        loading -= 1;
        next();
        board.redraw();
      };
      picture.onload = () => {
        thumbs.set(name, picture);
        done();
      };
      picture.onerror = done;
      picture.src = service.thumbnail(app.index.id, name, 160);
    }
  };
  const place = ({ x, y }, width, height) =>
    shown(view, [SIDE + x * (width - 2 * SIDE), SIDE + y * (height - 2 * SIDE)]);
  // Pictures cover about half of the plane at first, and grow more slowly than the distances between them.
  const size = () => {
    const room = Math.sqrt((canvas.clientWidth * canvas.clientHeight) / points.length);
    return Math.min(160, Math.max(10, Math.min(64, 0.75 * room) * Math.sqrt(view.scale)));
  };

  const board = drawing(canvas, (context, width, height) => {
    const side = size();
    const colour = getComputedStyle(canvas);
    for (const point of points) {
      const [x, y] = place(point, width, height);
      if (x < -side || y < -side || x > width + side || y > height + side) continue;
      const picture = thumbs.get(point.name);
      if (picture) {
        const scale = side / Math.max(picture.naturalWidth, picture.naturalHeight);
        const [w, h] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
        context.drawImage(picture, x - w / 2, y - h / 2, w, h);
      } else {
        if (picture === undefined) {
          thumbs.set(point.name, null);
          waitingFor.push(point.name);
        }
        context.fillStyle = colour.color;
        context.globalAlpha = 0.25;
        context.fillRect(x - 3, y - 3, 6, 6);
        context.globalAlpha = 1;
      }
    }
    if (chosen) {
      const [x, y] = place(chosen, width, height);
      const picture = thumbs.get(chosen.name);
      const large = Math.max(side * 1.6, 96);
      const scale = picture ? large / Math.max(picture.naturalWidth, picture.naturalHeight) : 0;
      const [w, h] = picture ? [picture.naturalWidth * scale, picture.naturalHeight * scale] : [large, large];
      if (picture) context.drawImage(picture, x - w / 2, y - h / 2, w, h);
      Object.assign(context, { strokeStyle: "#ff5a36", lineWidth: 3 });
      context.strokeRect(x - w / 2, y - h / 2, w, h);
    }
    next();
  });
  const choose = (point) => {
    if (point === chosen) return;
    chosen = point;
    tip.hidden = !point;
    tip.textContent = point?.name ?? "";
    board.redraw();
  };
  const hitBy = ([px, py]) => {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    let best = null;
    let least = Math.max(14, size() / 2);
    for (const point of points) {
      const [x, y] = place(point, width, height);
      const far = Math.max(Math.abs(x - px), Math.abs(y - py));
      if (far <= least) [best, least] = [point, far];
    }
    return best;
  };
  const reveal = (point) => {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const [x, y] = place(point, width, height);
    if (x < SIDE || y < SIDE || x > width - SIDE || y > height - SIDE)
      view = { ...view, x: view.x + width / 2 - x, y: view.y + height / 2 - y };
  };
  const steering = steer(canvas, {
    get: () => view,
    set: (wanted) => {
      view = wanted;
      board.redraw();
    },
    tapped: (at) => {
      const point = hitBy(at);
      if (!point) return choose(null);
      choose(point);
      openPhoto(app, point);
    },
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons || event.pointerType === "touch") return;
    const bounds = canvas.getBoundingClientRect();
    choose(hitBy([event.clientX - bounds.left, event.clientY - bounds.top]));
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      const [x, y] = under(view, [canvas.clientWidth / 2, canvas.clientHeight / 2]);
      const middle = {
        x: (x - SIDE) / (canvas.clientWidth - 2 * SIDE),
        y: (y - SIDE) / (canvas.clientHeight - 2 * SIDE),
      };
      const to = chosen ? nearestTowards(points, chosen, way) : nearest(points, middle);
      if (to) {
        reveal(to);
        choose(to);
      }
    } else if (event.key === "Enter" && chosen) openPhoto(app, chosen);
    else if (event.key === "s" && chosen) app.search([{ name: chosen.name, box: null }]);
    else return;
    event.preventDefault();
  });
  fill(node, el("div", { class: "plane" }, canvas, tip, zoomButtons(steering)));
  return board.stop;
}
