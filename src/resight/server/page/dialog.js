// Dialogs over the page: one photo, the sketch, a token, the keys.

import { button, el } from "./element.js";

let made = 0;

/** Opens a modal dialog; returns it. Escape, the button and a click beside it close it, and the focus goes back. */
export function openDialog(title, body, { wide = false, closed = () => {} } = {}) {
  const id = `dialog-${(made += 1)}`;
  const before = document.activeElement;
  const dialog = el(
    "dialog",
    {
      class: `dialog ${wide ? "wide" : ""}`.trim(),
      "aria-labelledby": id,
      on: {
        close: () => {
          dialog.remove();
          closed();
          if (before?.isConnected) before.focus({ preventScroll: true });
        },
        click: (event) => {
          if (event.target === dialog) dialog.close();
        },
      },
    },
    el(
      "div",
      { class: "dialog-head" },
      el("h2", { id }, title),
      button("Close", { glyph: "cross", quiet: true, look: "plain", onClick: () => dialog.close() }),
    ),
    el("div", { class: "dialog-body" }, body),
  );
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks for the token of the service until `give` takes it or the dialog is closed; resolves to whether it was taken. */
export function askToken(give) {
  return new Promise((resolve) => {
    let taken = false;
    const fault = el("p", { role: "alert" });
    const box = el("input", { type: "password", class: "input", autocomplete: "current-password", required: true });
    const form = el(
      "form",
      {
        class: "form",
        on: {
          submit: async (event) => {
            event.preventDefault();
            fault.textContent = "";
            try {
              await give(box.value.trim());
              taken = true;
              dialog.close();
            } catch (error) {
              fault.textContent = error.hint ? `${error.message} ${error.hint}` : error.message;
              box.select();
            }
          },
        },
      },
      el("p", { class: "quiet" }, "Whoever started this service set a token for what you want to do. Ask them for it."),
      el("label", { class: "field" }, el("span", {}, "Token"), box),
      fault,
      el("div", { class: "row" }, el("button", { class: "button strong", type: "submit" }, "Go on")),
    );
    const dialog = openDialog("This needs a token", form, { closed: () => resolve(taken) });
    box.focus();
  });
}

const KEYS = [
  ["?", "these keys"],
  ["/", "the field that searches in names and metadata"],
  ["Ctrl V", "search with the photo in the clipboard"],
  ["← → ↑ ↓", "from one photo of a grid to the next"],
  ["Enter", "open the photo"],
  ["R  W", "mark the photo as right, as wrong"],
  ["T", "put the photo in the tray, or take it out"],
  ["S", "search with the photo"],
  ["← →", "match view: the hit before, the next hit"],
  ["Space", "match view, toggle: change the photo"],
  ["+  −  0", "larger, smaller, whole, in the match view and the map"],
  ["Arrows", "move the box; with Shift they resize it, and Delete removes it"],
  ["Esc", "back, or close"],
];

/** Shows the keys of the page. */
export function showKeys() {
  openDialog(
    "Keys",
    el(
      "dl",
      { class: "keys" },
      KEYS.map(([keys, text]) => [
        el(
          "dt",
          {},
          keys.split("  ").map((key, place) => [place ? " " : "", el("kbd", {}, key)]),
        ),
        el("dd", {}, text),
      ]),
    ),
  );
}
