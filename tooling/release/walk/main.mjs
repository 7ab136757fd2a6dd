// Walks the ways of a newcomer on this machine, each in an empty folder with a bare environment, with packages as they would be
// published: clone and first command, npm install and first command, a program of one's own, other runtimes, broken installations.
//   node tooling/release/walk/main.mjs TARBALLS [WAY...]      after `pnpm release:check TARBALLS`; without ways, all of them
import { Newcomer } from "./newcomer.mjs";
import { seconds } from "./answer.mjs";
import { ways } from "./ways.mjs";

const [tarballs, ...chosen] = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(ways, name));
if (tarballs === undefined || unknown.length > 0) {
  console.error(`Usage: node tooling/release/walk/main.mjs TARBALLS [WAY...], where a way is ${Object.keys(ways).map((name) => JSON.stringify(name)).join(", ")}`);
  process.exit(1);
}
// What fails without a compiler is walked where there is none: on the clean machine.
const usual = Object.keys(ways).filter((name) => name !== "clone without a compiler");
const newcomer = new Newcomer(tarballs);
try {
  for (const name of chosen.length > 0 ? chosen : usual) {
    const begun = performance.now();
    try {
      const detail = ways[name](newcomer);
      console.log(`${name}: walked in ${seconds(begun)}${detail === undefined ? "" : `, ${detail}`}`);
    } catch (error) {
      process.exitCode = 1;
      console.error(`${name}: FAILED after ${seconds(begun)}: ${error.message}`);
    }
  }
} finally {
  newcomer[Symbol.dispose]();
}
