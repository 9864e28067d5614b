// Builds elements. Text always becomes text nodes, so that nothing in a name or a caption is read as markup.

import { labelOf } from "./format.js";
import { PATHS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (key === "value" || key === "checked" || key === "disabled") {
      node[key] = value;
    } else {
      node.setAttribute(key, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Returns an element with attributes, `on: {event: listener}` among them, and children: nodes, texts or lists of them. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Returns an SVG element, as `el` does. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Returns an icon of `icons.js`, which screen readers pass over. */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}

/** Returns a button with an icon and a text; `quiet` ones show the icon alone and say the text to screen readers. */
export function button(text, { glyph, look = "", quiet = false, onClick, ...attributes } = {}) {
  const label = quiet ? { "aria-label": text, title: text } : {};
  return el(
    "button",
    {
      type: "button",
      class: `button ${look} ${quiet ? "only-icon" : ""}`.trim(),
      ...label,
      on: { click: onClick },
      ...attributes,
    },
    glyph ? icon(glyph) : null,
    quiet ? null : el("span", {}, text),
  );
}

/** Returns a sentence, in which what stands between backticks is code. */
export function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? el("code", {}, part) : part));
}

/** Returns the name of a photo; where there is no room, its folder is cut first, then the begin of a long file name. */
export function nameOf(name) {
  const letters = [...labelOf(name)];
  const cut = Math.max(letters.lastIndexOf("/") + 1, letters.length - 24);
  return el(
    "span",
    { class: "name", title: name },
    el("bdi", { class: "name-start" }, letters.slice(0, cut).join("")),
    el("bdi", { class: "name-end" }, letters.slice(cut).join("")),
  );
}

/** Returns the name of a photo's file, and its folder in a line below. */
export function fileAndFolder(name) {
  const slash = name.lastIndexOf("/");
  const folder = name.slice(0, Math.max(slash, 0));
  return [nameOf(name.slice(slash + 1)), folder ? el("bdi", { class: "folder", title: folder }, folder) : null];
}

/** Puts children in the place of all that a node holds. */
export function fill(node, ...children) {
  node.replaceChildren(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}
