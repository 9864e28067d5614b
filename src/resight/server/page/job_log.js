// What a job does, as a person sees it: a line, a bar, and a log with the time of each stage.

import { el, fill } from "./element.js";
import { seconds } from "./format.js";
import * as service from "./service.js";

/** Returns `node`, hidden at first, and what fills it: `clear()`, `state()`, `write()`, `follow()`, `end()`, `fail()`. */
export function jobLog() {
  const lines = el("ol", {});
  const log = el("div", { class: "log", "aria-label": "Log", role: "log", tabindex: "0" }, lines);
  const told = el("p", { class: "quiet small figures", role: "status" });
  const bar = el("progress", { class: "progress", max: "1", value: "0", "aria-label": "Progress" });
  const acts = el("div", { class: "row" });
  const node = el("section", { class: "running", hidden: true, "aria-label": "Progress" }, told, bar, log, acts);

  /** Writes a line of the log. at: its time as text, which may be empty. */
  const write = (at, text, look = "") => {
    lines.append(el("li", { class: look }, el("span", { class: "figures" }, at), el("span", {}, text)));
    log.scrollTop = log.scrollHeight;
  };
  /** Says what is done, and how far; without a total nobody knows how far. */
  const state = (text, done = 0, total = 0) => {
    told.textContent = text;
    if (total) Object.assign(bar, { max: total, value: done });
    else bar.removeAttribute("value");
  };
  return {
    node,
    write,
    state,
    /** Begins anew. buttons: what can be done meanwhile. */
    clear(...buttons) {
      fill(lines);
      fill(acts, buttons);
      node.hidden = false;
    },
    /** Waits for a job, and shows its progress and each new line of its log; resolves to its result. */
    async follow(job, what, signal) {
      let shown = 0;
      const { result } = await service.finished(
        job,
        (now) => {
          for (const line of now.log.slice(shown)) write(seconds(line.seconds), line.text);
          shown = now.log.length;
          const count = now.total ? `, ${now.done.toLocaleString("en")} of ${now.total.toLocaleString("en")}` : "";
          state(now.state === "waiting" ? "Waiting for the change before" : `${what}${count}`, now.done, now.total);
        },
        signal,
      );
      return result;
    },
    /** Says how it ended. buttons: what can be done now. */
    end(text, ...buttons) {
      state(text, 1, 1);
      fill(acts, buttons);
    },
    /** Tells a failure. buttons: what can be done now. */
    fail(error, ...buttons) {
      state("This did not end well", 0, 1);
      write("", error.hint ? `${error.message} ${error.hint}` : error.message, "wrong");
      fill(acts, buttons);
    },
  };
}
