// @ts-check
/**
 * The reading page as one thing: the sitting (state/reading.js) on one side, image, panel and keys on
 * the other. What a key or button does is said in actions.js, by the methods here.
 *
 * @typedef {import("../state/reading.js").Reading} Reading
 * @typedef {import("../state/reading.js").ReadingState} ReadingState
 * @typedef {import("../tools/registry.js").ToolName} ToolName
 */

import { newKey } from "../api.js";
import { classOf, missingKind, toggleClass } from "../model/answer.js";
import { samplesAt } from "../model/raster.js";
import { HOLD_MS } from "../state/reading.js";
import { toolRow } from "../tools/registry.js";
import { actionsFor } from "./actions.js";
import { drawProgress } from "./bar.js";
import { Choices } from "./choices.js";
import { byId, show } from "./dom.js";
import { drawEmpty, emptyWords, failedWords } from "./empty.js";
import { drawFacts } from "./facts.js";
import { Guideline } from "./guideline.js";
import { Keyboard } from "./keyboard.js";
import { Marks } from "./marks.js";
import { OwnAnswers } from "./own-answers.js";
import { Panel } from "./panel.js";
import { closeSheet } from "./sheet.js";
import { boundShortcuts, choiceShortcuts, keyCap } from "./shortcuts.js";
import { Stage } from "./stage.js";
import { toast } from "./toasts.js";
import { drawToolbar, markTool } from "./toolbar.js";
import { WindowSliders } from "./windowing.js";

export class Workbench {
  /** @type {() => void} */
  #closeToast = () => {};
  #announcer = byId("announcer", HTMLElement);

  /**
   * @param {Reading} reading
   * @param {{home: string, again: () => void}} ways out of a state without an image
   * @param {import("./help.js").OwnKeys} keys the person's own ones
   * @param {{
   *   guideline: {text: string, url: string}, own: import("./own-answers.js").Source, extend: () => void, pixelSize: number | null
   * }} rest
   */
  constructor(reading, ways, keys, { guideline, own, extend, pixelSize }) {
    this.reading = reading;
    this.ways = ways;
    this.schema = reading.schema;
    const classKeys = choiceShortcuts(this.schema.classes, "class", "Findings", "reading");
    this.choices = new Choices(this);
    this.keys = keys;
    this.guideline = new Guideline(this.schema, guideline);
    this.own = new OwnAnswers(this.schema, own);
    this.extend = extend;
    this.pixelSize = pixelSize;
    this.shortcuts = this.#shortcuts(classKeys);
    const caps = new Map(this.schema.classes.map(({ key }, index) => [key, classKeys[index]?.keys[0] ?? ""]));
    this.panel = new Panel(this.schema, caps, {
      onClass: (key) => this.chooseClass(key),
      onShape: (id) => this.stage.select(id),
      onDelete: (id) => this.marks.remove(id),
      onChange: (change, merge) => reading.change({ ...reading.answer, ...change }, merge),
    });
    this.marks = new Marks(this);
    this.stage = this.#makeStage();
    this.sliders = new WindowSliders(this.stage.viewer);
    this.keyboard = new Keyboard({ shortcuts: this.shortcuts, context: () => this.choices.open ?? "reading" });
    this.actions = actionsFor(this);
    this.keyboard.on(this.actions);
    this.#drawKeys();
    keys.onChange = () => {
      this.shortcuts = this.#shortcuts(classKeys);
      this.keyboard.use(this.shortcuts);
      this.#drawKeys();
    };
    reading.store.watch((state, old) => this.#drawState(state, old));
    this.#drawState(reading.store.state, reading.store.state);
  }

  get isReading() {
    return this.reading.store.state.phase === "reading";
  }

  // --- what keys and buttons do ---------------------------------------------------------------

  /** @param {string} key */
  chooseClass(key) {
    if (!this.isReading) return;
    const { schema, reading } = this;
    const answer = toggleClass(reading.answer, schema, key);
    this.marks.active = answer.classes.includes(key) ? key : (answer.classes.at(-1) ?? null);
    reading.change(answer);
    this.panel.showMissing([]);
    this.say(`${classOf(schema, key)?.title ?? key} ${answer.classes.includes(key) ? "chosen" : "taken away"}`);
    const kind = missingKind(reading.answer, classOf(schema, this.marks.active ?? undefined));
    this.stage.setTool(kind ?? "select");
  }

  /** Enter: places a mark when a drawing tool was asked for, else submits. */
  enter() {
    if (!this.isReading) return;
    if (this.stage.isDrawing && (this.stage.isAskedFor || this.stage.crosshair || this.stage.tool.preview())) this.stage.place();
    else void this.submit();
  }

  async submit() {
    const title = this.#answerTitle();
    const missing = await this.reading.submit();
    if (missing.length === 0) this.offerUndo(`Submitted: ${title}`);
    this.showMissing(missing);
  }

  /** What keeps the answer from being taken: at its field, spoken, and with the first mark that is meant in hand. @param {import("../model/answer.js").Missing[]} missing */
  showMissing(missing) {
    this.panel.showMissing(missing);
    const meant = missing.find(({ shape }) => shape !== undefined)?.shape;
    if (meant !== undefined) this.stage.select(this.reading.answer.shapes[meant]?.id ?? null);
    if (missing.length > 0) this.say(missing.map(({ text }) => text).join(" "));
  }

  /** @param {number} value */
  setConfidence(value) {
    const { answer } = this.reading;
    this.reading.change({ ...answer, confidence: answer.confidence === value ? null : value });
  }

  toggleFlag() {
    const { answer } = this.reading;
    this.reading.change({ ...answer, flagged: !answer.flagged });
    this.say(answer.flagged ? "No second opinion asked" : "Second opinion asked");
  }

  async undo() {
    this.choices.close();
    this.#closeToast();
    this.say((await this.reading.undo()) ? "Undone" : "Nothing to undo");
  }

  redo() {
    this.say(this.reading.redo() ? "Done again" : "Nothing to do again");
  }

  /** Escape: out of a field, then out of a list, then out of a tool, then out of a choice. */
  cancel() {
    const field = document.activeElement;
    if (field instanceof HTMLElement && field.matches("input, textarea, select")) {
      field.blur();
      this.stage.root.focus();
    } else if (!closeSheet() && !this.choices.close() && !this.stage.tool.cancel()) {
      this.stage.setTool("select");
    }
    this.panel.showMissing([]);
  }

  /** @param {ToolName} name */
  takeTool(name) {
    const kind = toolRow(name).draws;
    if (kind && !this.marks.classFor(kind)) {
      this.say(this.marks.needClassText(kind), true);
      return;
    }
    const isSame = this.stage.toolName === name && this.stage.isAskedFor;
    this.stage.setTool(isSame ? "select" : name, { asked: !isSame });
  }

  /** @param {boolean} isHidden */
  hideMarks(isHidden) {
    this.stage.isHidden = isHidden;
    this.stage.redraw();
  }

  /**
   * Says something to those who listen, and with `loud` to those who look.
   *
   * @param {string} text
   * @param {boolean} [loud]
   */
  say(text, loud = false) {
    this.#announcer.textContent = text;
    if (loud) toast(text);
  }

  /** @param {string} text what was just done, and can be taken back for a moment */
  offerUndo(text) {
    this.#closeToast();
    this.#closeToast = toast(text, { seconds: HOLD_MS / 1000, action: { label: "Undo", key: this.#capOf("undo"), run: () => void this.undo() } });
    this.say(text);
  }

  // --- inside -----------------------------------------------------------------------------------

  #makeStage() {
    const elements = {
      root: byId("viewer", HTMLElement),
      canvas: byId("viewer-pixels", HTMLCanvasElement),
      overlay: byId("viewer-shapes", SVGSVGElement),
    };
    return new Stage(elements, {
      shapes: () => this.reading.answer.shapes,
      colourOf: (key) => classOf(this.schema, key)?.colour ?? "#ffffff",
      classFor: (kind) => this.marks.classFor(kind),
      newId: newKey,
      onCommit: (shape) => this.marks.commit(shape),
      onChange: (shape, merge) => this.marks.change(shape, merge),
      onSelect: () => this.#drawPanel(),
      onTool: (tool) => markTool(tool, toolRow(tool).hint),
      onStatus: (point) => this.#drawStatus(point),
      onRefuse: (why) => this.say(why, true),
      onBegun: (tool, points) => this.reading.begin(points.length > 0 ? { tool, points: [...points] } : null),
      onView: () => this.stage && drawFacts(this.stage.viewer, this.pixelSize),
    });
  }

  /** @param {import("./shortcuts.js").Shortcut[]} classKeys */
  #shortcuts(classKeys) {
    return [...classKeys, ...boundShortcuts(this.keys.bindings), ...this.choices.shortcuts];
  }

  /** @param {string} id of a shortcut */
  #capOf(id) {
    return keyCap(this.shortcuts.find((shortcut) => shortcut.id === id)?.keys[0] ?? "");
  }

  /** The keys on the buttons, as they are now. */
  #drawKeys() {
    drawToolbar(this.schema, this.shortcuts, (id) => this.#act(id));
    markTool(this.stage.toolName, toolRow(this.stage.toolName).hint);
    for (const cap of document.querySelectorAll("kbd[data-shortcut]")) cap.textContent = this.#capOf(cap.getAttribute("data-shortcut") ?? "");
  }

  #answerTitle() {
    return this.reading.answer.classes.map((key) => classOf(this.schema, key)?.title ?? key).join(", ");
  }

  /** @param {string} id */
  #act(id) {
    const [family = "", argument = ""] = id.split(":");
    (this.actions[id] ?? this.actions[family])?.(argument);
  }

  /**
   * @param {ReadingState} state
   * @param {ReadingState} old
   */
  #drawState(state, old) {
    if (state.raster !== old.raster || state.read !== old.read) this.#newImage(state, old);
    if (state.progress !== old.progress) drawProgress(state.progress);
    const words = state.phase === "empty" ? emptyWords(state.end) : state.phase === "failed" ? failedWords(state.error) : null;
    drawEmpty(words, this.ways);
    show(byId("viewer", HTMLElement), words === null);
    byId("viewer", HTMLElement).toggleAttribute("aria-busy", state.phase === "loading" || state.phase === "starting");
    for (const id of ["wb-submit", "wb-discard", "wb-skip"]) byId(id, HTMLButtonElement).disabled = state.phase !== "reading";
    this.#drawPanel();
    this.stage.redraw();
  }

  /**
   * @param {ReadingState} state
   * @param {ReadingState} old
   */
  #newImage(state, old) {
    const { drawing } = state; // before a tool is put down for the new image, which forgets what was begun
    if (state.raster && state.raster !== old.raster) this.stage.setRaster(state.raster);
    if (!state.read) return;
    if (drawing) this.stage.resume(/** @type {ToolName} */ (drawing.tool), drawing.points);
    this.#drawStatus(null);
    this.panel.scrollUp();
    this.marks.active = state.answer.classes.at(-1) ?? null;
    this.choices.close();
    this.panel.showMissing([]);
    this.panel.showNote(state.read.note ?? "", state.read.draft?.discard_reason);
    this.stage.pin = state.read.note_at ?? null;
  }

  #drawPanel() {
    const { answer, phase } = this.reading.store.state;
    this.panel.draw(answer, { active: this.marks.active, selected: this.stage?.selected ?? null, size: this.stage?.size ?? { width: 1, height: 1 }, enabled: phase === "reading" });
    if (this.sliders) this.sliders.draw();
  }

  /** @param {import("../model/types.js").Point | null} point */
  #drawStatus(point) {
    const { raster } = this.stage.viewer;
    const values = raster && point ? samplesAt(raster, point) : null;
    const text = values && point ? `${Math.floor(point.x)}, ${Math.floor(point.y)}   ${values.join(" ")}` : "";
    byId("viewer-status", HTMLElement).textContent = text;
    if (this.sliders) this.sliders.draw();
  }
}
