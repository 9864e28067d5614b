// One hit beside the query: why it is a hit.

import { badge, judge, known } from "./about_match.js";
import { answerOf, comparesShapes } from "./answers.js";
import { button, el, fill, nameOf } from "./element.js";
import { segments, slider, toggle } from "./choices.js";
import { titleOf } from "./query_panel.js";
import { figureOf, laidOver } from "./registered.js";
import * as service from "./service.js";
import { pictureAt, sideBySide } from "./side_by_side.js";
import { empty, failed, waiting } from "./states.js";

const MODES = [
  ["lines", "Side by side"],
  ["toggle", "Toggle"],
  ["wipe", "Slide"],
  ["blend", "Blend"],
  ["difference", "Difference"],
  ["heat", "Heat map"],
];
const LAID = ["toggle", "wipe", "blend", "difference"];
// How a person last looked at lines: kept from one hit to the next.
const look = {
  which: "verified",
  most: window.innerWidth < 600 ? 30 : 80,
  width: 1.5,
  lines: true,
  features: false,
  region: true,
};

/** Shows the view in `main`; returns what ends it. */
export function showMatch(main, app) {
  const ending = new AbortController();
  const { signal } = ending;
  let stop = () => {};
  const back = () => app.go({ view: "search", hit: "", mode: "" });
  if (!app.state.queries.length) {
    fill(
      main,
      empty(
        "search",
        "There is no search to go with this match",
        "Begin a search, then open one of its hits.",
        button("Search", { look: "strong", onClick: () => app.search([]) }),
      ),
    );
    return () => {};
  }
  const { block, progress } = waiting("Searching");
  fill(main, el("div", { class: "view" }, block));
  (async () => {
    const answer = await answerOf(
      app.state,
      app.index.id,
      () => progress({ message: "First ranking; now checking each photo" }),
      signal,
    );
    if (signal.aborted) return;
    app.keepLink();
    const place = answer.hits.findIndex(({ name }) => name === app.state.hit);
    if (place < 0) {
      fill(
        main,
        el(
          "div",
          { class: "view" },
          empty(
            "search",
            "This photo is not among the hits any more",
            "The index changed since the link was made.",
            button("All hits", { look: "strong", onClick: back }),
          ),
        ),
      );
      return;
    }
    const to = (step) => {
      const hit = answer.hits[place + step];
      if (hit) app.go({ hit: hit.name });
    };
    const keys = (event) => {
      if (
        event.defaultPrevented ||
        document.querySelector("dialog[open]") ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey
      )
        return;
      if (event.key !== "Escape" && event.target.closest?.("input, select")) return;
      const act = { ArrowLeft: () => to(-1), ArrowRight: () => to(1), Escape: back }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", keys, { signal });
    stop = draw(main, app, { answer, place, to, back, signal });
  })().catch((error) => {
    if (!signal.aborted)
      fill(
        main,
        el(
          "div",
          { class: "view" },
          failed(error, () => app.render(), button("All hits", { onClick: back })),
        ),
      );
  });
  return () => {
    ending.abort();
    stop();
  };
}

function draw(main, app, { answer, place, to, back, signal }) {
  const { state, index } = app;
  const hit = answer.hits[place];
  const stage = el("div", {});
  const controls = el("div", { class: "panel" });
  let ended = () => {};
  const queryPlace = hit.by ?? 0;
  const query = state.queries[queryPlace] ?? state.queries[0];
  const titles = { query: titleOf(query, state.sketch), hit: hit.name };

  const modes = MODES.filter(([mode]) => mode !== "heat" || index.heat).map(([mode, text]) => [mode, text, LAID.includes(mode) && !hit.transform]);
  const wanted = modes.find(([mode, , off]) => mode === state.mode && !off) ? state.mode : "lines";
  let evidence = null;

  async function show(mode) {
    ended();
    ended = () => {};
    fill(stage, el("div", { class: "stage" }, waiting("Looking closely").block));
    fill(controls);
    try {
      const made = (await { lines: showLines, heat: showHeat }[mode]?.()) ?? (await showLaid(mode));
      if (signal.aborted) return;
      fill(stage, made.node);
      fill(controls, made.controls);
      ended = made.stop;
    } catch (error) {
      if (!signal.aborted)
        fill(stage, el("div", { class: "stage" }, failed(error, error.status === 404 ? null : () => show(mode))));
    }
  }
  async function showLines() {
    evidence ??= await service.evidence(answer.search, hit.name, signal);
    const heat = choice.querySelector("input[value=heat]");
    if (heat) heat.disabled = !evidence.heat;
    const [queryPicture, hitPicture] = await Promise.all([
      pictureAt(service.queryPicture(answer.search, queryPlace)),
      pictureAt(service.photo(index.id, hit.name, { size: 1600 })),
    ]);
    const verified = evidence.verified?.length ?? 0;
    const putative = evidence.putative?.length ?? 0;
    const label = `${verified} verified of ${putative} tentative matches between ${titles.query} and ${titles.hit}`;
    const made = sideBySide(
      { query: queryPicture, hit: hitPicture },
      evidence,
      look,
      answer.query[queryPlace]?.box,
      label,
    );
    const set = (changes) => {
      Object.assign(look, changes);
      made.update();
    };
    const most = Math.max(10, verified, putative);
    return {
      ...made,
      controls:
        !putative && !verified
          ? [
              el(
                "p",
                { class: "quiet small" },
                "This recipe compares photos as wholes: there are no matched points.",
              ),
            ]
          : [
              segments(
                "Matches",
                [
                  ["verified", `Verified ${verified}`],
                  ["putative", `Putative ${putative}`],
                ],
                look.which,
                (which) => set({ which }),
              ),
              el(
                "p",
                { class: "quiet small" },
                "Verified matches agree with one position of the thing. Putative ones look alike, and red ones of them agree with nothing.",
              ),
              toggle("Lines", look.lines, (lines) => set({ lines })),
              slider("Lines at most", { min: 5, max: most, value: Math.min(look.most, most) }, (value) =>
                set({ most: value }),
              ),
              slider(
                "Line width",
                { min: 0.5, max: 5, step: 0.5, value: look.width, say: (value) => `${value} px` },
                (width) => set({ width }),
              ),
              toggle("Features", look.features, (features) => set({ features }), !evidence.features),
              toggle(
                "Found region",
                look.region,
                (value) => set({ region: value }),
                !evidence.transform && !evidence.box,
              ),
            ],
    };
  }
  async function showLaid(kind) {
    const [registered, photo] = await Promise.all([
      pictureAt(service.registered(answer.search, hit.name)),
      pictureAt(service.photo(index.id, hit.name, { size: 1000 })),
    ]);
    return laidOver(kind, { hit: photo, registered }, titles);
  }
  async function showHeat() {
    const reply = await service.fetched(service.heat(answer.search, hit.name), signal);
    const [photo, warm] = await Promise.all([pictureAt(service.thumbnail(index.id, hit.name, 1000)), pictureAt(reply)]);
    const above = el("img", {
      src: warm.src,
      alt: "Heat map: warm where the hit is like the query",
      draggable: "false",
    });
    const below = el("img", { src: photo.src, alt: `The hit, ${hit.name}`, draggable: "false" });
    above.style.opacity = 0.8;
    return {
      node: el("div", { class: "stage" }, el("div", { class: "laid" }, figureOf(photo, below, above))),
      controls: [
        el("p", { class: "quiet small" }, "Warm is what made this photo like the query."),
        slider("Strength", { min: 0, max: 100, value: 80, say: (share) => `${share} %` }, (share) => {
          above.style.opacity = share / 100;
        }),
      ],
      stop: () => {},
    };
  }

  const unhear = [];
  const head = el(
    "div",
    { class: "match-head" },
    button("All hits", { glyph: "back", onClick: back }),
    el("h1", {}, nameOf(hit.name), comparesShapes(app.state, app.index) ? null : badge(hit)),
    el("span", { class: "quiet small figures" }, `${place + 1} of ${answer.hits.length}`),
    button("Hit before", { glyph: "previous", quiet: true, disabled: place === 0, onClick: () => to(-1) }),
    button("Next hit", {
      glyph: "next",
      quiet: true,
      disabled: place === answer.hits.length - 1,
      onClick: () => to(1),
    }),
  );
  const choice = segments("What is shown", modes, wanted, (mode) => {
    app.state.mode = mode;
    app.keepLink();
    show(mode);
  });
  choice.classList.add("modes");
  const side = el(
    "aside",
    { class: "side", "aria-label": "About this match" },
    controls,
    judge(app, hit, unhear),
    known(index, hit),
  );
  fill(main, el("div", { class: "view" }, head, el("div", { class: "match" }, el("div", {}, choice, stage), side)));
  show(wanted);
  return () => {
    ended();
    for (const end of unhear) end();
  };
}
