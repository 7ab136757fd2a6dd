/** A process that ran for less than this share of the time was kept from running, by others or by sleep: the time does not count yet. */
const leastShare = 0.25;

/** The processor's time of this process in milliseconds; undefined where nothing tells it, as in a browser. */
function processorMilliseconds(): number | undefined {
  const usage = globalThis.process?.cpuUsage?.();
  return usage && (usage.user + usage.system) / 1000;
}

/** Tells when a rendering has taken its time. */
export class RenderClock {
  readonly #start = performance.now();
  readonly #processor = processorMilliseconds();

  /** @param milliseconds that the rendering may take. */
  constructor(private readonly milliseconds: number) {}

  isOver(): boolean {
    if (performance.now() - this.#start <= this.milliseconds) return false;
    const processor = processorMilliseconds();
    return processor === undefined || processor - this.#processor! >= leastShare * this.milliseconds;
  }
}
