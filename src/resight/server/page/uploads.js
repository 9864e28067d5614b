// Photos that a person drops, pastes or chooses.

import { el } from "./element.js";

const KINDS = "image/*,.heic,.heif,.avif,.jxl,.tif,.tiff,.webp";
let made = 0;

/** Returns a query of the page's state for a file; it has a picture where the browser can show the kind. */
export function queryOfFile(file) {
  return { file, url: URL.createObjectURL(file), token: (made += 1), box: null };
}

/** Lets a person choose files, and calls `take` with them. */
export function chooseFiles(take, { many = true } = {}) {
  const input = el("input", {
    type: "file",
    accept: KINDS,
    multiple: many,
    on: { change: () => take([...input.files]) },
  });
  input.click();
}

/** Returns the files of a paste or a drop: those that are photos by their kind, or of which the kind is not known. */
export function filesOf(transfer) {
  return [...(transfer?.files ?? [])].filter((file) => file.type === "" || file.type.startsWith("image/"));
}

/** Takes photos that are pasted or dropped anywhere on the page. none: called where what came holds no photo. */
export function takePhotos(take, none) {
  let over = 0;
  const mark = () => document.body.classList.toggle("dropping", over > 0);
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragenter", (event) => {
    if (isFile(event)) {
      over += 1;
      mark();
    }
  });
  window.addEventListener("dragleave", (event) => {
    if (isFile(event)) {
      over = Math.max(0, over - 1);
      mark();
    }
  });
  window.addEventListener("dragover", (event) => {
    if (isFile(event)) event.preventDefault();
  });
  window.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    over = 0;
    mark();
    if (event.target.closest?.(".takes-photos")) return; // It takes them itself.
    const files = filesOf(event.dataTransfer);
    if (files.length) take(files);
    else none();
  });
  window.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData);
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}
