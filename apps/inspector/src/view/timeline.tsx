import type { Run } from "../runs/run.js";
import { duration } from "./words.js";

/** Ticks of one line beyond this are drawn as a bar. */
const mostTicks = 400;

/** When each layer was read and when each token came, on one axis. */
export function Timeline({ run }: { readonly run: Run }) {
  const last = Math.max(run.end?.at ?? 0, run.tokenTimes.at(-1) ?? 0, run.layerTimes.at(-1) ?? 0);
  if (last === 0) return null;
  const read = run.layerTimes.at(-1) ?? 0;
  const summary = `${run.layerTimes.length} layers read in ${duration(read)}, ${run.tokenTimes.length} tokens written by ${duration(last)}`;
  return (
    <figure class="timeline">
      <svg viewBox="0 0 1000 56" role="img" aria-label={summary} preserveAspectRatio="none">
        <Line times={run.layerTimes} start={0} last={last} top={4} class="layers" />
        <Line times={run.tokenTimes} start={read} last={last} top={32} class="tokens" />
      </svg>
      <figcaption>{summary}</figcaption>
    </figure>
  );
}

interface LineProperties {
  readonly times: readonly number[];
  readonly start: number;
  readonly last: number;
  readonly top: number;
  readonly class: string;
}

function Line({ times, start, last, top, class: name }: LineProperties) {
  const x = (time: number) => (1000 * time) / last;
  const end = times.at(-1) ?? start;
  return (
    <g class={name}>
      <rect class="span" x={x(start)} y={top} width={Math.max(1, x(end) - x(start))} height={20} />
      {times.length <= mostTicks && times.map((time, index) => <rect key={index} x={Math.min(998, x(time))} y={top} width={2} height={20} />)}
    </g>
  );
}
