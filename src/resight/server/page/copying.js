// Copies links, where the browser lets a page do so.

import { el } from "./element.js";
import { openDialog } from "./dialog.js";
import { notify } from "./states.js";

/** Copies an address and says so; where the clipboard is closed to the page, shows it to be copied by hand. */
export async function copyLink(link, done) {
  try {
    await navigator.clipboard.writeText(link);
    notify(done);
  } catch {
    const box = el("input", { class: "input", readonly: true, value: link, "aria-label": "Link" });
    openDialog("Copy this link", [
      el("p", { class: "quiet" }, "The browser keeps its clipboard from this page: copy the link by hand."),
      box,
    ]);
    box.select();
  }
}
