// Asks the service. Every failure is a ServiceError with a sentence and what to do about it.

import { eachLine } from "./lines_of_json.js";

const BASE = new URL("../", import.meta.url);

export class ServiceError extends Error {
  constructor(kind, message, hint, status = 0) {
    super(message);
    this.kind = kind;
    this.hint = hint;
    this.status = status;
  }
}

let giveToken = null;

/** Sets what asks the person for a token and gives it to a function; it resolves to whether the service took it. */
export function onTokenNeeded(ask) {
  giveToken = ask;
}

/** Returns the address of a path of the service, with parameters; empty ones are left out. */
export function address(path, parameters = {}) {
  const url = new URL(path, BASE);
  for (const [key, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") url.searchParams.append(key, one);
    }
  }
  return url.href;
}

const inIndex = (index, rest) => `v1/indexes/${encodeURIComponent(index)}${rest}`;
const inSearch = (search, rest = "") => `v1/searches/${encodeURIComponent(search)}${rest}`;

async function ask(url, options = {}) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ServiceError(
      "network",
      "The service does not answer.",
      "See that `resight serve` is still running, then try again.",
    );
  }
  if (response.status === 401 && giveToken && !options.retried) {
    if (await giveToken(logIn)) return ask(url, { ...options, retried: true });
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** Gives the service a token; it keeps it in a cookie that scripts cannot read. */
export const logIn = (token) => ask(address("v1/session"), { ...posted({ token }), retried: true });

/** Lets the service forget the token of this browser. */
export const logOut = () => ask(address("v1/session"), { method: "DELETE" });

async function failureOf(response) {
  const body = await response.json().catch(() => ({}));
  const error = body.error ?? {};
  const message = error.message ?? `The service answered with the status ${response.status}.`;
  const hint = error.hint ?? "Try again; if it stays so, look into the log of `resight serve`.";
  return new ServiceError(error.kind ?? "unknown", message, hint, response.status);
}

async function json(url, options) {
  return (await ask(url, options)).json();
}

function posted(value, method = "POST") {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

/** Returns the indexes, those that are not there yet with `planned`. */
export async function indexes(signal) {
  const [made, planned] = await Promise.all(
    ["v1/indexes", "v1/planned"].map((path) => json(address(path), { signal })),
  );
  const known = new Set(made.map(({ id }) => id));
  return [...made, ...planned.filter(({ id }) => !known.has(id)).map((one) => ({ ...one, planned: true }))];
}
export const recipes = (signal) => json(address("v1/recipes"), { signal });
export const folders = (path, signal) => json(address("v1/folders", { path }), { signal });
export const describe = (index, signal) => json(address(inIndex(index, "")), { signal });

/** Returns one page of the listing of an index. fields: from names of metadata fields to text. */
export function images(index, { folder, text, fields = {}, after, limit = 60 }, signal) {
  const named = Object.fromEntries(Object.entries(fields).map(([key, value]) => [`field.${key}`, value]));
  return json(address(inIndex(index, "/images"), { folder, text, after, limit, ...named }), { signal });
}

export const photo = (index, name, { region, size } = {}) => address(inIndex(index, "/photo"), { name, region, size });
export const thumbnail = (index, name, size = 360) => address(inIndex(index, "/thumbnail"), { name, size });
export const queryPicture = (search, i) => address(inSearch(search, "/query"), { i });
export const registered = (search, name, size = 1000) => address(inSearch(search, "/registered"), { name, size });
export const heat = (search, name) => address(inSearch(search, "/heat"), { name });
/** Returns an address of its own for a picture that may not be there; then it fails with the sentence of the service. */
export async function fetched(url, signal) {
  return URL.createObjectURL(await (await ask(url, { signal })).blob());
}

export const evidence = (search, name, signal) => json(address(inSearch(search, "/evidence"), { name }), { signal });
export const moreHits = (search, offset, k) => json(address(inSearch(search), { offset, k }));
export const groupsTable = (index, kind) => address(inIndex(index, "/groups"), { kind, format: "csv" });

/** Searches, and calls `take` with each stage as it comes; returns the last one. */
export async function search(index, request, files, take, signal) {
  const form = new FormData();
  form.append("request", JSON.stringify(request));
  for (const file of files) form.append("file", file, file.name || "photo.png");
  const response = await ask(address(inIndex(index, "/searches")), {
    method: "POST",
    body: form,
    headers: { accept: "application/x-ndjson" },
    signal,
  });
  let last = null;
  await eachLine(response.body, (stage) => {
    if (stage.error) throw new ServiceError(stage.error.kind, stage.error.message, stage.error.hint ?? "");
    last = stage;
    take(stage);
  });
  if (last === null || last.stage === "first") {
    throw new ServiceError("cut", "The answer ended before it was whole.", "Search again.");
  }
  return last;
}

/** Returns what a path gives, after the job that computes it where it says so (202). */
export async function computed(index, rest, parameters, progress, signal) {
  for (;;) {
    const response = await ask(address(inIndex(index, rest), parameters), { signal });
    if (response.status !== 202) return response.json();
    await finished((await response.json()).job, progress, signal);
  }
}

/** Waits for a job, and calls `progress` with its state; returns its last state. */
export async function finished(job, progress, signal) {
  for (let pause = 250; ; pause = Math.min(2000, pause * 1.5)) {
    const state = await json(address(`v1/jobs/${encodeURIComponent(job)}`), { signal });
    progress(state);
    if (state.state === "failed")
      throw new ServiceError(
        "job",
        state.error?.message ?? state.message,
        state.error?.hint ?? "Look into the log of `resight serve`.",
      );
    if (state.state === "done") return state;
    await new Promise((done) => setTimeout(done, pause));
  }
}

/**
 * Sends photos to an index; returns the job that takes them in. sent: called with the share of the bytes that have left,
 * which `fetch` cannot tell.
 */
export function addPhotos(index, files, sent, signal) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const asked = new XMLHttpRequest();
    const fail = (status, error = {}) =>
      reject(
        new ServiceError(
          error.kind ?? "network",
          error.message ?? "The photos did not arrive.",
          error.hint ?? "See that `resight serve` is still running, then send them again.",
          status,
        ),
      );
    asked.upload.addEventListener("progress", ({ loaded, total }) => sent(total ? loaded / total : 0));
    asked.addEventListener("load", () => {
      const body = asked.response ?? {};
      if (asked.status === 202) resolve(body.job);
      else fail(asked.status, body.error);
    });
    asked.addEventListener("error", () => fail(0));
    asked.addEventListener("abort", () => reject(new DOMException("The photos are not sent.", "AbortError")));
    signal?.addEventListener("abort", () => asked.abort());
    asked.open("POST", address(inIndex(index, "/images")));
    asked.responseType = "json";
    asked.send(form);
  });
}

export const restore = async (index, names) =>
  (await json(address(inIndex(index, "/restore")), posted({ names }))).job;
export const update = async (index) => (await json(address(inIndex(index, "/update")), posted({}))).job;
export const remove = async (index, names) =>
  (await json(address(inIndex(index, "/images")), posted({ names }, "DELETE"))).job;

/** Indexes a folder of the machine, by a recipe where the index is not there yet; returns the job. */
export const indexFolder = async (index, folder, recipe) =>
  (await json(address(inIndex(index, "/folders")), posted({ folder, recipe }))).job;
export const stop = (job) => json(address(`v1/jobs/${encodeURIComponent(job)}`), { method: "DELETE" });

/** Returns the photos of a tray as a file: "csv", "json" or "zip". */
export async function takeAway(index, names, regions, format) {
  return (await ask(address(inIndex(index, "/tray")), posted({ names, regions, format }))).blob();
}
