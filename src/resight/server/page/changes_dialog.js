// The dialog that changes a collection: photos are sent, folders are read anew, with the log of what is done.

import { batchesOf } from "./batches.js";
import { removePhotos } from "./changing.js";
import { openDialog } from "./dialog.js";
import { button, el, fill, icon } from "./element.js";
import { bytes, counted, seconds } from "./format.js";
import * as service from "./service.js";
import { notifyFailure } from "./states.js";
import { chooseFiles, filesOf } from "./uploads.js";

/** Opens the dialog for the index of the page. */
export function openChanges(app) {
  const { index } = app;
  const ending = new AbortController();
  let busy = false;
  const log = el("ol", { class: "log", "aria-label": "Log", role: "log" });
  const told = el("p", { class: "quiet small figures" });
  const bar = el("progress", { class: "progress", max: "1", value: "0", "aria-label": "Progress" });
  const ended = el("div", { class: "row" });
  const running = el("section", { class: "running", hidden: true }, told, bar, log, ended);

  const write = (at, text, look = "") => {
    const line = el("li", { class: look }, el("span", { class: "figures" }, at), el("span", {}, text));
    log.append(line);
    log.scrollTop = log.scrollHeight;
  };
  const state = (text, done, total) => {
    told.textContent = text;
    if (total) Object.assign(bar, { max: total, value: done });
    else bar.removeAttribute("value");
  };
  /** Waits for a job, and shows its progress and each new line of its log. */
  const follow = async (job, what) => {
    let shown = 0;
    const { result } = await service.finished(
      job,
      (now) => {
        for (const line of now.log.slice(shown)) write(seconds(line.seconds), line.text);
        shown = now.log.length;
        const count = now.total ? `, ${now.done} of ${now.total}` : "";
        state(now.state === "waiting" ? "Waiting for the change before" : `${what}${count}`, now.done, now.total);
      },
      ending.signal,
    );
    return result;
  };
  const work = async (what) => {
    if (busy) return;
    busy = true;
    for (const control of controls) control.disabled = true;
    fill(log);
    fill(ended);
    running.hidden = false;
    try {
      const acts = await what();
      bar.value = bar.max = 1;
      fill(ended, acts);
      await app.refresh();
    } catch (error) {
      if (error.name !== "AbortError") {
        state("This did not end well", 0, 1);
        write("", error.hint ? `${error.message} ${error.hint}` : error.message, "wrong");
      }
    }
    busy = false;
    for (const control of controls) control.disabled = false;
  };

  const send = (files) =>
    work(async () => {
      const batches = batchesOf(files, index.uploads);
      const fresh = [];
      let [taken, refused] = [0, 0];
      for (const [place, batch] of batches.entries()) {
        const part = batches.length > 1 ? `, part ${place + 1} of ${batches.length}` : "";
        const size = batch.reduce((sum, file) => sum + file.size, 0);
        write("", `Sending ${counted(batch.length, "photo")}, ${bytes(size)}${part}`);
        const job = await service.addPhotos(
          index.id,
          batch,
          (sent) => state(`Sending${part}, ${Math.round(100 * sent)} %`, sent, 1),
          ending.signal,
        );
        const result = await follow(job, `Indexing${part}`);
        fresh.push(...result.new);
        taken += result.names.length;
        refused += result.refused.length;
      }
      told.textContent = `${counted(taken, "photo")} in the index, ${fresh.length} of them new${refused ? `; ${refused} not taken, see the log` : ""}`;
      return [
        button("Show them", {
          look: "strong",
          onClick: () => {
            dialog.close();
            app.go({ view: "browse", tab: "", folder: "uploads", text: "", fields: {} });
          },
        }),
        fresh.length
          ? button("Undo", {
              glyph: "undo",
              onClick: async (event) => {
                event.currentTarget.disabled = true;
                if (await removePhotos(app, fresh)) dialog.close();
              },
            })
          : null,
      ];
    });
  const update = () =>
    work(async () => {
      const result = await follow(await service.update(index.id), "Reading the folders");
      told.textContent = `${result.added} added, ${result.changed} changed, ${result.removed} removed, ${result.unreadable} unreadable`;
      return [button("Done", { look: "strong", onClick: () => dialog.close() })];
    });

  const choose = button("Choose photos", { glyph: "photo", look: "strong", onClick: () => chooseFiles(send) });
  const anew = button("Update", { glyph: "refresh", onClick: update });
  const lock = button("Lock again", {
    glyph: "key",
    onClick: async () => {
      try {
        await service.logOut();
        dialog.close();
        await app.refresh();
      } catch (error) {
        notifyFailure(error);
      }
    },
  });
  const controls = [choose, anew, lock];
  const drop = el(
    "div",
    { class: "drop takes-photos" },
    icon("photo"),
    el(
      "div",
      {},
      el("h3", {}, "Drop photos to add"),
      el(
        "p",
        { class: "quiet small" },
        `As many as you like; they go to ${index.title}, in the folder uploads, ${index.uploads.files} at a time.`,
      ),
    ),
    choose,
  );
  drop.addEventListener("drop", (event) => {
    const files = filesOf(event.dataTransfer);
    if (files.length) send(files);
  });
  const choice = (title, text, act) =>
    el("div", { class: "choice" }, el("div", {}, el("h3", {}, title), el("p", { class: "quiet small" }, text)), act);
  const dialog = openDialog(
    `Change ${index.title}`,
    [
      drop,
      running,
      choice("Read the folders anew", "New and changed photos come in, vanished ones go out.", anew),
      choice("Lock changes", "This browser forgets the token. It also does when it is closed.", lock),
    ],
    { closed: () => ending.abort() },
  );
}
