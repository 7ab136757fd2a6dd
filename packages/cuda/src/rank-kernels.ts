import { CallArguments } from "@elastic-attention/addon";
import { allReduce, dtypeByteSize, gatherColumns, type RankGroup } from "@elastic-attention/tensor";
import type { CudaBackend } from "./cuda-backend.js";

/** Groups whose GPUs reach each other's memory. */
const connected = new WeakSet<RankGroup>();

const notConnected = ["the ranks' GPUs do not reach each other's memory"];

/** Sums and gathers over the memory of GPUs that reach each other: on the compute stream, in captured graphs too. */
export function registerRankKernels(backend: CudaBackend): void {
  const { addon, kernels } = backend;

  kernels.register(allReduce, {
    name: "peers",
    supports: ({ values, ranks }) => [
      ...(connected.has(ranks) ? [] : notConnected),
      ...(values.isContiguous ? [] : ["rows with gaps"]),
      ...((values.numElements * dtypeByteSize(values.dtype)) % 16 === 0 ? [] : ["no whole units of 16 bytes"]),
    ],
    run: ({ values }) => backend.call("allReduce", addon.peerAllReduce, new CallArguments().tensor(values)),
  });

  kernels.register(gatherColumns, {
    name: "peers",
    supports: ({ ranks, columns }) => [...(connected.has(ranks) ? [] : notConnected), ...(columns === undefined ? ["the columns of each rank are not known"] : [])],
    run: ({ input, output, columns }) => backend.call("gatherColumns", addon.peerGatherColumns, new CallArguments().tensor(input).tensor(output).number(...columns!)),
  });
}

/**
 * Lets the GPUs of ranks write into each other's memory; all ranks call it at once.
 * @returns why they cannot, on every rank alike; undefined when they can
 */
export function connectRanks({ addon }: CudaBackend, ranks: RankGroup): string | undefined {
  const words = new TextDecoder();
  let handle = new Uint8Array(0);
  let problem = "";
  try {
    handle = Uint8Array.from(addon.openPeers(Float64Array.of(ranks.rank, ranks.size)));
  } catch (error) {
    problem = (error as Error).message;
  }
  const handles = ranks.allGather(handle);
  if (problem === "" && handles.every(({ length }) => length === handle.length)) {
    try {
      problem = addon.connectPeers(Uint8Array.from(handles.flatMap((bytes) => Array.from(bytes))));
    } catch (error) {
      problem = (error as Error).message;
    }
  }
  const problems = ranks.allGather(new TextEncoder().encode(problem)).map((bytes) => words.decode(bytes));
  const first = problems.find((each) => each !== "");
  if (first !== undefined) return first;
  connected.add(ranks);
  return undefined;
}
