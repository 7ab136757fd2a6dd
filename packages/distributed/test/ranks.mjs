// One rank of the tests: does what its first argument says, and prints one JSON line.
import { runRanks } from "../dist/index.js";

const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (words) => new TextEncoder().encode(words);

const scenarios = {
  async collectives(ranks) {
    const { rank, size } = ranks;
    const single = Float32Array.from({ length: 5 }, (_, index) => rank * 10 + index);
    const double = Float64Array.of(0.1 + rank, 2 ** 40);
    // A view into a larger buffer: only the view may change.
    const frame = new Float32Array(6).fill(7);
    // Calls overlap; they are carried out in this order.
    const [, , , all, news] = await Promise.all([
      ranks.allReduceSum(single),
      ranks.allReduceSum(double),
      ranks.allReduceSum(frame.subarray(2, 4)),
      ranks.allGather(bytes("x".repeat(3 * rank) + rank)),
      ranks.broadcast(rank === size - 1 ? bytes("from the last") : bytes("never read"), size - 1),
    ]);
    const empty = await ranks.allGather(new Uint8Array(0));
    await ranks.allReduceSum(new Float32Array(0));
    await ranks.barrier();
    return {
      name: ranks.name, rank, size, single: [...single], double: [...double], frame: [...frame],
      all: all.map(text), news: text(news), empty: empty.map((each) => each.length),
    };
  },
  async patience(ranks) {
    // A rank that waits for a slow one keeps its event loop and leaves the core alone.
    if (ranks.rank === 0) await new Promise((resolve) => setTimeout(resolve, 1500));
    let turns = 0;
    const timer = setInterval(() => turns++, 10);
    const before = process.cpuUsage();
    await ranks.barrier();
    const { user, system } = process.cpuUsage(before);
    clearInterval(timer);
    return { rank: ranks.rank, turns, seconds: (user + system) / 1e6 };
  },
  async large(ranks) {
    const data = new Uint8Array(40_000_003).fill(ranks.rank + 1);
    const all = await ranks.allGather(data);
    return { rank: ranks.rank, lengths: all.map((each) => each.length), ends: all.map((each) => [each[0], each.at(-1)]) };
  },
  async disagreement(ranks) {
    const refused = [];
    const attempt = (promise) => promise.catch((error) => refused.push(`${error.name}: ${error.message}`));
    await attempt(ranks.allReduceSum(new Float32Array(ranks.rank + 1)));
    await attempt(ranks.allReduceSum(ranks.rank === 0 ? new Float32Array(2) : new Float64Array(2)));
    await attempt(ranks.broadcast(new Uint8Array(1), 9));
    await attempt(ranks.allReduceSum([1, 2]));
    // The group still works.
    const sum = Float64Array.of(1);
    await ranks.allReduceSum(sum);
    return { rank: ranks.rank, refused, sum: sum[0] };
  },
  async failure(ranks) {
    if (ranks.rank === 1) throw new Error("the second rank broke");
    await ranks.barrier();
    return { rank: ranks.rank, survived: true };
  },
  async crash(ranks) {
    if (ranks.rank === 1) process.kill(process.pid, "SIGKILL");
    await ranks.barrier();
    return { rank: ranks.rank, survived: true };
  },
};

const [scenario, communicator] = process.argv.slice(2);
const result = await runRanks(scenarios[scenario], communicator);
console.log(JSON.stringify(result));
