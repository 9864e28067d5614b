// Draws the photos of the page in the plane, and lets a person look around.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const { photos, groups, marks } = data;
  const element = (id) => document.getElementById(id);
  const canvas = element("plane"), card = element("card"), context = canvas.getContext("2d");
  const [large, nameLine, factLine] = card.children;
  const MARGIN = 60, LEAST = 0.5, MOST = 200;
  let width = 0, height = 0, zoom = 1, centre = [0.5, 0.5], pointed = null, chosen = null, waiting = false;

  // Marked photos lie above the others, the query above all.
  const order = [...photos].sort((a, b) => weight(a) - weight(b));
  function weight(photo) {
    return photo.query ? 2 : photo.euclidean || photo.manifold ? 1 : 0;
  }

  for (const photo of photos) {
    if (!photo.picture) continue;
    photo.image = new Image();
    photo.image.onload = draw;
    photo.image.src = photo.picture[0];
  }

  const scale = () => Math.max(50, Math.min(width, height) - 2 * MARGIN) * zoom;
  const side = () => {
    const alone = Math.min(width, height) / Math.sqrt(photos.length);
    return Math.min(Math.max(16, Math.min(90, alone)) * Math.sqrt(Math.max(zoom, 0.7)), 240);
  };
  const place = (photo) => [
    width / 2 + (photo.x - centre[0]) * scale(),
    height / 2 + (photo.y - centre[1]) * scale(),
  ];

  function box(photo) {
    const [x, y] = place(photo), [, w, h] = photo.picture || [null, 4, 3];
    const factor = side() * (photo === pointed ? 1.25 : 1) / Math.max(w, h);
    return [x - w * factor / 2, y - h * factor / 2, w * factor, h * factor];
  }

  function badge(x, y, text, [colour, ink], round) {
    const r = 9;
    context.fillStyle = colour;
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    context.beginPath();
    if (round) context.arc(x, y, r, 0, 2 * Math.PI);
    else context.rect(x - r, y - r, 2 * r, 2 * r);
    context.fill();
    context.stroke();
    context.fillStyle = ink;
    context.font = "bold 11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x, y + 0.5);
  }

  function paint(photo) {
    const [x, y, w, h] = box(photo), faint = chosen !== null && photo.group !== chosen && !weight(photo);
    if (x > width || y > height || x + w < 0 || y + h < 0) return;
    const frame = photo.query ? 5 : 2.5;
    context.globalAlpha = faint ? 0.15 : 1;
    context.fillStyle = photo.query ? marks.query : groups[photo.group][1];
    context.fillRect(x - frame, y - frame, w + 2 * frame, h + 2 * frame);
    if (photo.image && photo.image.complete && photo.image.naturalWidth) context.drawImage(photo.image, x, y, w, h);
    context.globalAlpha = 1;
  }

  function rank(photo) {
    const [x, y, w] = box(photo);
    if (photo.euclidean) badge(x, y, photo.euclidean, marks.euclidean, false);
    if (photo.manifold) badge(x + w, y, photo.manifold, marks.manifold, true);
  }

  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const dense = window.devicePixelRatio || 1;
      context.setTransform(dense, 0, 0, dense, 0, 0);
      context.clearRect(0, 0, width, height);
      for (const photo of order) if (photo !== pointed) paint(photo);
      // Ranks above all photos: those of what lies close together are what is looked for.
      for (const photo of order) rank(photo);
      if (pointed) {
        paint(pointed);
        rank(pointed);
      }
    });
  }

  function resize() {
    const dense = window.devicePixelRatio || 1;
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
    draw();
  }

  // The place below (x, y) stays below it.
  function zoomed(factor, x = width / 2, y = height / 2) {
    const before = scale();
    zoom = Math.min(Math.max(zoom * factor, LEAST), MOST);
    for (const [axis, offset] of [[0, x - width / 2], [1, y - height / 2]])
      centre[axis] += offset / before - offset / scale();
    draw();
  }

  function moved(dx, dy) {
    centre = [centre[0] - dx / scale(), centre[1] - dy / scale()];
    draw();
  }

  function whole() {
    [zoom, centre] = [1, [0.5, 0.5]];
    draw();
  }

  function at(x, y) {
    const inside = (photo) => {
      const [left, upper, w, h] = box(photo);
      return x >= left && x <= left + w && y >= upper && y <= upper + h;
    };
    return (pointed && inside(pointed) && pointed) || order.findLast(inside) || null;
  }

  function point(photo, x, y) {
    if (photo !== pointed) {
      pointed = photo;
      draw();
    }
    card.hidden = !photo;
    if (!photo) return;
    if (photo.picture) large.src = photo.picture[0];
    else large.removeAttribute("src");
    nameLine.textContent = photo.name;
    const facts = [groups[photo.group][0] || "in no group"];
    if (photo.query) facts.push("the query");
    if (photo.euclidean) facts.push(`Euclidean neighbour ${photo.euclidean}`);
    if (photo.manifold) facts.push(`manifold neighbour ${photo.manifold}`);
    if (!photo.picture) facts.push("its file is gone, has changed or cannot be read");
    factLine.textContent = facts.join(" · ");
    card.style.left = `${x < width / 2 ? Math.min(x + 30, width - 360) : Math.max(x - 30 - card.offsetWidth, 0)}px`;
    card.style.top = `${Math.max(0, Math.min(y - 60, height - card.offsetHeight - 8))}px`;
  }

  let held = null;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomed(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
    point(at(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    held = [event.offsetX, event.offsetY];
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("moving");
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held) {
      moved(event.offsetX - held[0], event.offsetY - held[1]);
      held = [event.offsetX, event.offsetY];
      point(null);
    } else point(at(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => {
    held = null;
    canvas.classList.remove("moving");
    point(at(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointerleave", () => { if (!held) point(null); });
  canvas.addEventListener("dblclick", whole);
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (steps[event.key]) moved(...steps[event.key]);
    else if (event.key === "+" || event.key === "=") zoomed(1.3);
    else if (event.key === "-") zoomed(1 / 1.3);
    else if (event.key === "0") whole();
    else return;
    event.preventDefault();
  });
  element("in").addEventListener("click", () => zoomed(1.5));
  element("out").addEventListener("click", () => zoomed(1 / 1.5));
  element("whole").addEventListener("click", whole);
  const choices = [...document.querySelectorAll("[data-group]")];
  for (const choice of choices) choice.addEventListener("click", () => {
    const group = +choice.dataset.group;
    chosen = chosen === group ? null : group;
    for (const one of choices) one.setAttribute("aria-pressed", String(+one.dataset.group === chosen));
    draw();
  });
  resize();
  new ResizeObserver(resize).observe(canvas);
})();
