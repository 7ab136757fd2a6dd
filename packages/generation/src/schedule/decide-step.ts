/** A request as the scheduler's decisions see it: figures and flags, no device. */
export interface RequestView {
  /** Counts up: of two requests the one that came first is served first. */
  readonly arrival: number;
  /** Whether its reader takes what it gets; nothing is computed for one that does not. */
  readonly keepsUp: boolean;
  /** Tokens of its prompt, those in its session's cache included: what it would cost to read it again. */
  readonly promptTokens: number;
  /** Whether it must not share a prefill, or its next decode step: with others one has failed. */
  readonly faults: { readonly readsAlone: boolean; readonly decodesAlone: boolean };
  /** Whether it gave its memory up and waits until somebody has ended. */
  readonly waitsForMemory: boolean;
  /** Its session, whose cache becomes its own when it starts. */
  readonly session: string | undefined;
  /** Bytes that it will need, as far as one can tell, and at least. */
  readonly memory: { readonly expectedBytes: number; readonly leastBytes: number };
}

/** A conversation between two turns. */
export interface IdleSession {
  readonly name: string;
  readonly bytes: number;
}

/** What a step is decided from. */
export interface ScheduleView<Request extends RequestView> {
  /** In order of arrival. */
  readonly queued: readonly Request[];
  /** Requests whose prompts are being read, all in one prefill. */
  readonly prefilling: readonly Request[];
  readonly decoding: readonly Request[];
  readonly freeBytes: number;
  /** The one that was used longest ago first. */
  readonly idleSessions: readonly IdleSession[];
  /** Bytes that come free when no cached prefix is kept. Default 0. */
  readonly prefixBytes?: number;
  /** Requests that decode together at most. */
  readonly maximumBatch: number;
  /** Tokens of prompts that are read together at most. */
  readonly batchTokens: number;
  /** How long a prefill may keep answers waiting; Infinity: to its end. */
  readonly prefillBudgetMilliseconds: number;
}

/**
 * How far prompts are read before answers get their next token: one slice where nobody waits, slices until the budget is
 * used up, or all.
 */
export type Reading = "slice" | "budget" | "whole";

/** What a step does, in this order. */
export interface StepDecision<Request extends RequestView> {
  /** Bytes of cached prefixes that a request needs: they go before idle sessions. */
  readonly evictPrefixBytes: number;
  /** Idle sessions whose memory a request needs. */
  readonly evict: readonly string[];
  /** A request that gives its memory to others and is read again later, as its reader does not read. */
  readonly preempt: Request | undefined;
  /** Requests whose prompts are read in one prefill from now on. */
  readonly admit: readonly Request[];
  /** Requests that get a token, in batches. */
  readonly decode: readonly (readonly Request[])[];
  readonly read: Reading;
}

type Admission<Request extends RequestView> = Pick<StepDecision<Request>, "evictPrefixBytes" | "evict" | "preempt" | "admit">;

/** Decides a step: who is admitted, who decodes, how far prompts are read, who makes room. */
export function decideStep<Request extends RequestView>(view: ScheduleView<Request>): StepDecision<Request> {
  // Answers of one request are there all at once, and may be more than decode together.
  const ready = view.decoding.filter(({ keepsUp }) => keepsUp).slice(0, view.maximumBatch);
  const together = ready.filter(({ faults }) => !faults.decodesAlone);
  const alone = ready.filter(({ faults }) => faults.decodesAlone).map((request) => [request]);
  const decode = together.length > 0 ? [together, ...alone] : alone;
  const shared = view.prefillBudgetMilliseconds < Infinity ? "budget" : "whole";
  return { ...decideAdmission(view), decode, read: ready.length === 0 ? "slice" : shared };
}

/** Who is admitted: the first of the queue, and those behind it whose prompts are read in the same prefill. */
function decideAdmission<Request extends RequestView>(view: ScheduleView<Request>): Admission<Request> {
  const { prefilling, decoding, maximumBatch } = view;
  const none: Admission<Request> = { evictPrefixBytes: 0, evict: [], preempt: undefined, admit: [] };
  const candidates = view.queued.filter(({ keepsUp }) => keepsUp);
  const [first, ...others] = candidates;
  if (first === undefined || prefilling.length > 0 || decoding.length >= maximumBatch) return none;
  if (decoding.length > 0 && (first.waitsForMemory || !canFit(view, first))) {
    // Running answers end sometime and free their memory; those that nobody reads do not.
    const stuck = decoding.every(({ keepsUp }) => !keepsUp);
    return { ...none, preempt: stuck ? youngest(decoding) : undefined };
  }
  // With nobody else it may try in any case: more heads may become sparse than expected.
  const bytes = canFit(view, first) ? first.memory.expectedBytes : first.memory.leastBytes;
  const evictPrefixBytes = Math.max(0, Math.min(prefixBytes(view), ownNeed(view, first, bytes) - view.freeBytes));
  const evict = sessionsInTheWay(view, first, bytes);
  const isAlone = evict.length > 0 || evictPrefixBytes > 0 || first.faults.readsAlone;
  return { ...none, evictPrefixBytes, evict, admit: isAlone ? [first] : [first, ...companions(view, first, others)] };
}

/** Those behind the first of the queue that fit into its prefill: its tokens, the batch's places, and memory that is free. */
function companions<Request extends RequestView>(view: ScheduleView<Request>, first: Request, others: readonly Request[]): Request[] {
  const joined: Request[] = [];
  let tokens = first.promptTokens;
  let bytes = ownNeed(view, first, first.memory.expectedBytes);
  for (const request of others) {
    tokens += request.promptTokens;
    bytes += ownNeed(view, request, request.memory.expectedBytes);
    const places = view.maximumBatch - view.decoding.length - joined.length - 1;
    if (request.faults.readsAlone || request.waitsForMemory || places < 1 || tokens > view.batchTokens || bytes > view.freeBytes) break;
    joined.push(request);
  }
  return joined;
}

/** What a request adds to the memory in use: its session's cache is there already. */
function ownNeed(view: ScheduleView<RequestView>, { session }: RequestView, bytes: number): number {
  return bytes - (view.idleSessions.find(({ name }) => name === session)?.bytes ?? 0);
}

/** Whether there is room for a request beside those that run, if idle sessions make room for it. */
function canFit(view: ScheduleView<RequestView>, request: RequestView): boolean {
  const others = view.idleSessions.filter(({ name }) => name !== request.session);
  const evictable = others.reduce((sum, { bytes }) => sum + bytes, 0);
  return ownNeed(view, request, request.memory.expectedBytes) <= view.freeBytes + prefixBytes(view) + evictable;
}

function prefixBytes({ prefixBytes: bytes = 0 }: ScheduleView<RequestView>): number {
  return bytes;
}

/** Sessions to evict so that a request fits, the one that was used longest ago first; none where that is not enough. */
function sessionsInTheWay(view: ScheduleView<RequestView>, request: RequestView, bytes: number): string[] {
  let missing = ownNeed(view, request, bytes) - view.freeBytes - prefixBytes(view);
  const names: string[] = [];
  for (const session of view.idleSessions) {
    if (missing <= 0) return names;
    if (session.name === request.session) continue;
    names.push(session.name);
    missing -= session.bytes;
  }
  return missing <= 0 ? names : [];
}

/**
 * Who gives its memory up when a running request cannot have what it needs: one that nobody reads, else whoever came last,
 * which may be that request itself. Its tokens are kept and computed again, so its text stays the same, and as the first
 * of all never gives way to others, everybody ends.
 *
 * @param holders everybody who holds memory
 * @returns undefined where nobody else holds any
 */
export function whoGivesWay<Request extends RequestView>(needy: Request, holders: readonly Request[]): Request | undefined {
  const others = holders.filter((holder) => holder !== needy);
  if (others.length === 0) return undefined;
  const unread = others.filter(({ keepsUp }) => !keepsUp);
  return youngest(unread.length > 0 ? unread : [...others, needy]);
}

/** What an OutOfMemoryError says. */
export interface FailedAllocation {
  readonly requestedBytes: number;
  readonly liveBytes: number;
  readonly limitBytes: number | undefined;
}

/**
 * Idle sessions to evict after an allocation has failed, the one that was used longest ago first; none where all of them
 * together do not make up for it.
 */
export function sessionsToEvict(sessions: readonly IdleSession[], failed: FailedAllocation): readonly string[] {
  const missing = missingBytes(failed);
  let freed = 0;
  for (const [index, { bytes }] of sessions.entries()) {
    freed += bytes;
    if (freed >= missing) return sessions.slice(0, index + 1).map(({ name }) => name);
  }
  return [];
}

/** What has to come free so that an allocation which failed succeeds. */
export function missingBytes({ requestedBytes, liveBytes, limitBytes }: FailedAllocation): number {
  return limitBytes === undefined ? requestedBytes : requestedBytes + liveBytes - limitBytes;
}

function youngest<Request extends RequestView>(requests: readonly Request[]): Request | undefined {
  return requests.reduce<Request | undefined>((last, request) => (last === undefined || request.arrival > last.arrival ? request : last), undefined);
}
