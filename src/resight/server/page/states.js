// What a view shows while it waits, when there is nothing, and when something went wrong: always with what to do.

import { button, el, icon, prose } from "./element.js";

/** Returns a block for a view that has nothing to show. acts: buttons. */
export function empty(glyph, title, text, ...acts) {
  return el(
    "div",
    { class: "state" },
    icon(glyph),
    el("h2", {}, title),
    el("p", {}, prose(text)),
    acts.length ? el("div", { class: "row" }, acts) : null,
  );
}

/** Returns a block for a view that waits, and a function that takes the state of a job. */
export function waiting(title, text = "") {
  const bar = el("progress", { class: "progress", max: "1", "aria-label": title, hidden: true });
  const line = el("p", {}, text);
  const block = el(
    "div",
    { class: "state", role: "status" },
    el("div", { class: "busy-ring" }),
    el("h2", {}, title),
    line,
    bar,
  );
  const progress = ({ done, total, message }) => {
    if (message) line.textContent = message;
    bar.hidden = !total;
    if (total) Object.assign(bar, { max: total, value: done });
  };
  return { block, progress };
}

/** Returns a block for a failure, with its hint and, where asking again can help, a button that does. */
export function failed(error, again = null, ...acts) {
  const title = error.message || "Something went wrong.";
  const hint = error.hint ?? "Reload the page; if it stays so, look into the log of `resight serve`.";
  return el(
    "div",
    { class: "state failed", role: "alert" },
    icon("cross"),
    el("h2", {}, title),
    el("p", {}, prose(hint)),
    el("div", { class: "row" }, again ? button("Try again", { glyph: "refresh", onClick: again }) : null, acts),
  );
}

/** Shows a sentence, or the parts of one, for some seconds, and says it to screen readers. offer: {text, act} of a button beside it, such as "Undo". */
export function notify(text, offer = null) {
  const act = offer
    ? button(offer.text, {
        onClick: () => {
          notice.remove();
          offer.act();
        },
      })
    : null;
  const notice = el("div", { class: "notice" }, el("span", {}, text), act);
  document.getElementById("notices").append(notice);
  setTimeout(() => notice.remove(), (offer ? 20000 : 4000) + 40 * notice.textContent.length);
}

/** Tells a failure in a notice. */
export function notifyFailure(error) {
  if (error.name === "AbortError") return;
  notify(error.hint ? [`${error.message} `, ...prose(error.hint)] : error.message);
}
