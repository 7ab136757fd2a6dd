import type { Engine, RoutingReport } from "@elastic-attention/generation";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FinishReason } from "../answer/answer-event.js";

const seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const tokenSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const shares = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** What a scrape may take of the engine's time before the last figures are given again. */
const reportMilliseconds = 1000;

/** Figures for Prometheus, under the names that dashboards of vLLM know, and those of routing. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #running = this.#gauge("vllm:num_requests_running", "Requests whose prompts are read or whose answers are written.");
  readonly #waiting = this.#gauge("vllm:num_requests_waiting", "Requests that wait for their turn.");
  readonly #cacheUsage = this.#gauge("vllm:kv_cache_usage_perc", "Share of the memory for keys and values that running requests and sessions hold, 0 to 1.", "average");
  readonly #firstToken = this.#histogram("vllm:time_to_first_token_seconds", "From the arrival of a request to its first token.", seconds);
  readonly #perToken = this.#histogram("vllm:time_per_output_token_seconds", "Between the tokens of an answer, mean of a request.", tokenSeconds);
  readonly #latency = this.#histogram("vllm:e2e_request_latency_seconds", "From the arrival of a request to its end.", seconds);
  readonly #promptTokens = this.#counter("vllm:prompt_tokens_total", "Tokens of prompts.");
  readonly #generatedTokens = this.#counter("vllm:generation_tokens_total", "Tokens of answers.");
  readonly #cacheQueries = this.#counter("vllm:prefix_cache_queries", "Tokens of prompts that were looked for in the cache.");
  readonly #cacheHits = this.#counter("vllm:prefix_cache_hits", "Tokens of prompts that the cache held.");
  readonly #success = this.#counter("vllm:request_success_total", "Requests that ended, by how.", ["finished_reason"]);
  readonly #preemptions = this.#gauge("vllm:num_preemptions_total", "Requests that gave their memory up and were computed again.");
  readonly #modelSparsity = this.#histogram("elastic_msr", "Share of key-value heads in the sparse mode (MSR), by request.", shares);
  readonly #effectiveSparsity = this.#histogram("elastic_esr", "Share of causal blocks that were not visited (ESR), by request.", shares);
  readonly #savedBytes = this.#counter("elastic_kv_bytes_saved", "Bytes of keys and values that sparse heads did not hold, summed over requests.");
  readonly #rejected = this.#counter("elastic_requests_rejected_total", "Requests that were refused, by HTTP status.", ["status"]);

  constructor(
    private readonly engine: Engine,
    model: string,
  ) {
    this.#registry.setDefaultLabels({ model_name: model });
  }

  firstToken(afterSeconds: number): void {
    this.#firstToken.observe(afterSeconds);
  }

  rejected(status: number): void {
    this.#rejected.inc({ status: String(status) });
  }

  /** An answer has ended. @param answer its number: what the answers of a prompt share counts once @param decodeSeconds from the first token to the last */
  finished(answer: number, reason: FinishReason, report: RoutingReport, tokens: number, allSeconds: number, decodeSeconds: number): void {
    this.#generatedTokens.inc(tokens);
    if (tokens > 1) this.#perToken.observe(decodeSeconds / (tokens - 1));
    if (answer > 0) return;
    this.#success.inc({ finished_reason: reason === "aborted" ? "abort" : reason === "length" ? "length" : "stop" });
    this.#latency.observe(allSeconds);
    this.#promptTokens.inc(report.promptTokens);
    this.#cacheQueries.inc(report.promptTokens);
    this.#cacheHits.inc(report.reusedTokens);
    if (report.fullKeyValueBytes === 0) return;
    this.#modelSparsity.observe(report.modelSparsity);
    this.#effectiveSparsity.observe(report.effectiveSparsity);
    this.#savedBytes.inc(Math.max(0, report.fullKeyValueBytes - report.keyValueBytes));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In the format of Prometheus. */
  async text(): Promise<string> {
    await this.#update();
    return this.#registry.metrics();
  }

  /** As data, for who adds up those of several servers. */
  async data(): Promise<readonly object[]> {
    await this.#update();
    return this.#registry.getMetricsAsJSON();
  }

  async #update(): Promise<void> {
    await Promise.race([this.#askEngine().catch(() => {}), new Promise((resolve) => setTimeout(resolve, reportMilliseconds).unref())]);
  }

  async #askEngine(): Promise<void> {
    const { queued, prefilling, decoding, preemptions, keyValueUsage } = await this.engine.report();
    this.#running.set(prefilling + decoding);
    this.#waiting.set(queued);
    this.#cacheUsage.set(keyValueUsage);
    this.#preemptions.set(preemptions);
  }

  /** @param aggregator how those of several servers become one */
  #gauge(name: string, help: string, aggregator: "sum" | "average" = "sum") {
    return new Gauge({ name, help, aggregator, registers: [this.#registry] });
  }

  #counter<Label extends string = never>(name: string, help: string, labelNames: Label[] = []) {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]) {
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }
}
