// The part of vitest that our test suites use, in one file that can be bundled with them: for machines without npm.
import {
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  getState,
  setState,
} from "@vitest/expect";
import * as chai from "chai";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect = (value, message) => chai.expect(value, message);
Object.assign(expect, chai.expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });
setState({ assertionCalls: 0, isExpectingAssertions: false, ...getState(expect) }, expect);

const tests = [];
let path = [];

function titled(title, row, index) {
  const values = Array.isArray(row) ? [...row] : [row];
  const named = String(title).replace(/\$(\w+)/g, (whole, key) =>
    row !== null && typeof row === "object" && key in row ? String(row[key]) : whole,
  );
  return named.replace(/%[sdifjo%]/g, (mark) => (mark === "%%" ? "%" : String(values.shift()))).replace("%#", index);
}

const each = (define) => (rows) => (title, fn) =>
  rows.forEach((row, index) => define(titled(title, row, index), () => fn(...(Array.isArray(row) ? row : [row]))));

export function describe(title, fn) {
  path.push(title);
  fn();
  path.pop();
}
describe.each = each(describe);

export function test(title, fn) {
  tests.push({ name: [...path, title].join(" > "), fn });
}
test.each = each(test);
test.skip = (title) => tests.push({ name: [...path, title].join(" > ") });
test.skipIf = (condition) => (condition ? Object.assign(test.skip, { each: each(test.skip) }) : test);
test.runIf = (condition) => test.skipIf(!condition);
describe.skipIf = (condition) => (condition ? Object.assign(() => {}, { each: () => () => {} }) : describe);
export const it = test;

// node SUITE.mjs [--shard I/N] [WORDS]: every N-th test from the I-th on (from 1), of those whose name has the words.
const options = process.argv.slice(2);
const [shard, shards] = options[0] === "--shard" ? options.splice(0, 2)[1].split("/").map(Number) : [1, 1];
const words = options.join(" ");

async function run() {
  let [passed, failed, skipped] = [0, 0, 0];
  const chosen = tests.filter(({ name }) => name.includes(words)).filter((_, index) => index % shards === shard - 1);
  for (const { name, fn } of chosen) {
    if (fn === undefined) {
      skipped += 1;
      console.log(`skipped ${name}`);
      continue;
    }
    const start = performance.now();
    const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
    try {
      await fn();
      passed += 1;
      console.log(`ok ${name} (${seconds()})`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name} (${seconds()})\n  ${String(error?.stack ?? error).split("\n").slice(0, 8).join("\n  ")}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}

// After the bundle has defined every test.
setImmediate(() => void run());
