// @ts-check
/** The gallery of a batch: filters in the address, a grid of any length, what is chosen, and what is done with it. */

import { request } from "../api.js";
import { explain } from "../errors.js";
import { moved, orderFrom, queryOf, searchOf, Selection, wishesFrom } from "../model/gallery.js";
import { Curation, images, told } from "../state/curation.js";
import { Thumbnails } from "../state/thumbnails.js";
import { askWhy } from "../view/discard-dialog.js";
import { byId, show } from "../view/dom.js";
import { ThumbGrid } from "../view/thumb-grid.js";
import { toast } from "../view/toasts.js";

const GROWS_EVERY_MS = 4000;
const UNDO_SECONDS = 12;

class Gallery {
  list = byId("gallery", HTMLElement);
  filters = byId("gallery-filters", HTMLFormElement);
  api = this.list.dataset["api"] ?? "";
  mayDiscard = "mayDiscard" in this.list.dataset;
  wishes = wishesFrom(location.search);
  chosen = new Selection();
  curation = new Curation(this.api);
  thumbnails = new Thumbnails(this.api, { onBlock: () => this.#drawAll(), onFault: fault });
  grid = new ThumbGrid(this.list, this.thumbnails, this.chosen);
  /** @type {{images: number, kept: number, discarded: number, flagged: number} | null} */
  counts = null;
  #asked = 0;

  constructor() {
    for (const [name, value] of Object.entries(this.wishes)) this.#fill(name, value);
    this.filters.addEventListener("change", (event) => this.#onFilter(event));
    this.filters.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("popstate", () => this.#onAddress());
    this.list.addEventListener("keydown", (event) => this.#onKey(event));
    this.list.addEventListener("click", (event) => this.#onClick(event));
    this.list.addEventListener("dblclick", (event) => this.#onDoubleClick(event));
    this.#on("choose-all", () => this.#chooseAll());
    this.#on("choose-none", () => this.#chooseNone());
    this.#on("discard", () => void this.discard());
    this.#on("restore", () => void this.restore());
  }

  async start() {
    this.grid.size = Number(byId("gallery-size", HTMLSelectElement).value);
    await this.load();
    const here = /^#image-(\d+)$/.exec(location.hash);
    const position = here ? this.grid.order.indexOf(Number(here[1])) : -1;
    if (position >= 0) this.grid.moveTo(position);
    if ("growing" in this.list.dataset) setInterval(() => void this.load(), GROWS_EVERY_MS);
  }

  /** Ask which images the filter leaves, and how many there are. */
  async load() {
    const turn = (this.#asked += 1);
    try {
      const [order, counts] = await Promise.all([
        request("GET", `${this.api}/indexes${queryOf(this.wishes)}`, { as: "buffer" }),
        request("GET", `${this.api}/counts`).catch(() => null), // the pictures do not wait for what is only said beside them
      ]);
      if (turn !== this.#asked) return; // the filter has changed meanwhile
      this.counts = counts?.data ?? null;
      this.grid.setOrder(orderFrom(order.data));
      this.#say();
    } catch (error) {
      fault(error);
    }
  }

  async discard() {
    const chosen = this.chosen.indexes();
    if (!this.mayDiscard || chosen.length === 0) return;
    const why = await askWhy(chosen.length);
    this.list.focus();
    if (!why) return;
    await this.#change(async () => {
      const outcome = await this.curation.discard(chosen, why);
      toast(told(outcome, "discarded"), { tone: "ok", seconds: UNDO_SECONDS, action: { label: "Undo", key: "Z", run: () => void this.undo() } });
    });
  }

  async restore() {
    const chosen = this.chosen.indexes();
    if (!this.mayDiscard || chosen.length === 0) return;
    await this.#change(async () => {
      toast(told(await this.curation.restore(chosen), "taken back"), { tone: "ok" });
    });
  }

  async undo() {
    if (!this.curation.canUndo) return;
    await this.#change(async () => {
      const outcome = await this.curation.undo();
      if (outcome) toast(told(outcome, "taken back"), { tone: "ok" });
    });
    this.list.focus();
  }

  /** @param {() => Promise<void>} work */
  async #change(work) {
    try {
      await work();
    } catch (error) {
      fault(error);
      return;
    }
    this.chosen.clear();
    this.thumbnails.forgetFacts();
    await this.load();
  }

  #chooseAll() {
    this.chosen.all(this.grid.order);
    this.#drawAll();
  }

  #chooseNone() {
    this.chosen.clear();
    this.#drawAll();
  }

  // --- keys and mouse -------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.altKey) return;
    const { grid, chosen } = this;
    const to = moved(event.key, grid.position, grid.order.length, { columns: grid.columns, page: grid.page });
    if (to !== null) {
      event.preventDefault();
      if (event.shiftKey) chosen.rangeTo(grid.order, to);
      else if (!event.ctrlKey && !event.metaKey) chosen.size === 0 && chosen.anchorAt(to);
      this.#goTo(to);
      return;
    }
    const act = this.#actionOf(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** @param {KeyboardEvent} event @returns {(() => void) | undefined} */
  #actionOf(event) {
    const held = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (held) return key === "a" ? () => this.#chooseAll() : undefined;
    /** @type {Record<string, () => void>} */
    const actions = {
      " ": () => this.#toggle(this.grid.position),
      enter: () => this.#open(this.grid.position),
      escape: () => this.#chooseNone(),
      x: () => void this.discard(),
      r: () => void this.restore(),
      z: () => void this.undo(),
    };
    return actions[key];
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const position = this.grid.positionOf(event.target);
    if (position === null) return;
    const { grid, chosen } = this;
    if (event.shiftKey) chosen.rangeTo(grid.order, position);
    else if (event.ctrlKey || event.metaKey) chosen.toggle(grid.order, position);
    else chosen.only(grid.order, position);
    this.#goTo(position);
  }

  /** @param {MouseEvent} event */
  #onDoubleClick(event) {
    const position = this.grid.positionOf(event.target);
    if (position !== null) this.#open(position);
  }

  /** @param {number} position */
  #toggle(position) {
    this.chosen.toggle(this.grid.order, position);
    this.#drawAll();
  }

  /** @param {number} position */
  #goTo(position) {
    this.grid.moveTo(position);
    this.#say();
  }

  /** @param {number} position */
  #open(position) {
    const index = this.grid.order[position];
    if (index === undefined) return;
    history.replaceState(null, "", `${location.pathname}${searchOf(this.wishes)}#image-${index}`);
    location.assign(`${this.list.dataset["page"]}${index}/${searchOf(this.wishes)}`);
  }

  // --- filters ----------------------------------------------------------------------------------

  /** @param {Event} event */
  #onFilter(event) {
    const field = event.target;
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) return;
    if (field.id === "gallery-size") {
      this.grid.setSize(Number(field.value));
      return;
    }
    if (!field.checkValidity()) return;
    this.wishes = { ...this.wishes, [field.name]: field.value };
    history.pushState(null, "", `${location.pathname}${searchOf(this.wishes)}`);
    void this.#refilter();
  }

  #onAddress() {
    this.wishes = wishesFrom(location.search);
    for (const [name, value] of Object.entries(this.wishes)) this.#fill(name, value);
    void this.#refilter();
  }

  async #refilter() {
    this.chosen.clear(); // nobody shall discard what is not in sight any more
    this.list.scrollTop = 0;
    this.grid.position = 0;
    await this.load();
  }

  /** @param {string} name @param {string} value */
  #fill(name, value) {
    const field = this.filters.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
  }

  // --- what is said -----------------------------------------------------------------------------

  #drawAll() {
    this.grid.draw();
    this.#say();
  }

  #say() {
    const listed = this.grid.order.length;
    const { images: all = listed, discarded = 0, flagged = 0 } = this.counts ?? {};
    const parts = [`${listed.toLocaleString("en")} of ${images(all)}`, flagged ? `${flagged.toLocaleString("en")} flagged` : "", discarded ? `${discarded.toLocaleString("en")} discarded` : ""];
    put("gallery-said", parts.filter(Boolean).join(" · "));
    put("gallery-chosen", this.chosen.size ? `${this.chosen.size.toLocaleString("en")} chosen` : "None chosen");
    put("choose-all", `Choose all ${listed.toLocaleString("en")}`);
    enable("choose-all", listed > 0);
    enable("choose-none", this.chosen.size > 0);
    enable("discard", this.mayDiscard && this.chosen.size > 0);
    enable("restore", this.mayDiscard && this.chosen.size > 0 && this.wishes["discarded"] !== "false");
    this.#sayEmpty(listed, all);
  }

  /** @param {number} listed @param {number} all */
  #sayEmpty(listed, all) {
    const empty = byId("gallery-empty", HTMLElement);
    show(empty, listed === 0);
    show(this.list, listed > 0);
    const growing = "growing" in this.list.dataset;
    const title = all > 0 ? "No image matches" : growing ? "The first images are being made" : "This batch holds no image";
    const text = all > 0 ? "Choose other filters to see more." : growing ? "They appear here as they come." : "It ended before one was complete.";
    const [head, words] = [empty.querySelector("h2"), empty.querySelector("p")];
    if (head) head.textContent = title;
    if (words) words.textContent = text;
  }

  /** @param {string} id @param {() => void} run */
  #on(id, run) {
    document.getElementById(id)?.addEventListener("click", run);
  }
}

/** Says it only where it differs, so that screen readers are not told again. @param {string} id @param {string} text */
function put(id, text) {
  const element = byId(id, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} id @param {boolean} isEnabled */
function enable(id, isEnabled) {
  const button = document.getElementById(id);
  if (button instanceof HTMLButtonElement) button.disabled = !isEnabled;
}

/** @param {unknown} error */
function fault(error) {
  const { title, detail, action } = explain(error);
  toast(`${title}. ${detail} ${action}`, { tone: "bad" });
}

void new Gallery().start();
