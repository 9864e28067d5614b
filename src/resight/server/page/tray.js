// The tray: names of photos that a person collects, kept in the browser for each index.

const KEY = "resight.tray.";
const listeners = new Set();
const held = new Map();

/** Returns the names in the tray of an index, in the order in which they were put there. */
export function trayOf(index) {
  if (!held.has(index)) held.set(index, read(index));
  return held.get(index);
}

export const inTray = (index, name) => trayOf(index).includes(name);

/** Puts names in the tray; those that are there stay where they are. */
export function put(index, names) {
  keep(index, [...new Set([...trayOf(index), ...names])]);
}

/** Takes names out of the tray. */
export function take(index, names) {
  const out = new Set(names);
  keep(
    index,
    trayOf(index).filter((name) => !out.has(name)),
  );
}

/** Puts a name in the tray or takes it out; returns whether it is in it now. */
export function turn(index, name) {
  if (inTray(index, name)) take(index, [name]);
  else put(index, [name]);
  return inTray(index, name);
}

/** Calls a function after each change; returns what ends that. */
export function onTray(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function read(index) {
  try {
    const names = JSON.parse(localStorage.getItem(KEY + index) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    return []; // Storage is switched off, or another page wrote what is no tray: begin with an empty one.
  }
}

function keep(index, names) {
  held.set(index, names);
  try {
    localStorage.setItem(KEY + index, JSON.stringify(names));
  } catch {
    /* Storage is full or off: the tray lasts as long as the page. */
  }
  for (const listener of listeners) listener();
}
