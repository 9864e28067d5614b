// The tray: photos that a person collects, kept in the browser for each index: names, with the region that a search found.

const KEY = "resight.tray.";
const listeners = new Set();
const held = new Map();

/** Returns the names in the tray of an index, in the order in which they were put there. */
export const trayOf = (index) => [...kept(index).keys()];

export const inTray = (index, name) => kept(index).has(name);

/** Returns the regions "x,y,w,h" of those photos of the tray that have one, by name. */
export function regionsOf(index) {
  return Object.fromEntries([...kept(index)].filter(([, region]) => region));
}

/** Puts names in the tray; those that are there stay where they are. */
export function put(index, names, region = "") {
  const added = names.filter((name) => !inTray(index, name)).map((name) => [name, region]);
  keep(index, new Map([...kept(index), ...added]));
}

/** Takes names out of the tray. */
export function take(index, names) {
  const out = new Set(names);
  keep(index, new Map([...kept(index)].filter(([name]) => !out.has(name))));
}

/** Puts a name in the tray or takes it out; returns whether it is in it now. region: where a search found the query. */
export function turn(index, name, region) {
  if (inTray(index, name)) take(index, [name]);
  else put(index, [name], region ?? "");
  return inTray(index, name);
}

/** Calls a function after each change; returns what ends that. */
export function onTray(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function kept(index) {
  if (!held.has(index)) held.set(index, read(index));
  return held.get(index);
}

function read(index) {
  try {
    const pairs = JSON.parse(localStorage.getItem(KEY + index) ?? "[]");
    return new Map(pairs.filter((pair) => pair.length === 2 && pair.every((one) => typeof one === "string")));
  } catch {
    return new Map(); // Storage is switched off, or another page wrote what is no tray: begin with an empty one.
  }
}

function keep(index, photos) {
  held.set(index, photos);
  try {
    localStorage.setItem(KEY + index, JSON.stringify([...photos]));
  } catch {
    /* Storage is full or off: the tray lasts as long as the page. */
  }
  for (const listener of listeners) listener();
}
