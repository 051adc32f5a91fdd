// @ts-check
/**
 * The marks of the answer on the table: made, changed, removed, chosen in turn.
 *
 * @typedef {import("../model/types.js").Shape} Shape
 * @typedef {import("../model/types.js").ShapeKind} ShapeKind
 */

import { classOf, ruleFor, withoutShape, withShape } from "../model/answer.js";
import { describePlace, KIND_TITLES } from "../model/shapes.js";

export class Marks {
  /** The class that the next mark gets. @type {string | null} */
  active = null;

  /** @param {import("./workbench.js").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    this.schema = bench.schema;
    this.reading = bench.reading;
  }

  selected() {
    return this.reading.answer.shapes.find(({ id }) => id === this.bench.stage.selected) ?? null;
  }

  /** @param {Shape} shape a new one */
  commit(shape) {
    this.reading.change(withShape(this.reading.answer, shape));
    this.bench.panel.showMissing([]);
    this.bench.say(`${KIND_TITLES[shape.kind]} set: ${describePlace(shape, this.bench.stage.size)}`);
  }

  /**
   * @param {Shape} shape
   * @param {string} merge changes with the same word are undone together
   */
  change(shape, merge) {
    this.reading.change(withShape(this.reading.answer, shape), merge);
  }

  /** @param {string | null} id */
  remove(id) {
    if (!id) return;
    this.bench.stage.select(null);
    this.reading.change(withoutShape(this.reading.answer, id));
    this.bench.say("Mark removed");
  }

  /** @param {number} step to the next or the one before */
  step(step) {
    const { shapes } = this.reading.answer;
    if (shapes.length === 0) return;
    const at = shapes.findIndex(({ id }) => id === this.bench.stage.selected);
    const next = at < 0 && step < 0 ? shapes.at(-1) : shapes[(at + step + shapes.length) % shapes.length];
    this.bench.stage.select(next?.id ?? null);
    if (next) this.bench.say(`${KIND_TITLES[next.kind]}, ${describePlace(next, this.bench.stage.size)}`);
  }

  /**
   * The class a new mark of this kind gets: the one chosen last, else any chosen one that takes it.
   *
   * @param {ShapeKind} kind
   * @returns {string | null}
   */
  classFor(kind) {
    const { classes } = this.reading.answer;
    const order = this.active ? [this.active, ...classes] : classes;
    return order.find((key) => classes.includes(key) && ruleFor(classOf(this.schema, key), kind) !== "none") ?? null;
  }

  /** @param {ShapeKind} kind */
  needClassText(kind) {
    const takers = this.schema.classes.filter((one) => ruleFor(one, kind) !== "none").map(({ title }) => title);
    if (takers.length === 0) return `No finding of this study takes a ${kind}.`;
    return `First choose a finding that takes a ${kind}: ${takers.join(", ")}.`;
  }
}
