// Plays f <- alpha S f + (1 - alpha) y on the graph of the page, for the queries that a person chooses.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const { points, labels, edges, alpha, count, stops, decades, width, height } = data;
  const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const element = (id) => document.getElementById(id);
  const circles = [...element("points").children];
  const step = element("step"), play = element("play");
  const RANKS = [25, 50, 100, 200], CELL = 8, SPREAD = 18, INTERVAL = 200;
  let queries = data.queries, states = [], timer = 0;

  function diffuse() {
    const y = new Float64Array(points.length);
    for (const query of queries) y[query] = 1;
    const all = [y];
    for (let t = 0; t < count; t++) {
      const before = all[t], after = y.map((value) => (1 - alpha) * value);
      for (const [i, j, s] of edges) {
        after[i] += alpha * s * before[j];
        after[j] += alpha * s * before[i];
      }
      all.push(after);
    }
    return all;
  }

  function colour(share) {
    if (!(share > 0)) return data.unreached;
    const level = Math.min(1, Math.max(0, 1 + Math.log10(share) / decades)) * (stops.length - 1);
    const below = Math.min(Math.floor(level), stops.length - 2), part = level - below;
    const mixed = stops[below].map((value, channel) => Math.round(value + (stops[below + 1][channel] - value) * part));
    return `rgb(${mixed.join(",")})`;
  }

  // To the nearest of the queries.
  const distance = (x, y) => Math.min(...queries.map((q) => Math.hypot(points[q][0] - x, points[q][1] - y)));

  function order(score) {
    return points.map((_, i) => i).sort((a, b) => score[b] - score[a] || a - b);
  }

  function scores(kind) {
    return kind === "manifold" ? states[+step.value] : points.map(([x, y]) => -distance(x, y));
  }

  // Between points, a place has the mean of their ranks, weighted by nearness; far from all of them it has the last.
  function field(kind, ranked) {
    const n = points.length, columns = Math.ceil(width / CELL) + 1, rows = Math.ceil(height / CELL) + 1;
    const values = Array.from({ length: rows }, () => new Float64Array(columns));
    if (kind === "euclidean") {
      for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) values[r][c] = -distance(c * CELL, r * CELL);
      return { values, levels: RANKS.filter((k) => k < n).map((k) => -distance(...points[ranked[k - 1]])) };
    }
    const rank = new Float64Array(n), reached = states[+step.value];
    ranked.forEach((i, place) => { rank[i] = reached[i] > 0 ? place + 1 : n; });
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
      let sum = 0.02 * n, weight = 0.02;
      for (let i = 0; i < n; i++) {
        const dx = (points[i][0] - c * CELL) / SPREAD, dy = (points[i][1] - r * CELL) / SPREAD, d = dx * dx + dy * dy;
        if (d < 16) { const w = Math.exp(-d / 2); sum += w * rank[i]; weight += w; }
      }
      values[r][c] = -sum / weight;
    }
    return { values, levels: RANKS.filter((k) => k < n).map((k) => -k) };
  }

  // Marching squares: the pieces of a level line within each cell.
  function line(values, level) {
    const pieces = [];
    for (let r = 0; r + 1 < values.length; r++) for (let c = 0; c + 1 < values[r].length; c++) {
      const at = [[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]], crossed = [];
      for (let side = 0; side < 4; side++) {
        const [x0, y0] = at[side], [x1, y1] = at[(side + 1) % 4];
        const a = values[y0][x0] - level, b = values[y1][x1] - level;
        if (a > 0 === b > 0) continue;
        const part = a / (a - b);
        crossed.push(`${((x0 + part * (x1 - x0)) * CELL).toFixed(1)} ${((y0 + part * (y1 - y0)) * CELL).toFixed(1)}`);
      }
      for (let k = 0; k + 1 < crossed.length; k += 2) pieces.push(`M${crossed[k]}L${crossed[k + 1]}`);
    }
    return pieces.join("");
  }

  function contours() {
    const kind = document.querySelector("input[name=contours]:checked").value, key = element("contour-key");
    element("contours").replaceChildren();
    key.hidden = kind === "none";
    if (kind === "none") return;
    const { values, levels } = field(kind, order(scores(kind)));
    levels.forEach((level, k) => {
      const path = svg("path");
      path.setAttribute("class", kind);
      path.setAttribute("d", line(values, level));
      path.style.strokeOpacity = 1 - 0.2 * k;
      element("contours").append(path);
    });
    key.textContent = `contours: the first ${RANKS.slice(0, levels.length).join(", ")} points by the ${kind === "euclidean" ? "Euclidean" : kind} ranking`;
  }

  // How many of the first are on the manifolds of the queries, of as many as there are to find.
  function told() {
    const wanted = new Set(queries.map((q) => labels[q]).filter((label) => label >= 0));
    const others = points.map((_, i) => i).filter((i) => !queries.includes(i));
    const size = others.filter((i) => wanted.has(labels[i])).length;
    if (!size) return "The query is background.";
    const found = (kind) => {
      const first = order(scores(kind)).filter((i) => !queries.includes(i)).slice(0, size);
      return first.filter((i) => wanted.has(labels[i]) && (kind !== "manifold" || states[+step.value][i] > 0)).length;
    };
    return `${queries.length > 1 ? "The queries' manifolds have" : "The query's manifold has"} ${size} other points. ` +
      `Among the first ${size}: ${found("euclidean")} of them by Euclidean distance, ` +
      `${found("manifold")} by f after ${step.value} iterations.`;
  }

  function show() {
    const state = states[+step.value], largest = Math.max(...state);
    circles.forEach((circle, i) => circle.setAttribute("fill", colour(state[i] / largest)));
    element("shown").textContent = step.value;
    element("told").textContent = told();
    contours();
  }

  function ask(asked) {
    queries = asked;
    states = diffuse();
    element("queries").replaceChildren(...queries.map((q) => {
      const ring = svg("circle");
      for (const [name, value] of Object.entries({ class: "query", cx: points[q][0], cy: points[q][1], r: 11 }))
        ring.setAttribute(name, value);
      return ring;
    }));
    show();
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  play.addEventListener("click", () => {
    if (timer) return pause();
    if (+step.value >= count) step.value = 0;
    show();
    play.textContent = "Pause";
    timer = setInterval(() => {
      step.value = +step.value + 1;
      show();
      if (+step.value >= count) pause();
    }, INTERVAL);
  });
  step.addEventListener("input", () => { pause(); show(); });
  for (const choice of document.querySelectorAll("input[name=contours]")) choice.addEventListener("change", contours);
  element("points").addEventListener("click", (event) => {
    const i = circles.indexOf(event.target.closest("circle"));
    if (i < 0) return;
    if (!event.shiftKey) return ask([i]);
    const without = queries.filter((q) => q !== i);
    ask(without.length === queries.length ? [...queries, i] : without.length ? without : queries);
  });
  ask(queries);
})();
