// @ts-check
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { SHORTCUTS } from "../../static/js/view/shortcuts.js";

const PAGE = new URL("../../docs/reference/keyboard.md", import.meta.url);

test("the page about the keyboard tells what the table of keys says", () => {
  const rows = readFileSync(PAGE, "utf8").split("\n").filter((line) => /^\|.*\| (reading|always) \|$/.test(line));
  const expected = SHORTCUTS.map(({ keys, title, when }) =>
    `| ${keys.map((key) => `\`${key}\``).join(", ")} | ${title} | ${when.length > 1 ? "always" : "reading"} |`);
  assert.deepEqual(rows, expected);
});
