// The state of the page is the fragment of its address, so that a link repeats a search. No DOM in here.
//
// `photo=NAME` or `upload=SEARCH.PLACE` begins a query photo, and a `box` after it belongs to it.

export const VIEWS = ["search", "match", "browse", "groups", "tray", "index"];
const PLAIN = ["index", "with", "folder", "text", "least", "hit", "mode", "kind", "tab"];

/** Returns the state of a new page. */
export function emptyState() {
  return {
    view: "search",
    index: "",
    with: "",
    queries: [],
    sketch: false,
    right: [],
    wrong: [],
    folder: "",
    text: "",
    least: "",
    fields: {},
    hit: "",
    mode: "",
    kind: "",
    tab: "",
  };
}

/** Returns a box from "x0,y0,x1,y1", null where it is none. */
export function boxOf(text) {
  const numbers = text.split(",").map(Number);
  const good = numbers.length === 4 && text !== "" && numbers.every(Number.isFinite);
  return good && numbers[2] > numbers[0] && numbers[3] > numbers[1] ? numbers : null;
}

/** Returns the state that a fragment describes; what it does not understand it passes over. */
export function readFragment(fragment) {
  const state = emptyState();
  const [path, search = ""] = splitOnce(fragment.replace(/^#/, ""), "?");
  const view = path.replace(/^\//, "");
  if (VIEWS.includes(view)) state.view = view;
  for (const [key, value] of new URLSearchParams(search)) {
    if (PLAIN.includes(key)) state[key] = value;
    else if (key === "photo") state.queries.push({ name: value, box: null });
    else if (key === "upload") {
      const dot = value.lastIndexOf(".");
      const place = Number(value.slice(dot + 1));
      if (dot > 0 && Number.isInteger(place) && place >= 0)
        state.queries.push({ search: value.slice(0, dot), i: place, box: null });
    } else if (key === "box" && state.queries.length) state.queries.at(-1).box = boxOf(value);
    else if (key === "right" || key === "wrong") state[key].push(value);
    else if (key === "sketch") state.sketch = value === "1";
    else if (key.startsWith("field.")) state.fields[key.slice(6)] = value;
  }
  return state;
}

/** Returns the fragment of a state. Photos that the service does not have yet are left out. */
export function writeFragment(state) {
  const search = new URLSearchParams();
  for (const key of PLAIN) if (state[key]) search.append(key, state[key]);
  if (state.sketch) search.append("sketch", "1");
  for (const query of state.queries) {
    if (query.name !== undefined) search.append("photo", query.name);
    else if (query.search !== undefined) search.append("upload", `${query.search}.${query.i}`);
    else continue;
    if (query.box) search.append("box", query.box.map((side) => Math.round(side * 10) / 10).join(","));
  }
  for (const key of ["right", "wrong"]) for (const name of state[key]) search.append(key, name);
  for (const [field, value] of Object.entries(state.fields)) if (value) search.append(`field.${field}`, value);
  const text = search.toString();
  return `#/${state.view}${text ? `?${text}` : ""}`;
}

/**
 * Returns the request of a search, for `POST /v1/indexes/{id}/searches`, and the files that go with it. A photo that the
 * page has is sent again, for the service forgets searches after a while.
 */
export function requestOf(state, k = 50) {
  const files = [];
  const queries = state.queries.map((query) => {
    const asked = query.box ? { box: query.box } : {};
    if (query.name !== undefined) return { name: query.name, ...asked };
    if (!query.file) return { search: query.search, i: query.i, ...asked };
    files.push(query.file);
    return { file: files.length - 1, ...asked };
  });
  const request = {
    queries,
    together: true,
    sketch: state.sketch,
    right: state.right,
    wrong: state.wrong,
    k,
    offset: 0,
    min_probability: state.least ? Number(state.least) : null,
    folder: state.folder || null,
    text: state.text || null,
    metadata: state.fields,
  };
  return { request, files };
}

/** Returns what tells one search from another; two states with one key have one answer. */
export function searchKey(state, index) {
  const { queries, sketch, right, wrong, folder, text, least, fields } = state;
  const photos = queries.map(({ name, search, i, box, token }) => [name, search, i, token, box]);
  return JSON.stringify([index, photos, sketch, right, wrong, folder, text, least, fields]);
}

function splitOnce(text, mark) {
  const place = text.indexOf(mark);
  return place < 0 ? [text] : [text.slice(0, place), text.slice(place + 1)];
}
