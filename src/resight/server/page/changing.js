// Photos out of the index and back into it: what a click does, and what undoes it.

import { counted } from "./format.js";
import * as service from "./service.js";
import { notify, notifyFailure } from "./states.js";
import * as tray from "./tray.js";

/** Takes photos out of the index, and offers to undo it; resolves to whether it was done. */
export async function removePhotos(app, names) {
  const { id } = app.index;
  try {
    await service.finished(await service.remove(id, names), () => {});
    tray.take(id, names);
    app.marks.forget(names);
    const out = new Set(names);
    app.state.right = app.state.right.filter((name) => !out.has(name));
    app.state.wrong = app.state.wrong.filter((name) => !out.has(name));
    app.keepLink();
    notify(`${counted(names.length, "photo")} out of the index. The files stay where they are.`, {
      text: "Undo",
      act: () => restorePhotos(app, id, names),
    });
    await app.refresh();
    return true;
  } catch (error) {
    notifyFailure(error);
    return false;
  }
}

/** Takes photos that were removed back into an index. */
export async function restorePhotos(app, index, names) {
  try {
    notify(`Reading ${counted(names.length, "photo")} again`);
    await service.finished(await service.restore(index, names), () => {});
    notify(`${counted(names.length, "photo")} back in the index.`);
    await app.refresh();
  } catch (error) {
    notifyFailure(error);
  }
}
