// The part of vitest that our test suites use, in one file that can be bundled with them: for machines without npm.
import {
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  getState,
  setState,
} from "@vitest/expect";
import { spawn } from "node:child_process";
import * as chai from "chai";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect = (value, message) => chai.expect(value, message);
Object.assign(expect, chai.expect);
expect.getState = () => getState(expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });
setState({ assertionCalls: 0, isExpectingAssertions: false, ...getState(expect) }, expect);

const tests = [];
const cleanups = [];
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

/** Every file is part of one: what a file cleans up is cleaned up after the tests of all. */
export const afterEach = (fn) => cleanups.push(fn);

export function test(title, fn) {
  tests.push({ name: [...path, title].join(" > "), fn });
}
test.each = each(test);
test.skip = (title) => tests.push({ name: [...path, title].join(" > ") });
test.skipIf = (condition) => (condition ? Object.assign(test.skip, { each: each(test.skip) }) : test);
test.runIf = (condition) => test.skipIf(!condition);
describe.skipIf = (condition) => (condition ? Object.assign(() => {}, { each: () => () => {} }) : describe);
export const it = test;

const stubbed = new Map();
export const vi = {
  stubEnv(name, value) {
    if (!stubbed.has(name)) stubbed.set(name, process.env[name]);
    process.env[name] = value;
  },
  unstubAllEnvs() {
    for (const [name, value] of stubbed) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    stubbed.clear();
  },
};

// node SUITE.mjs [--jobs N | --shard I/N] [WORDS]: all tests in N processes, or every N-th test from the I-th on (from 1); of
// those whose name has the words.
const options = process.argv.slice(2);
const option = ["--jobs", "--shard"].includes(options[0]) ? options.splice(0, 2) : [];
const jobs = option[0] === "--jobs" ? Number(option[1]) : 1;
const [shard, shards] = option[0] === "--shard" ? option[1].split("/").map(Number) : [1, 1];
const words = options.join(" ");
if (![jobs, shard, shards].every((value) => Number.isInteger(value) && value > 0)) {
  console.error("Usage: node SUITE.mjs [--jobs N | --shard I/N] [WORDS]");
  process.exit(2);
}
/** The tests of this process, or of all its shards. */
function chooseTests() {
  const named = tests.filter(({ name }) => name.includes(words));
  if (named.length === 0) throw new Error(`No test has "${words}" in its name.`);
  return named.filter((_, index) => index % shards === shard - 1);
}

function finish(passed, failed, skipped) {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** One shard in a process of its own: its counts, all of them; what a crash left undone has failed. */
function runShard(index, chosen) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1], "--shard", `${index}/${jobs}`, words], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
      const end = output.lastIndexOf("\n") + 1;
      const lines = output.slice(0, end).replace(/^\d+ passed, \d+ failed, \d+ skipped\n/m, (line) => ((counts = line), ""));
      process.stdout.write(lines);
      output = output.slice(end);
    });
    let counts;
    child.on("close", (code, signal) => {
      const own = chosen.filter((_, position) => position % jobs === index - 1).length;
      if (counts === undefined) {
        console.log(`FAILED shard ${index}/${jobs}: ended by ${signal ?? `code ${code}`} before its ${own} tests were done`);
        done([0, own, 0]);
      } else {
        done(counts.match(/\d+/g).map(Number));
      }
    });
  });
}

async function runJobs(chosen) {
  const start = performance.now();
  const counts = await Promise.all(Array.from({ length: jobs }, (_, index) => runShard(index + 1, chosen)));
  console.log(`${jobs} processes, ${((performance.now() - start) / 1000).toFixed(0)} s`);
  finish(...[0, 1, 2].map((place) => counts.reduce((sum, each) => sum + each[place], 0)));
}

async function run(chosen) {
  let [passed, failed, skipped] = [0, 0, 0];
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
    } finally {
      for (const cleanUp of cleanups) await cleanUp();
    }
  }
  finish(passed, failed, skipped);
}

// After the bundle has defined every test.
setImmediate(() => void (jobs > 1 ? runJobs : run)(chooseTests()));
