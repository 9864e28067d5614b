// Where folders of the machine become an index: one is chosen, and its stages are seen until it can be searched.

import { askToken } from "./dialog.js";
import { button, el, fill, icon } from "./element.js";
import { counted } from "./format.js";
import { jobLog } from "./job_log.js";
import { recipeChoice } from "./recipe_choice.js";
import * as service from "./service.js";
import { empty, failed, notifyFailure } from "./states.js";

/** Shows the view in `main`; returns what ends it. */
export function showIndexing(main, app) {
  const { index } = app;
  const ending = new AbortController();
  const fresh = index.planned || !index.images;
  const body = el("div", { class: "indexing" });
  const head = el(
    "div",
    {},
    el("h1", {}, fresh ? `Make ${index.title} searchable` : `Add a folder to ${index.title}`),
    el(
      "p",
      { class: "lede", hidden: Boolean(index.change) },
      "Choose a folder of photos on the machine that serves this page. They stay where they are, and all below the folder count too.",
    ),
  );
  fill(main, el("div", { class: "view narrow" }, head, body));
  const begun = () => {
    head.querySelector(".lede").hidden = true;
  };
  if (index.writable) choosing(body, app, begun, ending.signal);
  else
    fill(
      body,
      empty(
        "key",
        "This needs a token",
        "`resight serve` printed it when it was started, or whoever started it set one. It keeps others from changing what is here.",
        button("Enter the token", { glyph: "key", look: "strong", onClick: () => unlock(app) }),
      ),
    );
  return () => ending.abort();
}

/** Shows the choice of a folder, and then what is done with it. begun: is told when that begins. */
function choosing(body, app, begun, signal) {
  const { index } = app;
  const log = jobLog();
  const recipe = index.planned ? recipeChoice(signal) : null;
  const begin = button("Index this folder", { glyph: "plus", look: "strong", disabled: true, onClick: () => start() });
  const picker = folderPicker((some) => {
    begin.disabled = !some;
  }, signal);
  const form = el("div", { class: "indexing" }, picker.node, recipe?.node, el("div", { class: "row" }, begin));
  fill(body, form, log.node);

  const start = async () => {
    begin.disabled = true;
    try {
      await follow(await service.indexFolder(index.id, picker.path(), recipe?.value()));
    } catch (error) {
      begin.disabled = false;
      notifyFailure(error);
    }
  };
  const follow = async (job) => {
    form.hidden = true;
    begun();
    log.clear(
      button("Stop", {
        glyph: "cross",
        onClick: (event) => {
          event.currentTarget.disabled = true;
          service.stop(job).catch(notifyFailure);
        },
      }),
    );
    log.state("Beginning");
    const search = () => app.refresh().then(() => app.search([]));
    const another = button("Choose another folder", { glyph: "folder", onClick: () => app.refresh() });
    try {
      const result = await log.follow(job, "Working", signal);
      // Who has to read what was not taken goes on by a click.
      if (result?.added && !result.unreadable) return void (await search());
      const count = counted(result?.added ?? 0, "new photo");
      const refused = result?.unreadable ? `; ${result.unreadable} could not be read, see the log` : "";
      log.end(`${count}${refused}`, button("Search", { glyph: "search", look: "strong", onClick: search }), another);
    } catch (error) {
      if (error.name === "AbortError") return;
      log.fail(error, another);
    }
  };
  // A change that is under way is shown to whoever comes back to it.
  if (index.change) follow(index.change);
}

/** Returns `node`, in which a person walks through folders, and `path()`, the one that is open. opened: is told whether it may hold photos. */
function folderPicker(opened, signal) {
  let here = "";
  const node = el("section", { class: "picker", "aria-label": "Folder" });
  const open = async (path, focus = true) => {
    here = "";
    opened(false);
    try {
      const listed = await service.folders(path, signal);
      if (!path && listed.folders.length === 1) return void (await open(listed.folders[0].path, focus));
      here = path;
      opened(Boolean(path && (listed.images || listed.folders.length)));
      draw(listed, focus);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(node, failed(error, () => open(path), path ? button("All folders", { onClick: () => open("") }) : null));
    }
  };
  const draw = ({ path, folders, images, more }, focus) => {
    const parts = path ? path.split("/") : [];
    const trail = parts.map((part, place) => {
      const whole = parts.slice(0, place + 1).join("/");
      const last = place === parts.length - 1;
      return el(
        "li",
        {},
        last
          ? el("bdi", { "aria-current": "location" }, part)
          : button(part, { look: "plain", onClick: () => open(whole) }),
      );
    });
    const bare = path && !images && !folders.length;
    const told = path
      ? `${images ? counted(images, "photo") : "No photo"} in it${folders.length ? `, ${counted(folders.length, "folder")}${more ? " and more" : ""} below` : ""}`
      : `${counted(folders.length, "folder")} may be indexed`;
    const list = el(
      "ul",
      { class: "folders plain-list" },
      folders.map((one) =>
        el(
          "li",
          {},
          el(
            "button",
            { type: "button", on: { click: () => open(one.path) } },
            icon("folder"),
            el("bdi", { class: "where", title: one.name }, one.name),
            icon("next"),
          ),
        ),
      ),
    );
    const title = el("ol", { class: "trail", tabindex: "-1" }, trail);
    fill(
      node,
      el("nav", { "aria-label": "Where you are" }, title),
      folders.length ? list : null,
      el(
        "p",
        { class: "quiet small figures", role: "status" },
        bare ? "Nothing in it to index. Choose another folder, or put photos into it." : told,
      ),
    );
    if (focus) title.focus({ preventScroll: true });
  };
  open("", false);
  return { node, path: () => here };
}

async function unlock(app) {
  if (!(await askToken(service.logIn))) return;
  try {
    await app.refresh();
  } catch (error) {
    notifyFailure(error);
  }
}
