// The recipe of an index that is made: one of two that are known to serve well, or any other.

import { el } from "./element.js";
import * as service from "./service.js";
import { notifyFailure } from "./states.js";

const USUAL = [
  ["default", "Thorough", "Finds parts, turned and hidden things, shows matched points and says how sure it is."],
  ["fast", "Fast", "Compares what photos look like as a whole. Several times as quick, and seldom sure."],
];

/** Returns `node` and `value()`, the name of the recipe. */
export function recipeChoice(signal) {
  let chosen = "default";
  const radio = (value, checked, label) =>
    el("input", {
      type: "radio",
      name: "recipe",
      value,
      checked,
      "aria-label": label,
      on: {
        change: () => {
          chosen = value || others.value;
          others.disabled = Boolean(value);
        },
      },
    });
  const others = el("select", {
    class: "select",
    disabled: true,
    "aria-label": "Recipe",
    on: {
      change: () => {
        chosen = others.value;
      },
    },
  });
  service.recipes(signal).then(
    (recipes) => {
      const rest = recipes.filter(({ alias }) => !alias);
      others.append(...rest.map(({ name, summary }) => el("option", { value: name, title: summary }, name)));
    },
    (error) => notifyFailure(error),
  );
  const option = (value, title, text, extra = null) =>
    el(
      "label",
      { class: "option" },
      radio(value, value === chosen, title),
      el("span", {}, el("strong", {}, title), el("span", { class: "quiet small" }, text), extra),
    );
  const node = el(
    "fieldset",
    { class: "options" },
    el("legend", {}, "How to search it"),
    USUAL.map(([value, title, text]) => option(value, title, text)),
    option("", "By another recipe", "For those who know them; some need weights or torch on this machine.", others),
  );
  return { node, value: () => chosen };
}
