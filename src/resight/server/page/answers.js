// Asks for answers, and keeps the last ones, so that going back shows them at once.

import { requestOf, searchKey } from "./link.js";
import * as service from "./service.js";

const MOST = 30;
const kept = new Map();

/** Returns whether outlines are compared: such hits look alike, and how likely they show the same thing is not known. */
export function comparesShapes(state, index) {
  return state.sketch || (index.sketch && !index.verifies);
}

/** Forgets all answers: the photos of an index changed, or a person asks anew. */
export function forgetAnswers() {
  kept.clear();
}

/**
 * Searches an index as the state says; calls `take` with each stage. Photos that only the page had are then known to the
 * service by the search, and links refer to them so.
 */
export async function answerOf(state, index, take, signal) {
  const key = searchKey(state, index);
  const known = kept.get(key);
  if (known) {
    take(known);
    return known;
  }
  const { request, files } = requestOf(state);
  const answer = await service.search(index, request, files, take, signal);
  remember(key, answer);
  if (files.length) {
    state.queries.forEach((query, place) => {
      if (!query.file) return;
      Object.assign(query, { search: answer.search, i: place });
    });
    remember(searchKey(state, index), answer);
  }
  return answer;
}

/** Adds further hits to an answer. */
export async function extend(answer, count) {
  const more = await service.moreHits(answer.search, answer.hits.length, count);
  answer.hits.push(...more.hits);
  answer.more = more.more;
}

function remember(key, answer) {
  kept.set(key, answer);
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
}
