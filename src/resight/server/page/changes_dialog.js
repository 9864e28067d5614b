// The dialog that changes a collection: photos are sent, folders are read anew, with the log of what is done.

import { batchesOf } from "./batches.js";
import { removePhotos } from "./changing.js";
import { openDialog } from "./dialog.js";
import { button, el, icon } from "./element.js";
import { bytes, counted } from "./format.js";
import { jobLog } from "./job_log.js";
import * as service from "./service.js";
import { notifyFailure } from "./states.js";
import { chooseFiles, filesOf } from "./uploads.js";

/** Opens the dialog for the index of the page. */
export function openChanges(app) {
  const { index } = app;
  const ending = new AbortController();
  let busy = false;
  const log = jobLog();

  const work = async (what) => {
    if (busy) return;
    busy = true;
    for (const control of controls) control.disabled = true;
    log.clear();
    try {
      const { text, acts } = await what();
      log.end(text, acts);
      await app.refresh();
    } catch (error) {
      if (error.name !== "AbortError") log.fail(error);
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
        log.write("", `Sending ${counted(batch.length, "photo")}, ${bytes(size)}${part}`);
        const job = await service.addPhotos(
          index.id,
          batch,
          (sent) => log.state(`Sending${part}, ${Math.round(100 * sent)} %`, sent, 1),
          ending.signal,
        );
        const result = await log.follow(job, `Indexing${part}`, ending.signal);
        fresh.push(...result.new);
        taken += result.names.length;
        refused += result.refused.length;
      }
      const text = `${counted(taken, "photo")} in the index, ${fresh.length} of them new${refused ? `; ${refused} not taken, see the log` : ""}`;
      const acts = [
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
      return { text, acts };
    });
  const update = () =>
    work(async () => {
      const result = await log.follow(await service.update(index.id), "Reading the folders", ending.signal);
      const text = `${result.added} added, ${result.changed} changed, ${result.removed} removed, ${result.unreadable} unreadable`;
      return { text, acts: [button("Done", { look: "strong", onClick: () => dialog.close() })] };
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
      log.node,
      index.indexes_folders
        ? choice(
            "Index a folder of this machine",
            "All photos in it and below come in, and stay where they are.",
            button("Choose a folder", {
              glyph: "folder",
              onClick: () => {
                dialog.close();
                app.go({ view: "index" });
              },
            }),
          )
        : null,
      choice("Read the folders anew", "New and changed photos come in, vanished ones go out.", anew),
      choice("Lock changes", "This browser forgets the token. It also does when it is closed.", lock),
    ],
    { closed: () => ending.abort() },
  );
}
