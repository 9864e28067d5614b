// The logic of the page that needs no browser. `test_page_logic.py` runs it: node page_logic.mjs FOLDER_OF_THE_PAGE

import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const from = (file) => import(new URL(file, pathToFileURL(`${process.argv[2]}/`)));
const box = await from("box.js");
const lines = await from("lines.js");
const link = await from("link.js");
const format = await from("format.js");
const viewport = await from("viewport.js");
const { eachLine } = await from("lines_of_json.js");
const { batchesOf } = await from("batches.js");
const { nearest, nearestTowards } = await from("nearest.js");

const NAME = "a b/100%25 <img src=x onerror=alert(1)> & =?#é“.jpg";

test("a fragment gives back the state that it was written from", () => {
  const state = {
    ...link.emptyState(),
    view: "match",
    index: "old town",
    hit: NAME,
    least: "0.95",
    text: "50 % & more",
    sketch: true,
    queries: [
      { name: NAME, box: [1, 2, 30.5, 40] },
      { search: "a.b-_c", i: 2, box: null },
    ],
    right: [NAME, "b"],
    wrong: ["c"],
    fields: { "year=": "19?" },
  };
  assert.deepEqual(link.readFragment(link.writeFragment(state)), state);
});

test("a fragment that nobody wrote gives a state all the same", () => {
  for (const text of [
    "",
    "#",
    "#/nowhere?box=1,2,3,4",
    "#/search?upload=x&photo=a&box=9,9,1,1",
    "#/search?%E0%A4%A&upload=.1",
  ]) {
    const state = link.readFragment(text);
    assert.ok(link.VIEWS.includes(state.view));
    assert.ok(state.queries.every((query) => query.box === null));
  }
});

test("a photo that only the page has goes along as a file and stays out of the link", () => {
  const state = {
    ...link.emptyState(),
    queries: [
      { name: "a", box: null },
      { file: "F", token: 1, box: [0, 0, 9, 9] },
    ],
  };
  const { request, files } = link.requestOf(state);
  assert.deepEqual(files, ["F"]);
  assert.deepEqual(request.queries, [{ name: "a" }, { file: 0, box: [0, 0, 9, 9] }]);
  assert.equal(link.writeFragment(state), "#/search?photo=a");
});

test("a search differs by what is asked, not by how it is looked at", () => {
  const state = { ...link.emptyState(), queries: [{ name: "a", box: null }] };
  assert.equal(link.searchKey(state, "i"), link.searchKey({ ...state, view: "match", hit: "b", mode: "blend" }, "i"));
  for (const change of [
    { right: ["x"] },
    { least: "0.5" },
    { queries: [{ name: "a", box: [0, 0, 9, 9] }] },
    { fields: { a: "b" } },
  ]) {
    assert.notEqual(link.searchKey(state, "i"), link.searchKey({ ...state, ...change }, "i"));
  }
});

test("a box stays inside the photo, whatever is done to it", () => {
  const size = { width: 100, height: 60 };
  assert.deepEqual(box.drawn([90, 70], [-5, 10], size), [0, 10, 90, 60]);
  assert.equal(box.drawn([10, 10], [14, 50], size), null);
  assert.deepEqual(box.moved([10, 10, 40, 30], 500, -500, size), [70, 0, 100, 20]);
  assert.deepEqual(box.resized([10, 10, 40, 30], "nw", 500, -500, size), [40 - box.LEAST, 0, 40, 30]);
  assert.deepEqual(box.resized([10, 10, 40, 30], "e", 500, 500, size), [10, 10, 100, 30]);
  assert.equal(box.region([10.2, 9.9, 20.1, 20]), "10,9,11,11");
});

test("thinned lines keep every part of the photo, strongest first", () => {
  const crowd = Array.from({ length: 50 }, (_, place) => [place / 100, 0, 0, 0]);
  const all = [...crowd, [100, 100, 1, 1], [100, 0, 1, 1]];
  assert.deepEqual(lines.spread(all, 3), [0, 50, 51]);
  assert.deepEqual(
    lines.spread(all, 99),
    all.map((_, place) => place),
  );
  assert.deepEqual(
    lines.unverified(
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
      [[1, 2, 3, 4.01]],
    ),
    [[5, 6, 7, 8]],
  );
});

test("an outline follows the transform, and there is none where it folds", () => {
  assert.deepEqual(
    lines.outline(
      [
        [2, 0, 1],
        [0, 2, 3],
        [0, 0, 1],
      ],
      [0, 0, 10, 5],
    ),
    [
      [1, 3],
      [21, 3],
      [21, 13],
      [1, 13],
    ],
  );
  assert.equal(
    lines.outline(
      [
        [1, 0, 0],
        [0, 1, 0],
        [-0.2, 0, 1],
      ],
      [0, 0, 10, 5],
    ),
    null,
  );
  assert.equal(lines.outline(null, [0, 0, 1, 1]), null);
});

test("both photos lie on the stage, beside each other or below each other, and do not overlap", () => {
  for (const [width, height] of [
    [1000, 500],
    [390, 500],
  ]) {
    const [query, hit] = [
      { width: 640, height: 480 },
      { width: 300, height: 900 },
    ];
    const { query: one, hit: other } = lines.laidOut(query, hit, width, height);
    for (const [place, size] of [
      [one, query],
      [other, hit],
    ]) {
      assert.ok(place.x >= 0 && place.y >= 0);
      assert.ok(
        place.x + size.width * place.scale <= width + 1e-6 && place.y + size.height * place.scale <= height + 1e-6,
      );
    }
    assert.ok(one.x + query.width * one.scale <= other.x || one.y + query.height * one.scale <= other.y);
  }
});

test("zooming keeps the point under the pointer, within limits", () => {
  const view = viewport.zoomed({ x: 5, y: 7, scale: 1 }, 3, [50, 60]);
  assert.deepEqual(viewport.shown(view, viewport.under({ x: 5, y: 7, scale: 1 }, [50, 60])).map(Math.round), [50, 60]);
  assert.equal(viewport.zoomed(view, 1e9, [0, 0]).scale, 40);
  assert.equal(viewport.wheelFactor({ deltaY: 3, deltaMode: 1 }), viewport.wheelFactor({ deltaY: 90, deltaMode: 0 }));
});

test("an arrow goes to a near point in its way", () => {
  const [middle, right, far, above] = [
    [0.5, 0.5],
    [0.6, 0.52],
    [0.9, 0.5],
    [0.5, 0.1],
  ].map(([x, y]) => ({ x, y }));
  const points = [middle, right, far, above];
  assert.equal(nearestTowards(points, middle, [1, 0]), right);
  assert.equal(nearestTowards(points, middle, [0, -1]), above);
  assert.equal(nearestTowards(points, middle, [-1, 0]), null);
  assert.equal(nearest(points, { x: 1, y: 0.6 }), far);
});

test("lines of JSON are read however they are cut", async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n\n{"b":2}\n{"c":3}');
  for (const step of [1, 2, 5, 99]) {
    const parts = Array.from({ length: Math.ceil(bytes.length / step) }, (_, place) =>
      bytes.slice(place * step, (place + 1) * step),
    );
    const read = [];
    await eachLine(ReadableStream.from(parts), (value) => read.push(value));
    assert.deepEqual(read, [{ a: "é" }, { b: 2 }, { c: 3 }]);
  }
});

test("a frame of a video is called by its time, and a photo by its name", () => {
  const names = ["a/clip.mp4#t=12.0", "clip.mp4#t=3723.5", "clip.mp4#t=0.04", "clip.mp4", "a#t=1.jpg"];
  const labels = ["a/clip.mp4 at 0:12", "clip.mp4 at 1:02:03.5", "clip.mp4 at 0:00.04", "clip.mp4", "a#t=1.jpg"];
  assert.deepEqual(names.map(format.labelOf), labels);
});

test("figures are written for people, and none claims to be certain", () => {
  assert.deepEqual([1, 0.9999, 0.964, 0.004, 0].map(format.percent), ["100 %", "> 99 %", "96 %", "< 1 %", "0 %"]);
  assert.equal(format.counted(1, "photo"), "1 photo");
  assert.equal(format.counted(1200, "photo"), "1,200 photos");
  assert.equal(format.seconds(0.004), "4 ms");
});

test("files are sent in as few requests as the service takes, in their order", () => {
  const limits = { files: 3, bytes: 1_000_000 };
  const sizes = (files) => batchesOf(files, limits).map((batch) => batch.map(({ size }) => size));
  const of = (...all) => all.map((size) => ({ size }));
  assert.deepEqual(sizes([]), []);
  assert.deepEqual(sizes(of(1, 2, 3, 4)), [[1, 2, 3], [4]]);
  assert.deepEqual(sizes(of(500_000, 400_000, 100_000, 5)), [[500_000, 400_000], [100_000, 5]]);
  assert.deepEqual(sizes(of(1, 2_000_000, 1)), [[1], [2_000_000], [1]]);
});
