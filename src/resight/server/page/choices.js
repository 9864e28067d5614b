// Form controls that are made of several elements.

import { el } from "./element.js";

let made = 0;

/** Returns a row of choices of which one holds. options: [value, text, disabled] each. */
export function segments(label, options, value, choose) {
  const group = `choice-${(made += 1)}`;
  return el(
    "fieldset",
    { class: "segments", role: "radiogroup", "aria-label": label },
    options.map(([own, text, disabled]) =>
      el(
        "label",
        {},
        el("input", {
          type: "radio",
          name: group,
          value: own,
          checked: own === value,
          disabled: Boolean(disabled),
          on: { change: () => choose(own) },
        }),
        el("span", {}, text),
      ),
    ),
  );
}

/** Returns a labelled select. options: [value, text] each. */
export function select(label, options, value, choose) {
  const box = el(
    "select",
    { class: "select", on: { change: () => choose(box.value) } },
    options.map(([own, text]) => el("option", { value: own }, text)),
  );
  box.value = value;
  return el("label", { class: "field" }, el("span", {}, label), box);
}

/** Returns a labelled line of text, which is told when a person stops typing. */
export function line(label, value, change, attributes = {}) {
  let waiting = 0;
  const box = el("input", {
    type: "search",
    class: "input",
    value,
    autocomplete: "off",
    spellcheck: "false",
    ...attributes,
    on: {
      input: () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => change(box.value.trim()), 350);
      },
    },
  });
  return el("label", { class: "field" }, el("span", {}, label), box);
}

/** Returns a switch. */
export function toggle(label, checked, change, disabled = false) {
  const box = el("input", {
    type: "checkbox",
    role: "switch",
    checked,
    disabled,
    on: { change: () => change(box.checked) },
  });
  return el("label", { class: "switch" }, box, el("span", {}, label));
}

/** Returns a slider with its value beside its label. say: value to text. */
export function slider(label, { min, max, step = 1, value, say = String }, change) {
  const told = el("output", { class: "small figures quiet" }, say(value));
  const box = el("input", {
    type: "range",
    class: "range",
    min,
    max,
    step,
    "aria-label": label,
    "aria-valuetext": say(value),
    on: {
      input: () => {
        const text = say(Number(box.value));
        told.textContent = text;
        box.setAttribute("aria-valuetext", text);
        change(Number(box.value));
      },
    },
  });
  box.value = value;
  return el("div", { class: "slider" }, el("span", { class: "label" }, label), told, box);
}
