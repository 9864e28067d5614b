// What a person marked right and wrong among the hits of one query.

/** Returns marks without any: a Map from names to "right" or "wrong" that tells listeners of changes. */
export function newMarks() {
  const marked = new Map();
  const listeners = new Set();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  return {
    get: (name) => marked.get(name),
    names: (mark) => [...marked].filter(([, own]) => own === mark).map(([name]) => name),
    turn(name, mark) {
      if (marked.get(name) === mark) marked.delete(name);
      else marked.set(name, mark);
      tell();
    },
    /** Lets go of photos that are gone. */
    forget(names) {
      for (const name of names) marked.delete(name);
      tell();
    },
    clear() {
      marked.clear();
      tell();
    },
    adopt({ right, wrong }) {
      marked.clear();
      for (const name of right) marked.set(name, "right");
      for (const name of wrong) marked.set(name, "wrong");
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
