import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);
var __knownSymbol = (name2, symbol) => (symbol = Symbol[name2]) ? symbol : /* @__PURE__ */ Symbol.for("Symbol." + name2);
var __typeError = (msg) => {
  throw TypeError(msg);
};
var __using = (stack, value, async) => {
  if (value != null) {
    if (typeof value !== "object" && typeof value !== "function") __typeError("Object expected");
    var dispose, inner2;
    if (async) dispose = value[__knownSymbol("asyncDispose")];
    if (dispose === void 0) {
      dispose = value[__knownSymbol("dispose")];
      if (async) inner2 = dispose;
    }
    if (typeof dispose !== "function") __typeError("Object not disposable");
    if (inner2) dispose = function() {
      try {
        inner2.call(this);
      } catch (e) {
        return Promise.reject(e);
      }
    };
    stack.push([async, dispose, value]);
  } else if (async) {
    stack.push([async]);
  }
  return value;
};
var __callDispose = (stack, error, hasError) => {
  var E = typeof SuppressedError === "function" ? SuppressedError : function(e, s, m, _) {
    return _ = Error(m), _.name = "SuppressedError", _.error = e, _.suppressed = s, _;
  };
  var fail = (e) => error = hasError ? new E(e, error, "An error was suppressed during disposal") : (hasError = true, e);
  var next = (it) => {
    while (it = stack.pop()) {
      try {
        var result = it[1] && it[1].call(it[2]);
        if (it[0]) return Promise.resolve(result).then(next, (e) => (fail(e), next()));
      } catch (e) {
        fail(e);
      }
    }
    if (hasError) throw error;
  };
  return next();
};

// ../../packages/core/src/disposal/first-error.ts
function firstError(error) {
  let first = error;
  while (first instanceof Error && first.name === "SuppressedError" && "suppressed" in first) first = first.suppressed;
  return first;
}

// ../../packages/core/src/disposal/memory-scope.ts
var MemoryScope = class _MemoryScope {
  #resources = [];
  /** Hands a resource to the scope and returns it. */
  track(resource) {
    this.#resources.push(resource);
    return resource;
  }
  /** Takes everything out, so that ending this scope frees nothing; the returned scope owns it now. */
  move() {
    const moved = new _MemoryScope();
    moved.#resources = this.#resources;
    this.#resources = [];
    return moved;
  }
  /** Disposes everything, also when a resource throws; the first error is thrown at the end. */
  dispose() {
    const errors = [];
    for (let resource = this.#resources.pop(); resource !== void 0; resource = this.#resources.pop()) {
      try {
        resource[Symbol.dispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
  [Symbol.dispose]() {
    this.dispose();
  }
};

// ../../packages/core/src/errors/error-classes.ts
var classes = /* @__PURE__ */ new Map();
var markers = /* @__PURE__ */ new WeakMap();
function registerErrorClass(errorClass, name2) {
  const marker = /* @__PURE__ */ Symbol.for(`@elastic-attention/error/${name2}`);
  Object.defineProperty(errorClass.prototype, marker, { value: true });
  markers.set(errorClass, marker);
  classes.set(name2, errorClass);
}
function markerOf(errorClass) {
  return markers.get(errorClass);
}
function errorClassNamed(name2) {
  return classes.get(name2);
}

// ../../packages/core/src/errors/elastic-attention-error.ts
var ElasticAttentionError = class extends Error {
  static {
    this.register("ElasticAttentionError");
  }
  code;
  hint;
  constructor(code, message, options = {}) {
    super(options.hint === void 0 ? message : `${message}
  hint: ${options.hint}`, { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
  /** Whether `error` is of this class or a subclass of it, also when another copy of the package made it. */
  static isInstance(error) {
    const marker = markerOf(this);
    return error instanceof Error && (marker === void 0 ? error instanceof this : marker in error);
  }
  /** Makes a class known by its name, once, in its static block. @throws Error when another class has the name */
  static register(name2) {
    registerErrorClass(this, name2);
  }
  /** The class that registered under a name in this thread. */
  static named(name2) {
    return errorClassNamed(name2);
  }
};

// ../../packages/core/src/errors/backend/backend-unavailable-error.ts
var BackendUnavailableError = class extends ElasticAttentionError {
  constructor(backendName2, reasons, hint) {
    super("BACKEND_UNAVAILABLE", `Backend "${backendName2}" is not available: ${reasons.join("; ")}.`, { hint });
    this.backendName = backendName2;
    this.reasons = reasons;
  }
  backendName;
  reasons;
  static {
    this.register("BackendUnavailableError");
  }
};

// ../../packages/core/src/errors/backend/device-error.ts
var DeviceError = class extends ElasticAttentionError {
  constructor(backendName2, operation, problem, options = {}) {
    const sticky = options.sticky ?? false;
    super("DEVICE", `${backendName2}: ${operation} failed: ${problem}.`, {
      hint: sticky ? "The device is lost to this process: restart it, and look at `elastic-attention doctor`." : "Try again; if it keeps failing, restart the process and look at `elastic-attention doctor`.",
      cause: options.cause
    });
    this.backendName = backendName2;
    this.operation = operation;
    this.problem = problem;
    this.sticky = sticky;
  }
  backendName;
  operation;
  problem;
  static {
    this.register("DeviceError");
  }
  /** Whether every later call of this process fails too: only a new process has a usable device again. */
  sticky;
};

// ../../packages/core/src/errors/backend/disposed-error.ts
var DisposedError = class extends ElasticAttentionError {
  static {
    this.register("DisposedError");
  }
  constructor(what) {
    super("DISPOSED", `${what} was used after it was disposed.`, {
      hint: "Keep the owner alive (a view does not own its memory) or move the use inside the scope."
    });
  }
};

// ../../packages/core/src/errors/backend/out-of-memory-error.ts
var OutOfMemoryError = class extends ElasticAttentionError {
  constructor(backendName2, requestedBytes, liveBytes, limitBytes, purpose, hint = "Shorten the prompt, lower the batch, or raise the sparsity so that more heads drop their keys and values.") {
    const limit = limitBytes === void 0 ? "" : ` of at most ${limitBytes}`;
    const problem = purpose === void 0 ? `cannot allocate ${requestedBytes} bytes of memory` : `${purpose} needs ${requestedBytes} bytes more`;
    super("OUT_OF_MEMORY", `${backendName2}: ${problem} (${liveBytes}${limit} in use).`, { hint });
    this.backendName = backendName2;
    this.requestedBytes = requestedBytes;
    this.liveBytes = liveBytes;
    this.limitBytes = limitBytes;
    this.purpose = purpose;
  }
  backendName;
  requestedBytes;
  liveBytes;
  limitBytes;
  purpose;
  static {
    this.register("OutOfMemoryError");
  }
};

// ../../packages/core/src/errors/backend/shape-error.ts
var ShapeError = class extends ElasticAttentionError {
  static {
    this.register("ShapeError");
  }
  constructor(message, hint) {
    super("SHAPE", message, hint === void 0 ? {} : { hint });
  }
};

// ../../packages/core/src/errors/backend/tape-error.ts
var TapeError = class extends ElasticAttentionError {
  static {
    this.register("TapeError");
  }
  constructor(message, hint) {
    super("TAPE", message, hint === void 0 ? {} : { hint });
  }
};

// ../../packages/core/src/errors/backend/unsupported-operation-error.ts
var UnsupportedOperationError = class extends ElasticAttentionError {
  constructor(backendName2, operation, refusals) {
    const detail = refusals.length === 0 ? "no kernel is registered for it" : refusals.map((refusal3) => `${refusal3.kernel}: ${refusal3.reasons.join("; ")}`).join(" | ");
    super("UNSUPPORTED_OPERATION", `Backend "${backendName2}" cannot run "${operation}": ${detail}.`, {
      hint: "Register a kernel for this case, or choose another dtype or backend (`elastic-attention doctor` lists them)."
    });
    this.backendName = backendName2;
    this.operation = operation;
    this.refusals = refusals;
  }
  backendName;
  operation;
  refusals;
  static {
    this.register("UnsupportedOperationError");
  }
};

// ../../packages/core/src/errors/distributed/communicator-error.ts
var CommunicatorError = class extends ElasticAttentionError {
  static {
    this.register("CommunicatorError");
  }
  constructor(message, options = {}) {
    super("COMMUNICATOR", message, options);
  }
};

// ../../packages/core/src/errors/distributed/communicator-unavailable-error.ts
var CommunicatorUnavailableError = class extends ElasticAttentionError {
  constructor(communicator, reasons, hint) {
    super("COMMUNICATOR_UNAVAILABLE", `${communicator} is not available: ${reasons.join("; ")}.`, { hint });
    this.communicator = communicator;
    this.reasons = reasons;
  }
  communicator;
  reasons;
  static {
    this.register("CommunicatorUnavailableError");
  }
};

// ../../packages/core/src/errors/distributed/rank-failed-error.ts
var RankFailedError = class extends ElasticAttentionError {
  static {
    this.register("RankFailedError");
  }
  constructor(message = "Another rank has failed in the same step.", options = {}) {
    super("RANK_FAILED", message, options);
  }
};

// ../../packages/core/src/errors/error-record.ts
function recordError(thrown) {
  const error = firstError(thrown);
  if (!(error instanceof Error)) return { name: "Error", message: String(error), fields: {} };
  const { name: name2, message } = error;
  const fields = Object.fromEntries(
    Object.entries(error).filter(([key, value]) => !["name", "code", "hint"].includes(key) && isPlain(value))
  );
  if (!ElasticAttentionError.isInstance(error)) return { name: name2, message, fields };
  return { name: name2, message, code: error.code, ...error.hint === void 0 ? {} : { hint: error.hint }, fields };
}
function reviveError({ name: name2, message, code, hint, fields }) {
  if (code === void 0) return void 0;
  const error = new ElasticAttentionError(code, message);
  const known3 = errorClassNamed(name2);
  if (known3 !== void 0) Object.setPrototypeOf(error, known3.prototype);
  return Object.assign(error, fields, { name: name2, hint });
}
function isPlain(value) {
  if (Array.isArray(value)) return value.every(isPlain);
  if (ArrayBuffer.isView(value)) return true;
  return value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
}

// ../../packages/core/src/text/nearest-name.ts
function nearestName(name2, known3) {
  const wanted = name2.toLowerCase();
  let best;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of known3) {
    const changes = editDistance(wanted, candidate.toLowerCase());
    if (changes < fewest) [best, fewest] = [candidate, changes];
  }
  return best !== void 0 && fewest <= Math.max(2, Math.ceil(best.length / 2)) ? best : void 0;
}
function editDistance(left, right) {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const replaced = previous[column - 1] + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column] + 1, current[column - 1] + 1));
    }
    previous = current;
  }
  return previous[right.length];
}

// ../../packages/core/src/errors/files/checkpoint-layout-error.ts
var CheckpointLayoutError = class extends ElasticAttentionError {
  static {
    this.register("CheckpointLayoutError");
  }
  constructor(message, hint = "Check that the checkpoint was downloaded completely.") {
    super("CHECKPOINT_LAYOUT", message, { hint });
  }
};

// ../../packages/core/src/errors/files/gguf-format-error.ts
var hints = {
  "big-endian": "Convert it to little endian, or download the little-endian file.",
  "unsupported-version": "Versions 2 and 3 are read; convert the model again with a current converter.",
  "unknown-tensor-type": "Take a file of another quantisation, such as Q8_0 or Q4_K_M."
};
var GgufFormatError = class extends ElasticAttentionError {
  constructor(file, problem, detail) {
    super("GGUF_FORMAT", `${file}: ${detail}`, {
      hint: hints[problem] ?? "The file is damaged or was not written as GGUF; download or convert it again."
    });
    this.file = file;
    this.problem = problem;
  }
  file;
  problem;
  static {
    this.register("GgufFormatError");
  }
};

// ../../packages/core/src/errors/files/gguf-metadata-error.ts
var GgufMetadataError = class extends ElasticAttentionError {
  constructor(file, key, detail, hint = "The file was converted wrongly, or is of a kind that is not supported; convert or download it again.") {
    super("GGUF_METADATA", `${file}: ${key} ${detail}`, { hint });
    this.file = file;
    this.key = key;
  }
  file;
  key;
  static {
    this.register("GgufMetadataError");
  }
};

// ../../packages/core/src/errors/files/missing-tensor-error.ts
var MissingTensorError = class extends ElasticAttentionError {
  constructor(tensorName, where) {
    super("MISSING_TENSOR", `${where} has no tensor "${tensorName}".`, {
      hint: "Check that the checkpoint is complete and that its config.json belongs to it."
    });
    this.tensorName = tensorName;
  }
  tensorName;
  static {
    this.register("MissingTensorError");
  }
};

// ../../packages/core/src/errors/files/safetensors-format-error.ts
var SafetensorsFormatError = class extends ElasticAttentionError {
  constructor(file, problem, detail) {
    super("SAFETENSORS_FORMAT", `${file}: ${detail}`, {
      hint: "The file is damaged or was not written as safetensors; download or convert it again."
    });
    this.file = file;
    this.problem = problem;
  }
  file;
  problem;
  static {
    this.register("SafetensorsFormatError");
  }
};

// ../../packages/core/src/errors/files/unsupported-weight-format-error.ts
var UnsupportedWeightFormatError = class extends ElasticAttentionError {
  constructor(format, what, supported2) {
    super("UNSUPPORTED_WEIGHT_FORMAT", `${what} is of type ${format}, which is not supported.`, {
      hint: `Take a file in one of ${[...supported2].join(", ")}.`
    });
    this.format = format;
  }
  format;
  static {
    this.register("UnsupportedWeightFormatError");
  }
};

// ../../packages/core/src/errors/generation/engine-worker-error.ts
var EngineWorkerError = class extends ElasticAttentionError {
  static {
    this.register("EngineWorkerError");
  }
  constructor(message, options = {}) {
    super("ENGINE_WORKER", message, options);
  }
};

// ../../packages/core/src/errors/model/model-config-error.ts
var ModelConfigError = class extends ElasticAttentionError {
  static {
    this.register("ModelConfigError");
  }
  constructor(message, hint) {
    super("MODEL_CONFIG", message, hint === void 0 ? {} : { hint });
  }
};

// ../../packages/core/src/errors/model/no-finite-logit-error.ts
var NoFiniteLogitError = class extends ElasticAttentionError {
  constructor(row, tokens) {
    super("NO_FINITE_LOGIT", `The model gave no finite logit for sequence ${row} of the batch.`, {
      hint: "Check the weights with `elastic-attention inspect`."
    });
    this.tokens = tokens;
  }
  tokens;
  static {
    this.register("NoFiniteLogitError");
  }
};

// ../../packages/core/src/errors/model/prompt-error.ts
var PromptError = class extends ElasticAttentionError {
  static {
    this.register("PromptError");
  }
  constructor(message, hint) {
    super("PROMPT", message, hint === void 0 ? {} : { hint });
  }
};

// ../../packages/core/src/errors/options/invalid-option-error.ts
var InvalidOptionError = class extends ElasticAttentionError {
  constructor(message, option, hint) {
    super("INVALID_OPTION", message, hint === void 0 ? {} : { hint });
    this.option = option;
  }
  option;
  static {
    this.register("InvalidOptionError");
  }
};

// ../../packages/core/src/errors/routing/head-list-error.ts
var HeadListError = class extends ElasticAttentionError {
  static {
    this.register("HeadListError");
  }
  constructor(message) {
    super("HEAD_LIST", message, { hint: "Make a new list with `elastic-attention heads` for this model." });
  }
};

// ../../packages/core/src/errors/routing/invalid-mode-error.ts
var InvalidModeError = class extends ElasticAttentionError {
  static {
    this.register("InvalidModeError");
  }
  constructor(message, hint) {
    super("INVALID_MODE", message, hint === void 0 ? {} : { hint });
  }
};

// ../../packages/core/src/errors/routing/unsupported-router-error.ts
var UnsupportedRouterError = class extends ElasticAttentionError {
  static {
    this.register("UnsupportedRouterError");
  }
  constructor(message, hint) {
    super("UNSUPPORTED_ROUTER", message, hint === void 0 ? {} : { hint });
  }
};

// ../../packages/core/src/random/mix-bits.ts
function mixBits(value) {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ bits >>> 16, 2146121005);
  bits = Math.imul(bits ^ bits >>> 15, 2221713035);
  return (bits ^ bits >>> 16) >>> 0;
}

// ../../packages/distributed/src/find-addon.ts
import { fileURLToPath as fileURLToPath2 } from "node:url";

// ../../packages/tensor/src/dtype.ts
var byteSizes = { f32: 4, bf16: 2, f16: 2, i32: 4, u8: 1 };
function dtypeByteSize(dtype2) {
  return byteSizes[dtype2];
}
function isFloat(dtype2) {
  return dtype2 === "f32" || dtype2 === "bf16" || dtype2 === "f16";
}
function hostArray(bytes, dtype2) {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype2) {
    case "f32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "bf16":
    case "f16":
      return new Uint16Array(buffer, byteOffset, byteLength / 2);
    case "i32":
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case "u8":
      return bytes;
  }
}
var scratchFloat = new Float32Array(1);
var scratchBits = new Uint32Array(scratchFloat.buffer);
function toBFloat16(value) {
  scratchFloat[0] = value;
  const bits = scratchBits[0];
  if ((bits & 2147483647) > 2139095040) return bits >>> 16 | 64;
  return bits + 32767 + (bits >>> 16 & 1) >>> 16 & 65535;
}
function fromBFloat16(pattern) {
  scratchBits[0] = pattern << 16;
  return scratchFloat[0];
}
function toFloat16(value) {
  scratchFloat[0] = value;
  const bits = scratchBits[0];
  const sign = bits >>> 16 & 32768;
  const magnitude = bits & 2147483647;
  if (magnitude > 2139095040) return sign | 32256;
  if (magnitude >= 1199566848) return sign | 31744;
  if (magnitude < 947912704) {
    return sign | Math.fround(Math.fround(Math.abs(scratchFloat[0]) * 2 ** 24) + 2 ** 23) - 2 ** 23;
  }
  return sign | magnitude - 939524096 + 4095 + (magnitude >>> 13 & 1) >>> 13;
}
function fromFloat16(pattern) {
  const sign = pattern & 32768 ? -1 : 1;
  const exponent2 = pattern >>> 10 & 31;
  const fraction = pattern & 1023;
  if (exponent2 === 0) return sign * fraction * 2 ** -24;
  if (exponent2 === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent2 - 15);
}

// ../../packages/tensor/src/reference/reference-backend.ts
import { availableParallelism, totalmem } from "node:os";

// ../../packages/tensor/src/backend.ts
var reachedFence = { wait: async () => {
} };

// ../../packages/tensor/src/kernel-registry.ts
var noEntries = [];
var KernelRegistry = class {
  constructor(backend2, useReferenceKernels = false) {
    this.backend = backend2;
    this.useReferenceKernels = useReferenceKernels;
  }
  backend;
  useReferenceKernels;
  #entries = /* @__PURE__ */ new Map();
  /** Adds a kernel; higher priority is asked first, later registration wins among equals. */
  register(operation, kernel, options = {}) {
    const entries = this.#entries.get(operation.name) ?? [];
    entries.unshift({ kernel, priority: options.priority ?? 0 });
    entries.sort((a, b) => b.priority - a.priority);
    this.#entries.set(operation.name, entries);
  }
  /**
   * The first kernel that supports the call.
   * @throws UnsupportedOperationError with every kernel's reasons.
   */
  resolve(operation, call) {
    const kernel = this.find(operation, call);
    if (kernel !== void 0) return kernel;
    throw new UnsupportedOperationError(this.backend.name, operation.name, this.explain(operation, call));
  }
  /** The same, for callers that know another way: undefined where no kernel supports the call. */
  find(operation, call) {
    for (const { kernel } of this.#entries.get(operation.name) ?? noEntries) {
      const own = kernel;
      if (own.supports(call).length === 0) return own;
    }
    const { reference } = operation;
    return this.useReferenceKernels && reference.supports(call).length === 0 ? reference : void 0;
  }
  /** Resolves and runs. */
  run(operation, call) {
    return this.resolve(operation, call).run(call, this.backend);
  }
  /** What every kernel says to the call, in the order they are asked; feeds errors, logs and `doctor`. */
  explain(operation, call) {
    return this.#candidates(operation).map((kernel) => ({ kernel: kernel.name, reasons: kernel.supports(call) }));
  }
  /** Names of the operations that have a kernel of this backend's own, with those kernels' names. */
  list() {
    return new Map([...this.#entries].map(([name2, entries]) => [name2, entries.map((entry) => entry.kernel.name)]));
  }
  #candidates(operation) {
    const own = (this.#entries.get(operation.name) ?? []).map((entry) => entry.kernel);
    return this.useReferenceKernels ? [...own, operation.reference] : own;
  }
};

// ../../packages/tensor/src/memory-account.ts
var MemoryAccount = class {
  /** @param deviceBytes what there is, limit or not. */
  constructor(backendName2, deviceBytes = Infinity) {
    this.backendName = backendName2;
    this.deviceBytes = deviceBytes;
  }
  backendName;
  deviceBytes;
  #liveAllocations = 0;
  #liveBytes = 0;
  #peakBytes = 0;
  #limitBytes;
  /**
   * A new storage around what `make` returns.
   *
   * @param make returns undefined when there is no memory; whatever else it throws goes on.
   * @param free called once, when the storage is disposed.
   * @throws OutOfMemoryError, before `make` is called when a limit would be passed
   */
  allocate(byteLength, make, free = () => {
  }) {
    const limit = this.#limit;
    if (!(this.#liveBytes + byteLength <= limit)) throw this.outOfMemory(byteLength, limit);
    const handle = make();
    if (handle === void 0) throw this.outOfMemory(byteLength);
    this.#liveAllocations += 1;
    this.#liveBytes += byteLength;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return new OwnedStorage(handle, byteLength, () => {
      this.#liveAllocations -= 1;
      this.#liveBytes -= byteLength;
      free(handle);
    });
  }
  /** The error for memory that was not to be had; its caller throws it. */
  outOfMemory(requestedBytes, limitBytes = this.#limitBytes) {
    return new OutOfMemoryError(this.backendName, requestedBytes, this.#liveBytes, limitBytes);
  }
  report() {
    const [liveAllocations, liveBytes, peakBytes] = [this.#liveAllocations, this.#liveBytes, this.#peakBytes];
    return { liveAllocations, liveBytes, peakBytes, limitBytes: this.#limit };
  }
  resetPeak() {
    this.#peakBytes = this.#liveBytes;
  }
  get #limit() {
    return Math.min(this.#limitBytes ?? Infinity, this.deviceBytes);
  }
  setLimit(bytes) {
    this.#limitBytes = bytes;
  }
};
var OwnedStorage = class {
  constructor(handle, byteLength, release) {
    this.byteLength = byteLength;
    this.release = release;
    this.#handle = handle;
  }
  byteLength;
  release;
  #handle;
  get handle() {
    return this.#handle;
  }
  get disposed() {
    return this.#handle === void 0;
  }
  dispose() {
    if (this.#handle === void 0) return;
    this.#handle = void 0;
    this.release();
  }
};

// ../../packages/tensor/src/pending-download.ts
var PendingDownload = class _PendingDownload {
  /**
   * @param storage what keeps the copy; disposed with the download
   * @param take waits for the copy and gives its bytes; called once at most, while the storage lives
   */
  constructor(storage, take) {
    this.storage = storage;
    this.take = take;
  }
  storage;
  take;
  #bytes;
  /** One whose bytes are there: of a backend that cannot wait for a single copy, or not for that much. */
  static ready(account, bytes) {
    return new _PendingDownload(account.allocate(0, () => true), () => bytes);
  }
  /**
   * Dense copy of the elements, aligned for any typed array. Waits until it is there, not for work that was issued after
   * it. @throws DisposedError
   */
  read() {
    if (this.storage.disposed) throw new DisposedError("A download");
    return this.#bytes ??= this.take();
  }
  dispose() {
    this.#bytes = void 0;
    this.storage.dispose();
  }
  [Symbol.dispose]() {
    this.dispose();
  }
};

// ../../packages/tensor/src/tensor.ts
var Tensor = class _Tensor {
  constructor(backend2, storage, shape, dtype2, offset = 0, rowStride = rowLengthOf(shape), owner = true) {
    this.backend = backend2;
    this.storage = storage;
    this.shape = shape;
    this.dtype = dtype2;
    this.offset = offset;
    this.rowStride = rowStride;
    this.owner = owner;
  }
  backend;
  storage;
  shape;
  dtype;
  offset;
  rowStride;
  owner;
  /** Number of rows: `shape[0]`, 1 for a scalar. */
  get numRows() {
    return this.shape[0] ?? 1;
  }
  /** Elements in one row: the product of all dimensions but the first. */
  get rowLength() {
    return rowLengthOf(this.shape);
  }
  get numElements() {
    return this.numRows * this.rowLength;
  }
  /** Whether rows follow each other without gaps. */
  get isContiguous() {
    return this.rowStride === this.rowLength || this.numRows <= 1;
  }
  get disposed() {
    return this.storage.disposed;
  }
  /** Throws {@link DisposedError} when the memory is gone; kernels call it on every operand. */
  assertAlive(what = "A tensor") {
    if (this.storage.disposed) throw new DisposedError(`${what} of shape [${this.shape.join(", ")}]`);
  }
  /** View of rows `start` (inclusive) to `end` (exclusive). */
  rows(start, end) {
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= this.numRows)) {
      throw new ShapeError(`rows(${start}, ${end}) is outside a tensor of ${this.numRows} rows.`);
    }
    return this.view([end - start, ...this.shape.slice(1)], this.offset + start * this.rowStride, this.rowStride);
  }
  /** View of columns `start` to `end` of a matrix (rank 2). */
  columns(start, end) {
    if (this.shape.length !== 2) throw new ShapeError(`columns() needs a matrix, not rank ${this.shape.length}.`);
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= this.shape[1])) {
      throw new ShapeError(`columns(${start}, ${end}) is outside a tensor of ${this.shape[1]} columns.`);
    }
    return this.view([this.numRows, end - start], this.offset + start, this.rowStride);
  }
  /** View of the same elements under another shape; a tensor with row gaps keeps its first dimension. */
  reshape(shape) {
    if (!shape.every((size2) => Number.isSafeInteger(size2) && size2 >= 0)) {
      throw new ShapeError(`[${shape.join(", ")}] is not a shape.`);
    }
    const count = shape.reduce((product, size2) => product * size2, 1);
    if (count !== this.numElements) {
      throw new ShapeError(`Cannot reshape [${this.shape.join(", ")}] to [${shape.join(", ")}]: element counts differ.`);
    }
    if (this.isContiguous) return this.view(shape, this.offset, rowLengthOf(shape));
    if (shape[0] !== this.shape[0]) throw new ShapeError("A tensor with row gaps can only be reshaped within its rows.");
    return this.view(shape, this.offset, this.rowStride);
  }
  /** Copies the elements to the host, dense, as the bytes of `dtype`. */
  download() {
    this.assertAlive();
    return this.backend.download(this);
  }
  /** Asks for that copy without waiting for it; the caller disposes it. */
  startDownload() {
    this.assertAlive();
    return this.backend.startDownload(this);
  }
  /** Copies the elements to the host as numbers in float32 (integers too, exact to 2^24). */
  toFloat32() {
    const array = hostArray(this.download(), this.dtype);
    if (array instanceof Float32Array) return array;
    if (this.dtype === "bf16") return Float32Array.from(array, fromBFloat16);
    if (this.dtype === "f16") return Float32Array.from(array, fromFloat16);
    return Float32Array.from(array);
  }
  /** Frees the memory if this tensor owns it; does nothing for a view or the second time. */
  dispose() {
    if (this.owner) this.storage.dispose();
  }
  [Symbol.dispose]() {
    this.dispose();
  }
  view(shape, offset, rowStride) {
    this.assertAlive();
    return new _Tensor(this.backend, this.storage, shape, this.dtype, offset, rowStride, false);
  }
};
function rowLengthOf(shape) {
  let product = 1;
  for (let dimension = 1; dimension < shape.length; dimension++) product *= shape[dimension];
  return product;
}
function tensorByteLength(shape, dtype2) {
  return shape.reduce((product, size2) => product * size2, 1) * dtypeByteSize(dtype2);
}

// ../../packages/tensor/src/work-sizes.ts
var hostWorkSizes = { chunkRows: 1024, slicePairs: 2 ** 24, slicesInFlight: 1 };

// ../../packages/tensor/src/reference/reference-backend.ts
var ReferenceBackend = class {
  name = "reference";
  device = {
    description: `plain TypeScript on one of ${availableParallelism()} cores`,
    parallelism: 1,
    memoryBytes: totalmem(),
    workSizes: hostWorkSizes
  };
  kernels = new KernelRegistry(this, true);
  precision;
  #account = new MemoryAccount(this.name);
  constructor(options = {}) {
    this.precision = options.precision ?? "f32";
  }
  allocate(shape, dtype2) {
    for (const size2 of shape) {
      if (!Number.isSafeInteger(size2) || size2 < 0) throw new ShapeError(`[${shape.join(", ")}] is not a shape.`);
    }
    const length = shape.reduce((product, size2) => product * size2, 1);
    return new Tensor(this, this.#allocateStorage(length, dtype2), shape, dtype2);
  }
  upload(data, shape, dtype2) {
    const tensor = this.allocate(shape, dtype2);
    try {
      this.write(tensor, data);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }
  write(tensor, data) {
    tensor.assertAlive();
    const source = alignedHostArray(data, tensor.dtype);
    if (source.length !== tensor.numElements) {
      throw new ShapeError(`${source.length} ${tensor.dtype} values do not fill a tensor of ${tensor.numElements}.`);
    }
    const target = referenceArray(tensor);
    for (let row = 0; row < tensor.numRows; row++) {
      const start = row * tensor.rowLength;
      target.set(source.subarray(start, start + tensor.rowLength), tensor.offset + row * tensor.rowStride);
    }
  }
  download(tensor) {
    tensor.assertAlive();
    const source = referenceArray(tensor);
    const bytes = new Uint8Array(tensor.numElements * dtypeByteSize(tensor.dtype));
    const target = hostArray(bytes, tensor.dtype);
    for (let row = 0; row < tensor.numRows; row++) {
      const start = tensor.offset + row * tensor.rowStride;
      target.set(source.subarray(start, start + tensor.rowLength), row * tensor.rowLength);
    }
    return bytes;
  }
  startDownload(tensor) {
    return PendingDownload.ready(this.#account, this.download(tensor));
  }
  async synchronize() {
  }
  fence() {
    return reachedFence;
  }
  memory() {
    return this.#account.report();
  }
  resetPeak() {
    this.#account.resetPeak();
  }
  setMemoryLimit(bytes) {
    this.#account.setLimit(bytes);
  }
  [Symbol.dispose]() {
  }
  #allocateStorage(length, dtype2) {
    const byteLength = length * (dtype2 === "f32" && this.precision === "f64" ? 8 : dtypeByteSize(dtype2));
    return this.#account.allocate(byteLength, () => {
      try {
        return this.#newArray(length, dtype2);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return void 0;
      }
    });
  }
  #newArray(length, dtype2) {
    switch (dtype2) {
      case "f32":
        return this.precision === "f64" ? new Float64Array(length) : new Float32Array(length);
      case "bf16":
      case "f16":
        return new Uint16Array(length);
      case "i32":
        return new Int32Array(length);
      case "u8":
        return new Uint8Array(length);
    }
  }
};
function referenceArray(tensor) {
  tensor.assertAlive();
  if (!(tensor.backend instanceof ReferenceBackend)) {
    throw new ShapeError(`A tensor of backend "${tensor.backend.name}" was given to a reference kernel.`);
  }
  return tensor.storage.handle;
}
function alignedHostArray(data, dtype2) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data.byteLength % dtypeByteSize(dtype2) !== 0) {
    throw new ShapeError(`${data.byteLength} bytes are no whole number of ${dtype2} elements.`);
  }
  return hostArray(data.byteOffset % dtypeByteSize(dtype2) === 0 ? bytes : bytes.slice(), dtype2);
}

// ../../packages/tensor/src/reference/floats.ts
function newFloats(like, length) {
  const { backend: backend2 } = like;
  return backend2 instanceof ReferenceBackend && backend2.precision === "f64" ? new Float64Array(length) : new Float32Array(length);
}
function readFloats(tensor) {
  assertFloat(tensor);
  const source = referenceArray(tensor);
  const result = newFloats(tensor, tensor.numElements);
  const { numRows, rowLength, rowStride, offset, dtype: dtype2 } = tensor;
  const widen = dtype2 === "bf16" ? fromBFloat16 : dtype2 === "f16" ? fromFloat16 : void 0;
  for (let row = 0; row < numRows; row++) {
    const start = offset + row * rowStride;
    if (widen === void 0) result.set(source.subarray(start, start + rowLength), row * rowLength);
    else for (let i = 0; i < rowLength; i++) result[row * rowLength + i] = widen(source[start + i]);
  }
  return result;
}
function writeFloats(tensor, values) {
  assertFloat(tensor);
  const target = referenceArray(tensor);
  const { numRows, rowLength, rowStride, offset, dtype: dtype2 } = tensor;
  if (values.length !== tensor.numElements) {
    throw new ShapeError(`${values.length} values do not fill a tensor of ${tensor.numElements} elements.`);
  }
  const round2 = dtype2 === "bf16" ? toBFloat16 : dtype2 === "f16" ? toFloat16 : (value) => value;
  for (let row = 0; row < numRows; row++) {
    for (let i = 0; i < rowLength; i++) target[offset + row * rowStride + i] = round2(values[row * rowLength + i]);
  }
}
function readIntegers(tensor) {
  if (tensor.dtype !== "i32" && tensor.dtype !== "u8") {
    throw new ShapeError(`Integers expected, found a tensor of ${tensor.dtype}.`);
  }
  const source = referenceArray(tensor);
  const result = new Int32Array(tensor.numElements);
  const { numRows, rowLength, rowStride, offset } = tensor;
  for (let row = 0; row < numRows; row++) {
    const start = offset + row * rowStride;
    result.set(source.subarray(start, start + rowLength), row * rowLength);
  }
  return result;
}
function assertFloat(tensor) {
  if (!isFloat(tensor.dtype)) throw new ShapeError(`Floats expected, found a tensor of ${tensor.dtype}.`);
}

// ../../packages/tensor/src/operation.ts
function defineOperation(name2, run, options = {}) {
  return { name: name2, reference: { name: "reference", supports: () => [], run }, ...options };
}

// ../../packages/tensor/src/operations/elements/expect-shape.ts
function expectShape(operation, name2, tensor, shape) {
  tensor.assertAlive(`${operation}: ${name2}`);
  const fits = tensor.shape.length === shape.length && shape.every((size2, i) => size2 < 0 || size2 === tensor.shape[i]);
  if (!fits) {
    const expected = shape.map((size2) => size2 < 0 ? "any" : size2).join(", ");
    throw new ShapeError(`${operation}: ${name2} must be [${expected}], found [${tensor.shape.join(", ")}].`);
  }
}

// ../../packages/tensor/src/operations/elements/cast.ts
var castGradient = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  backward({ input, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.overwrite(
      [input],
      ([inputGradient]) => gradients.backend.kernels.run(cast, { input: outputGradient, output: inputGradient })
    );
  }
};
var cast = defineOperation("cast", referenceCast, { gradient: castGradient });
function referenceCast({ input, output }) {
  expectShape("cast", "output", output, input.shape);
  writeFloats(output, readFloats(input));
}

// ../../packages/tensor/src/operations/elements/scale-backward.ts
var scaleBackward = defineOperation(
  "scaleBackward",
  ({ input, factor, softCap: softCap2, outputGradient, inputGradient }) => {
    expectShape("scaleBackward", "outputGradient", outputGradient, input.shape);
    expectShape("scaleBackward", "inputGradient", inputGradient, input.shape);
    const dy = readFloats(outputGradient);
    const slope = (x) => factor * (1 - Math.tanh(x * factor / softCap2) ** 2);
    writeFloats(inputGradient, readFloats(input).map((x, i) => dy[i] * slope(x)));
  }
);

// ../../packages/tensor/src/operations/elements/scale.ts
var scaleGradient = {
  inputs: ({ input, output }) => input.storage === output.storage ? [] : [input],
  outputs: ({ input, output }) => input.storage === output.storage ? [] : [output],
  updates: ({ input, output }) => input.storage === output.storage ? [output] : [],
  keepsInputs: ({ input, softCap: softCap2 }) => softCap2 === void 0 ? [] : [input],
  backward({ input, factor, softCap: softCap2, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    const { kernels } = gradients.backend;
    if (input.storage === output.storage) {
      kernels.run(scale, { input: outputGradient, factor, output: outputGradient });
      return;
    }
    gradients.overwrite([input], ([inputGradient]) => {
      if (softCap2 === void 0) kernels.run(scale, { input: outputGradient, factor, output: inputGradient });
      else kernels.run(scaleBackward, { input, factor, softCap: softCap2, outputGradient, inputGradient });
    });
  }
};
var scale = defineOperation("scale", referenceScale, { gradient: scaleGradient });
function referenceScale({ input, factor, softCap: softCap2, output }) {
  expectShape("scale", "output", output, input.shape);
  if (softCap2 !== void 0) expectSoftCap("scale", softCap2);
  const capped = (x) => softCap2 === void 0 ? x : softCap2 * Math.tanh(x / softCap2);
  writeFloats(output, readFloats(input).map((x) => capped(x * factor)));
}
function expectSoftCap(operation, softCap2) {
  if (!(softCap2 > 0 && Number.isFinite(softCap2))) throw new ShapeError(`${operation}: the soft cap must be above 0, found ${softCap2}.`);
}

// ../../packages/tensor/src/operations/elements/add.ts
var addGradient = {
  inputs: (call) => summandsOf(call).filter(({ inPlace }) => !inPlace).map(({ tensor }) => tensor),
  outputs: (call) => summandsOf(call).some(({ inPlace }) => inPlace) ? [] : [call.output],
  updates: (call) => summandsOf(call).some(({ inPlace }) => inPlace) ? [call.output] : [],
  backward(call, gradients) {
    const outputGradient = gradients.incoming(call.output);
    if (outputGradient === void 0) return;
    const { kernels } = gradients.backend;
    let factorInPlace;
    for (const { tensor, factor, inPlace } of summandsOf(call)) {
      if (inPlace) {
        factorInPlace = (factorInPlace ?? 0) + factor;
        continue;
      }
      gradients.overwrite([tensor], ([output]) => {
        if (factor === 1) kernels.run(cast, { input: outputGradient, output });
        else kernels.run(scale, { input: outputGradient, factor, output });
      });
    }
    if (factorInPlace !== void 0 && factorInPlace !== 1) {
      kernels.run(scale, { input: outputGradient, factor: factorInPlace, output: outputGradient });
    }
  }
};
var add = defineOperation("add", referenceAdd, { gradient: addGradient });
function summandsOf({ a, b, scale: factor = 1, output }) {
  return [
    { tensor: a, factor: 1, inPlace: isSameView(a, output) },
    { tensor: b, factor, inPlace: isSameView(b, output) }
  ];
}
function isSameView(a, b) {
  return a.storage === b.storage && a.offset === b.offset && a.rowStride === b.rowStride;
}
function referenceAdd({ a, b, scale: factor = 1, output }) {
  expectShape("add", "b", b, a.shape);
  expectShape("add", "output", output, a.shape);
  const [x, y] = [readFloats(a), readFloats(b)];
  for (let i = 0; i < x.length; i++) x[i] += factor * y[i];
  writeFloats(output, x);
}

// ../../packages/tensor/src/backend-registry.ts
var providers = /* @__PURE__ */ new Map();
function registerBackend(provider) {
  providers.set(provider.name, provider);
}
function backendProvider(name2) {
  const provider = providers.get(name2);
  if (provider !== void 0) return provider;
  const known3 = [...providers.keys()].join(", ") || "none";
  throw new BackendUnavailableError(name2, ["no package has registered it"], `Registered backends: ${known3}.`);
}
async function createBackend(name2, options = {}) {
  const provider = backendProvider(name2);
  const unknown = Object.keys(options).find((key) => key !== "threads" && options[key] !== void 0 && provider.options?.includes(key) === false);
  if (unknown !== void 0) throw new InvalidOptionError(`The backend ${name2} has no setting ${unknown}.`, unknown, "Leave it out, or take another backend.");
  const reasons = await provider.available();
  if (reasons.length > 0) {
    throw new BackendUnavailableError(name2, reasons, "Run `elastic-attention doctor` to see how to fix it.");
  }
  return provider.create(options);
}

// ../../packages/tensor/src/gguf/gguf-checkpoint.ts
import { existsSync as existsSync2 } from "node:fs";
import { basename as basename2 } from "node:path";

// ../../packages/tensor/src/positional-file.ts
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
var nonBlocking = constants.O_NONBLOCK ?? 0;
var maxReadBytes = 1 << 30;
var FileBeginning = class {
  constructor(path2, size2, bytes) {
    this.path = path2;
    this.size = size2;
    this.bytes = bytes;
  }
  path;
  size;
  bytes;
  get descriptor() {
    throw new DisposedError(this.path);
  }
  readInto(target, position) {
    const part = this.bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }
  close() {
  }
};
var PositionalFile = class _PositionalFile {
  constructor(path2, size2, open) {
    this.path = path2;
    this.size = size2;
    this.open = open;
  }
  path;
  size;
  open;
  /** Undefined for what is no regular file: a folder, a pipe, a device. @throws the system's error (ENOENT, …) */
  static open(path2) {
    const descriptor = openSync(path2, constants.O_RDONLY | nonBlocking);
    try {
      const status = fstatSync(descriptor);
      if (status.isFile()) return new _PositionalFile(path2, status.size, descriptor);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    closeSync(descriptor);
    return void 0;
  }
  /** The open file, for those who read by themselves; valid until it is closed. @throws DisposedError */
  get descriptor() {
    if (this.open === void 0) throw new DisposedError(this.path);
    return this.open;
  }
  /** Fills `target` from a position; returns how many bytes there were, fewer than asked for only at the file's end. */
  readInto(target, position) {
    let done = 0;
    while (done < target.length) {
      const count = readSync(this.descriptor, target, done, Math.min(maxReadBytes, target.length - done), position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }
  close() {
    if (this.open !== void 0) closeSync(this.open);
    this.open = void 0;
  }
  [Symbol.dispose]() {
    this.close();
  }
};
function rangeWithin(name2, byteLength, range) {
  if (range === void 0) return { start: 0, length: byteLength };
  const end = Math.min(range.end, byteLength);
  if (!(Number.isSafeInteger(range.start) && Number.isSafeInteger(end) && range.start >= 0 && range.start <= range.end)) {
    throw new ShapeError(`${range.start} to ${range.end} is not a range of the ${byteLength} bytes of "${name2}".`);
  }
  return { start: range.start, length: Math.max(0, end - range.start) };
}

// ../../packages/tensor/src/gguf/header-cursor.ts
import { isUtf8 } from "node:buffer";
var maxHeaderBytes = 48 << 20;
var maxTextBytes = 8 << 20;
var maxStrings = 2 << 20;
var windowBytes = 256 << 10;
var HeaderCursor = class {
  constructor(file) {
    this.file = file;
    this.#end = Math.min(file.size, maxHeaderBytes);
  }
  file;
  #window = Buffer.alloc(windowBytes);
  #windowStart = 0;
  #windowLength = 0;
  #position = 0;
  /** Where the file ends, or where a header must have ended. */
  #end;
  /** Of the strings that were read. */
  #textBytes = 0;
  /** Stepped over. */
  #strings = 0;
  /** From the start of the file. */
  get position() {
    return this.#position;
  }
  /** Bytes of the file that are left. */
  get remaining() {
    return this.file.size - this.#position;
  }
  u8() {
    return this.#window[this.#take(1)];
  }
  u16() {
    return this.#window.readUInt16LE(this.#take(2));
  }
  u32() {
    return this.#window.readUInt32LE(this.#take(4));
  }
  /** A length or count; inexact above 2^53, where every limit refuses it. */
  u64() {
    const at = this.#take(8);
    return this.#window.readUInt32LE(at) + this.#window.readUInt32LE(at + 4) * 2 ** 32;
  }
  /** A view of the next bytes, few at once, valid until the next call. */
  bytes(length) {
    const at = this.#take(length);
    return this.#window.subarray(at, at + length);
  }
  /** A string with its length in front. */
  string(what) {
    const length = this.u64();
    if (length > this.remaining) throw this.truncated(`${what} has ${length} bytes`);
    this.#textBytes += length;
    if (this.#textBytes > maxTextBytes) throw this.fail("count-too-large", `${what} makes it ${this.#textBytes} bytes of names and texts, over ${maxTextBytes}.`);
    if (length <= windowBytes) return decode(this.bytes(length), () => this.fail("string-encoding", `${what} is not UTF-8.`));
    const bytes = Buffer.alloc(length);
    if (this.file.readInto(bytes, this.#position) < length) throw this.truncated(`${what} has ${length} bytes`);
    this.skip(length, what);
    return decode(bytes, () => this.fail("string-encoding", `${what} is not UTF-8.`));
  }
  /** Steps over bytes that are known to be many or to lie within the file. */
  skip(length, what) {
    if (length > this.remaining) throw this.truncated(`${what} has ${length} bytes`);
    this.#position += length;
    if (this.#position > this.#end) throw this.fail("header-too-large", `has a header of more than ${maxHeaderBytes} bytes.`);
  }
  /** Steps over strings one by one: the most of a header, so their lengths are looked at in place. */
  skipStrings(count, what) {
    this.#strings += count;
    if (this.#strings > maxStrings) throw this.fail("count-too-large", `${what} makes it ${this.#strings} texts in lists, over ${maxStrings}.`);
    const window = this.#window;
    for (let i = 0; i < count; i++) {
      const at = this.#take(8);
      if ((window[at + 4] | window[at + 5] | window[at + 6] | window[at + 7]) !== 0) throw this.truncated(`A text of ${what} has 2^32 bytes or more`);
      const length = (window[at] | window[at + 1] << 8 | window[at + 2] << 16) + window[at + 3] * 2 ** 24;
      if (this.#position + length > this.#end) this.skip(length, `A text of ${what}`);
      this.#position += length;
    }
  }
  fail(problem, detail) {
    return new GgufFormatError(this.file.path, problem, detail);
  }
  truncated(what) {
    return this.fail("truncated", `${what}, but the file has ${this.remaining} after byte ${this.#position}.`);
  }
  /** Where in the window the next bytes are, which are then behind. */
  #take(length) {
    let at = this.#position - this.#windowStart;
    if (at + length > this.#windowLength) {
      if (this.#position + length > this.#end) this.skip(length, "The next field");
      this.#windowStart = this.#position;
      this.#windowLength = this.file.readInto(this.#window, this.#position);
      if (length > this.#windowLength) throw this.truncated(`The next field has ${length} bytes`);
      at = 0;
    }
    this.#position += length;
    return at;
  }
};
function decode(bytes, otherwise) {
  const text = bytes.toString("utf8");
  if (text.includes("\uFFFD") && !isUtf8(bytes)) throw otherwise();
  return text;
}

// ../../packages/tensor/src/gguf/tensor-types.ts
var rows = [
  [0, "F32", 1, 4],
  [1, "F16", 1, 2],
  [2, "Q4_0", 32, 18],
  [3, "Q4_1", 32, 20],
  [4, "Q4_2", 0, 0],
  [5, "Q4_3", 0, 0],
  [6, "Q5_0", 32, 22],
  [7, "Q5_1", 32, 24],
  [8, "Q8_0", 32, 34],
  [9, "Q8_1", 32, 36],
  [10, "Q2_K", 256, 84],
  [11, "Q3_K", 256, 110],
  [12, "Q4_K", 256, 144],
  [13, "Q5_K", 256, 176],
  [14, "Q6_K", 256, 210],
  [15, "Q8_K", 256, 292],
  [16, "IQ2_XXS", 256, 66],
  [17, "IQ2_XS", 256, 74],
  [18, "IQ3_XXS", 256, 98],
  [19, "IQ1_S", 256, 50],
  [20, "IQ4_NL", 32, 18],
  [21, "IQ3_S", 256, 110],
  [22, "IQ2_S", 256, 82],
  [23, "IQ4_XS", 256, 136],
  [24, "I8", 1, 1],
  [25, "I16", 1, 2],
  [26, "I32", 1, 4],
  [27, "I64", 1, 8],
  [28, "F64", 1, 8],
  [29, "IQ1_M", 256, 56],
  [30, "BF16", 1, 2],
  [31, "Q4_0_4_4", 0, 0],
  [32, "Q4_0_4_8", 0, 0],
  [33, "Q4_0_8_8", 0, 0],
  [34, "TQ1_0", 256, 54],
  [35, "TQ2_0", 256, 66],
  [36, "IQ4_NL_4_4", 0, 0],
  [37, "IQ4_NL_4_8", 0, 0],
  [38, "IQ4_NL_8_8", 0, 0],
  [39, "MXFP4", 32, 17],
  [40, "NVFP4", 64, 36],
  [41, "Q1_0", 0, 0]
];
var ggufTensorTypes = new Map(
  rows.map(([number, name2, blockSize2, blockBytes]) => [number, { name: name2, blockSize: blockSize2, blockBytes }])
);

// ../../packages/tensor/src/gguf/value-types.ts
var valueTypes = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"];
var scalarBytes = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  u64: 8,
  i64: 8,
  f64: 8
};
function readScalar(bytes, at, type) {
  switch (type) {
    case "u8":
      return bytes.readUInt8(at);
    case "i8":
      return bytes.readInt8(at);
    case "bool":
      return bytes[at] > 1 ? void 0 : bytes[at] === 1;
    case "u16":
      return bytes.readUInt16LE(at);
    case "i16":
      return bytes.readInt16LE(at);
    case "u32":
      return bytes.readUInt32LE(at);
    case "i32":
      return bytes.readInt32LE(at);
    case "f32":
      return bytes.readFloatLE(at);
    case "f64":
      return bytes.readDoubleLE(at);
    case "u64":
      return exactNumber(bytes.readBigUInt64LE(at));
    case "i64":
      return exactNumber(bytes.readBigInt64LE(at));
  }
}
function exactNumber(value) {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

// ../../packages/tensor/src/gguf/header.ts
var magic = "GGUF";
var maxKeys = 16384;
var maxTensors = 65536;
var maxRank = 4;
var defaultAlignment = 32;
var [leastKeyBytes, leastTensorBytes] = [13, 32];
function readHeader(file) {
  const cursor = new HeaderCursor(file);
  const version = readVersion(cursor);
  const tensorCount = cursor.u64();
  const keyCount = cursor.u64();
  const counts = [["tensors", tensorCount, maxTensors, leastTensorBytes], ["keys", keyCount, maxKeys, leastKeyBytes]];
  for (const [what, count, limit, least] of counts) {
    if (count * least > cursor.remaining) throw cursor.truncated(`The header announces ${count} ${what}`);
    if (count > limit) throw cursor.fail("count-too-large", `has ${count} ${what}, over ${limit}.`);
  }
  const metadata = /* @__PURE__ */ new Map();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string("A key");
    if (metadata.has(key)) throw cursor.fail("duplicate-key", `has the key ${quoted(key)} twice.`);
    metadata.set(key, readValue(cursor, key));
  }
  const alignment2 = alignmentOf(cursor, metadata);
  const listed = [];
  for (let i = 0; i < tensorCount; i++) listed.push(readTensor(cursor, alignment2));
  const dataStart = Math.ceil(cursor.position / alignment2) * alignment2;
  return { version, metadata, tensors: placeTensors(cursor, listed, dataStart, file.size) };
}
function readVersion(cursor) {
  if (cursor.remaining < 24) throw cursor.fail("truncated", `is shorter than the 24 bytes that begin a GGUF file.`);
  if (cursor.bytes(4).toString("latin1") !== magic) throw cursor.fail("bad-magic", `does not begin with "${magic}".`);
  const version = cursor.u32();
  if (version !== 0 && (version & 65535) === 0) {
    throw cursor.fail("big-endian", "is a big-endian GGUF file; only little-endian ones are read.");
  }
  if (version !== 2 && version !== 3) throw cursor.fail("unsupported-version", `is GGUF of version ${version}.`);
  return version;
}
function readValue(cursor, key) {
  const type = readType(cursor, key);
  if (type === "string") return cursor.string(`The value of ${quoted(key)}`);
  if (type === "array") return readArray(cursor, key);
  const value = readScalar(cursor.bytes(scalarBytes[type]), 0, type);
  if (value === void 0) throw cursor.fail("invalid-value", `${quoted(key)} is a bool that is neither 0 nor 1.`);
  return value;
}
function readArray(cursor, key) {
  const elementType = readType(cursor, key);
  if (elementType === "array") throw cursor.fail("nested-array", `${quoted(key)} is an array of arrays.`);
  const length = cursor.u64();
  const least = elementType === "string" ? 8 : scalarBytes[elementType];
  if (length * least > cursor.remaining) throw cursor.truncated(`${quoted(key)} announces ${length} elements`);
  const byteOffset = cursor.position;
  if (elementType === "string") cursor.skipStrings(length, quoted(key));
  else cursor.skip(length * least, quoted(key));
  return { elementType, length, byteOffset, byteLength: cursor.position - byteOffset };
}
function readType(cursor, key) {
  const number = cursor.u32();
  const type = valueTypes[number];
  if (type === void 0) throw cursor.fail("unknown-value-type", `${quoted(key)} has a value of the unknown type ${number}.`);
  return type;
}
function alignmentOf(cursor, metadata) {
  const alignment2 = metadata.get("general.alignment") ?? defaultAlignment;
  if (typeof alignment2 !== "number" || !(alignment2 > 0) || alignment2 > 2 ** 31 || !Number.isInteger(Math.log2(alignment2))) {
    const found = typeof alignment2 === "object" ? "an array" : String(alignment2).slice(0, 40);
    throw cursor.fail("invalid-alignment", `has general.alignment ${found}, which is no power of two.`);
  }
  return alignment2;
}
function readTensor(cursor, alignment2) {
  const name2 = cursor.string("A tensor's name");
  const what = `Tensor ${quoted(name2)}`;
  const rank2 = cursor.u32();
  if (rank2 < 1 || rank2 > maxRank) throw cursor.fail("invalid-shape", `${what} has ${rank2} dimensions; 1 to ${maxRank} are possible.`);
  const sizes = Array.from({ length: rank2 }, () => cursor.u64());
  const typeNumber = cursor.u32();
  const byteOffset = cursor.u64();
  const type = ggufTensorTypes.get(typeNumber);
  if (type === void 0) throw cursor.fail("unknown-tensor-type", `${what} is of the unknown type ${typeNumber}.`);
  if (type.blockSize === 0) throw cursor.fail("unknown-tensor-type", `${what} is of type ${type.name}, which is not supported.`);
  const elements = sizes.reduce((product, size2) => product === 0 || size2 === 0 ? 0 : product * size2, 1);
  const shape = `[${sizes.join(", ")}]`;
  if (!sizes.every(Number.isSafeInteger) || !Number.isSafeInteger(elements * type.blockBytes)) {
    throw cursor.fail("invalid-shape", `${what} has the sizes ${shape}, more than can be counted.`);
  }
  if (sizes[0] % type.blockSize !== 0) {
    throw cursor.fail("invalid-shape", `${what} has rows of ${sizes[0]}, no multiple of the ${type.blockSize} of ${type.name}.`);
  }
  if (byteOffset % alignment2 !== 0) {
    throw cursor.fail("invalid-offset", `${what} is at ${byteOffset}, no multiple of the alignment ${alignment2}.`);
  }
  const byteLength = elements / type.blockSize * type.blockBytes;
  return { name: name2, type: type.name, shape: sizes.toReversed(), byteOffset, byteLength };
}
function placeTensors(cursor, listed, dataStart, fileBytes) {
  const tensors = /* @__PURE__ */ new Map();
  for (const tensor of listed) {
    const { name: name2, byteLength } = tensor;
    if (tensors.has(name2)) throw cursor.fail("duplicate-tensor", `has two tensors named ${quoted(name2)}.`);
    const byteOffset = dataStart + tensor.byteOffset;
    if (!(byteOffset + byteLength <= fileBytes)) {
      const end = `${byteLength} bytes at ${byteOffset}`;
      throw cursor.fail("invalid-offset", `Tensor ${quoted(name2)} has ${end}, beyond the ${fileBytes} of the file.`);
    }
    tensors.set(name2, { ...tensor, byteOffset });
  }
  const inOrder = [...tensors.values()].filter((tensor) => tensor.byteLength > 0).sort((a, b) => a.byteOffset - b.byteOffset);
  for (const [index, next] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (before !== void 0 && before.byteOffset + before.byteLength > next.byteOffset) {
      throw cursor.fail("overlap", `Tensors ${quoted(before.name)} and ${quoted(next.name)} share bytes.`);
    }
  }
  return tensors;
}
function quoted(name2) {
  return JSON.stringify(name2.length > 100 ? `${name2.slice(0, 100)}\u2026` : name2);
}

// ../../packages/tensor/src/gguf/metadata.ts
var GgufMetadata = class {
  constructor(file, values) {
    this.file = file;
    this.values = values;
  }
  file;
  values;
  /** The file that it stands in, for error messages. */
  get path() {
    return this.file.path;
  }
  get keys() {
    return this.values.keys();
  }
  has(key) {
    return this.values.has(key);
  }
  /** The value as it stands in the file. */
  get(key) {
    return this.values.get(key);
  }
  /** @throws GgufMetadataError */
  string(key, fallback) {
    return this.#checked(key, fallback, "a text", (value) => typeof value === "string");
  }
  /** @throws GgufMetadataError */
  boolean(key, fallback) {
    return this.#checked(key, fallback, "true or false", (value) => typeof value === "boolean");
  }
  /** A finite number. @throws GgufMetadataError */
  number(key, fallback) {
    return this.#checked(key, fallback, "a finite number", (value) => Number.isFinite(value));
  }
  /** A whole number, 0 or above. @throws GgufMetadataError */
  count(key, fallback) {
    return this.#checked(key, fallback, "a whole number, 0 or above", (value) => Number.isSafeInteger(value) && value >= 0);
  }
  /** Elements of an array; undefined where there is no such key. @throws GgufMetadataError for what is no array */
  arrayLength(key) {
    return this.has(key) ? this.#array(key, "an array").length : void 0;
  }
  /** An array of texts. @throws GgufMetadataError, GgufFormatError for what is not UTF-8, DisposedError */
  strings(key) {
    const array = this.#array(key, "an array of texts");
    if (array.elementType !== "string") throw this.error(key, "must be an array of texts");
    const bytes = this.#bytes(array);
    const texts = [];
    let at = 0;
    for (let i = 0; i < array.length; i++) {
      const length = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
      at += 8;
      if (at + length > bytes.length) throw new GgufFormatError(this.path, "truncated", `${key} was changed while it was read.`);
      texts.push(decode(bytes.subarray(at, at + length), () => new GgufFormatError(this.path, "string-encoding", `${key}[${i}] is not UTF-8.`)));
      at += length;
    }
    return texts;
  }
  /** An array of numbers. @throws GgufMetadataError, DisposedError */
  numbers(key) {
    const array = this.#array(key, "an array of numbers");
    const { elementType, length } = array;
    if (elementType === "string" || elementType === "bool") throw this.error(key, "must be an array of numbers");
    const bytes = this.#bytes(array);
    return Float64Array.from({ length }, (_, i) => Number(readScalar(bytes, i * scalarBytes[elementType], elementType)));
  }
  /** An array of true and false. @throws GgufMetadataError, DisposedError */
  booleans(key) {
    const array = this.#array(key, "an array of true and false");
    const bytes = this.#bytes(array);
    if (array.elementType !== "bool" || bytes.some((byte) => byte > 1)) throw this.error(key, "must be an array of true and false");
    return Array.from(bytes, (byte) => byte === 1);
  }
  /** Error about one key. */
  error(key, problem, hint) {
    const value = this.values.get(key);
    const found = typeof value === "object" ? `an array of ${value.length} ${value.elementType}` : excerpt(value);
    return new GgufMetadataError(this.path, key, `${problem}, found ${found}.`, hint);
  }
  #checked(key, fallback, expected, valid) {
    const value = this.values.get(key) ?? fallback;
    if (value === void 0) throw new GgufMetadataError(this.path, key, "is missing.");
    if (!valid(value)) throw this.error(key, `must be ${expected}`);
    return value;
  }
  #array(key, expected) {
    const value = this.values.get(key);
    if (value === void 0) throw new GgufMetadataError(this.path, key, "is missing.");
    if (typeof value !== "object") throw this.error(key, `must be ${expected}`);
    return value;
  }
  #bytes({ byteOffset, byteLength }) {
    const bytes = Buffer.alloc(byteLength);
    const count = this.file.readInto(bytes, byteOffset);
    if (count < byteLength) throw new GgufFormatError(this.path, "truncated", `ends at byte ${byteOffset + count}.`);
    return bytes;
  }
};
function excerpt(value) {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}\u2026` : value);
  return String(value);
}

// ../../packages/tensor/src/gguf/gguf-file.ts
var GgufFile = class _GgufFile {
  constructor(path2, file, version, tensors, metadata) {
    this.path = path2;
    this.file = file;
    this.version = version;
    this.tensors = tensors;
    this.metadata = metadata;
  }
  path;
  file;
  version;
  tensors;
  metadata;
  /** Opens a file and checks its header completely. @throws GgufFormatError, or the system's error (ENOENT, …) */
  static open(path2) {
    const file = PositionalFile.open(path2);
    if (file === void 0) throw new GgufFormatError(path2, "not-a-file", "is not a regular file.");
    try {
      return _GgufFile.of(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }
  /** Reads the header of a file, or of its beginning; the file becomes the reader's. @throws GgufFormatError */
  static of(file) {
    const { version, tensors, metadata } = readHeader(file);
    return new _GgufFile(file.path, file, version, tensors, new GgufMetadata(file, metadata));
  }
  /** A tensor's place, type and shape. @throws MissingTensorError */
  entry(name2) {
    const entry = this.tensors.get(name2);
    if (entry === void 0) throw new MissingTensorError(name2, this.path);
    return entry;
  }
  /**
   * The bytes of a tensor as they are in the file, aligned for any typed array, or of a range within it (an `end` beyond it
   * is its end).
   * @throws MissingTensorError, ShapeError for a range that begins before the tensor or is no range, DisposedError
   */
  read(name2, range) {
    const { byteOffset, byteLength } = this.entry(name2);
    const { start, length } = rangeWithin(name2, byteLength, range);
    const bytes = new Uint8Array(length);
    const count = this.file.readInto(bytes, byteOffset + start);
    if (count < length) throw new GgufFormatError(this.path, "truncated", `ends at byte ${byteOffset + start + count}.`);
    return bytes;
  }
  /**
   * Where a tensor's bytes are, for those who read them by themselves (`Backend.readFile`); valid until the file is closed.
   * @throws MissingTensorError, DisposedError
   */
  locate(name2) {
    return { descriptor: this.file.descriptor, position: this.entry(name2).byteOffset };
  }
  close() {
    this.file.close();
  }
  [Symbol.dispose]() {
    this.close();
  }
};

// ../../packages/tensor/src/gguf/split-files.ts
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
var partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;
function partPaths(path2) {
  const match = partName.exec(basename(path2));
  if (match === null) return [path2];
  const [, stem, number, count] = match;
  if (Number(number) < 1 || Number(number) > Number(count)) {
    throw new CheckpointLayoutError(`${path2} is named as part ${Number(number)} of ${Number(count)}.`);
  }
  return Array.from({ length: Number(count) }, (_, index) => {
    const part = join(dirname(path2), `${stem}-${String(index + 1).padStart(5, "0")}-of-${count}.gguf`);
    if (!existsSync(part)) throw new CheckpointLayoutError(`${path2} is one of ${Number(count)} parts, of which ${basename(part)} is missing.`);
    return part;
  });
}
function checkParts(files) {
  for (const [index, file] of files.entries()) {
    const { metadata, path: path2 } = file;
    const count = metadata.count("split.count", files.length === 1 ? 1 : 0);
    if (files.length === 1 && count <= 1) continue;
    if (count !== files.length) {
      throw new CheckpointLayoutError(
        `${path2} is one of ${count} parts by its split.count, but one of ${files.length} by its name.`,
        "Give the parts back the names that they had: name-00001-of-0000N.gguf."
      );
    }
    const number = metadata.count("split.no", -1);
    if (number !== index) {
      throw new CheckpointLayoutError(`${path2} is part ${number + 1} by its split.no, but part ${index + 1} by its name.`);
    }
    if (metadata.has("split.tensors.count")) {
      const expected = metadata.count("split.tensors.count");
      const found = files.reduce((sum3, part) => sum3 + part.tensors.size, 0);
      if (found !== expected) throw new CheckpointLayoutError(`${path2} says that all parts have ${expected} tensors, but they have ${found}.`);
    }
  }
}

// ../../packages/tensor/src/gguf/gguf-checkpoint.ts
var GgufCheckpoint = class _GgufCheckpoint {
  constructor(path2, files, owners) {
    this.path = path2;
    this.files = files;
    this.owners = owners;
  }
  path;
  files;
  owners;
  /**
   * Opens a file, or all parts of a model where the path is one of them.
   * @throws CheckpointLayoutError, GgufFormatError, GgufMetadataError
   */
  static open(path2) {
    if (!existsSync2(path2)) throw new CheckpointLayoutError(`${path2} does not exist.`, "Name a .gguf file.");
    const files = [];
    const owners = /* @__PURE__ */ new Map();
    try {
      for (const part of partPaths(path2)) {
        const file = GgufFile.open(part);
        files.push(file);
        for (const name2 of file.tensors.keys()) {
          const other = owners.get(name2);
          if (other !== void 0) {
            throw new CheckpointLayoutError(`Tensor "${name2}" is both in ${basename2(other.path)} and in ${basename2(part)}.`);
          }
          owners.set(name2, file);
        }
      }
      checkParts(files);
      return new _GgufCheckpoint(path2, files, owners);
    } catch (error) {
      for (const file of files) file.close();
      throw error;
    }
  }
  /**
   * What the beginning of a file says of it, or of the first part of a model; values of its tensors can be read no further
   * than the bytes go. Undefined where the header goes on behind them.
   * @throws GgufFormatError
   */
  static ofBeginning(path2, fileBytes, bytes) {
    try {
      const file = GgufFile.of(new FileBeginning(path2, fileBytes, bytes));
      return new _GgufCheckpoint(path2, [file], new Map([...file.tensors.keys()].map((name2) => [name2, file])));
    } catch (error) {
      if (GgufFormatError.isInstance(error) && error.problem === "truncated" && bytes.length < fileBytes) return void 0;
      throw error;
    }
  }
  /** Of the first part, which has the keys of all. */
  get metadata() {
    return this.files[0].metadata;
  }
  get names() {
    return this.owners.keys();
  }
  get byteLength() {
    let bytes = 0;
    for (const [name2, file] of this.owners) bytes += file.entry(name2).byteLength;
    return bytes;
  }
  has(name2) {
    return this.owners.has(name2);
  }
  /** @throws MissingTensorError */
  entry(name2) {
    return this.#owner(name2).entry(name2);
  }
  /** See {@link GgufFile.read}. @throws MissingTensorError */
  read(name2, range) {
    return this.#owner(name2).read(name2, range);
  }
  /** See {@link GgufFile.locate}. @throws MissingTensorError */
  locate(name2) {
    return this.#owner(name2).locate(name2);
  }
  close() {
    for (const file of this.files) file.close();
  }
  [Symbol.dispose]() {
    this.close();
  }
  #owner(name2) {
    const file = this.owners.get(name2);
    if (file === void 0) throw new MissingTensorError(name2, this.path);
    return file;
  }
};

// ../../packages/tensor/src/operations/elements/copy-spans.ts
var copySpans = defineOperation("copySpans", ({ source, destination, spans }) => {
  if (source.dtype !== destination.dtype || source.rowLength !== destination.rowLength) {
    throw new ShapeError("copySpans: source and destination differ in dtype or row length.");
  }
  if (spans.length % 3 !== 0) throw new ShapeError(`copySpans: ${spans.length} numbers are not whole triples.`);
  const [from, to] = [referenceArray(source), referenceArray(destination)];
  for (let i = 0; i < spans.length; i += 3) {
    const [first, target, count] = [spans[i], spans[i + 1], spans[i + 2]];
    if (first < 0 || target < 0 || count < 0 || first + count > source.numRows || target + count > destination.numRows) {
      throw new ShapeError(`copySpans: span ${first} -> ${target} (${count} rows) leaves the tensors.`);
    }
    for (let row = 0; row < count; row++) {
      const start = source.offset + (first + row) * source.rowStride;
      to.set(from.subarray(start, start + source.rowLength), destination.offset + (target + row) * destination.rowStride);
    }
  }
});

// ../../packages/tensor/src/growable-tensor.ts
function growableTensor(backend2, maximumRows, rowLength, dtype2) {
  return backend2.reserve?.(maximumRows, rowLength, dtype2) ?? new CopiedTensor(backend2, maximumRows, rowLength, dtype2);
}
var CopiedTensor = class {
  constructor(backend2, maximumRows, rowLength, dtype2) {
    this.backend = backend2;
    this.maximumRows = maximumRows;
    this.rowLength = rowLength;
    this.dtype = dtype2;
  }
  backend;
  maximumRows;
  rowLength;
  dtype;
  keepsAddress = false;
  #tensor;
  get tensor() {
    return this.#tensor ??= this.backend.allocate([0, this.rowLength], this.dtype);
  }
  grow(rows2) {
    const before = this.tensor;
    if (rows2 <= before.numRows) return;
    if (rows2 > this.maximumRows) throw new ShapeError(`${rows2} rows are more than the ${this.maximumRows} that were reserved.`);
    const after = this.backend.allocate([rows2, this.rowLength], this.dtype);
    try {
      if (before.numRows > 0) {
        const spans = Int32Array.of(0, 0, before.numRows);
        this.backend.kernels.run(copySpans, { source: before, destination: after, spans });
      }
    } catch (error) {
      after.dispose();
      throw error;
    }
    this.#tensor = after;
    before.dispose();
  }
  clear() {
    this.#tensor?.dispose();
    this.#tensor = void 0;
  }
  [Symbol.dispose]() {
    this.clear();
  }
};

// ../../packages/tensor/src/operations/activations/gaussian.ts
function gaussianDensity(x) {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}
function gaussianDistribution(x) {
  if (Number.isNaN(x)) return NaN;
  const tail = Math.abs(x) < 3 ? 0.5 - central(Math.abs(x)) : upperTail(Math.abs(x));
  return x < 0 ? tail : 1 - tail;
}
function central(x) {
  let term = x;
  let sum3 = x;
  for (let n = 3; term > sum3 * 1e-17; n += 2) {
    term *= x * x / n;
    sum3 += term;
  }
  return sum3 * gaussianDensity(x);
}
function upperTail(x) {
  let fraction = x;
  for (let n = 60; n > 0; n--) fraction = x + n / fraction;
  return gaussianDensity(x) / fraction;
}

// ../../packages/tensor/src/operations/activations/activation-values.ts
var activations = ["silu", "gelu", "geluTanh", "relu", "reluSquared"];
var sigmoid = (x) => 1 / (1 + Math.exp(-x));
var tanhScale = Math.sqrt(2 / Math.PI);
var tanhCubic = 0.044715;
var tanhInner = (x) => Math.tanh(tanhScale * (x + tanhCubic * x ** 3));
var activationFunctions = {
  silu: {
    value: (x) => x / (1 + Math.exp(-x)),
    derivative: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))
  },
  gelu: {
    value: (x) => x * gaussianDistribution(x),
    derivative: (x) => gaussianDistribution(x) + x * gaussianDensity(x)
  },
  geluTanh: {
    value: (x) => 0.5 * x * (1 + tanhInner(x)),
    derivative(x) {
      const t = tanhInner(x);
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * tanhScale * (1 + 3 * tanhCubic * x * x);
    }
  },
  relu: { value: (x) => Math.max(x, 0), derivative: (x) => x > 0 ? 1 : 0 },
  reluSquared: { value: (x) => Math.max(x, 0) ** 2, derivative: (x) => 2 * Math.max(x, 0) }
};
function gatedFunction(activation) {
  if (typeof activation === "string") {
    const { value, derivative } = activationFunctions[activation];
    return { value: (gate, up) => value(gate) * up, derivatives: (gate, up) => [derivative(gate) * up, value(gate)] };
  }
  const { alpha, limit } = activation;
  const cut2 = (x, low) => Math.min(Math.max(x, low), limit);
  return {
    value(gate, up) {
      const g = cut2(gate, -Infinity);
      return g * sigmoid(alpha * g) * (cut2(up, -limit) + 1);
    },
    derivatives(gate, up) {
      const g = cut2(gate, -Infinity);
      const s = sigmoid(alpha * g);
      const byGate = gate <= limit ? s * (1 + alpha * g * (1 - s)) * (cut2(up, -limit) + 1) : 0;
      return [byGate, Math.abs(up) <= limit ? g * s : 0];
    }
  };
}

// ../../packages/tensor/src/operations/activations/activate-backward.ts
var activateBackward = defineOperation(
  "activateBackward",
  ({ input, activation, outputGradient, inputGradient }) => {
    expectShape("activateBackward", "outputGradient", outputGradient, input.shape);
    expectShape("activateBackward", "inputGradient", inputGradient, input.shape);
    const dy = readFloats(outputGradient);
    const { derivative } = activationFunctions[activation];
    writeFloats(inputGradient, readFloats(input).map((x, i) => dy[i] * derivative(x)));
  }
);

// ../../packages/tensor/src/operations/activations/activate.ts
var activateGradient = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ input }) => [input],
  backward({ input, activation, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.overwrite(
      [input],
      ([inputGradient]) => gradients.backend.kernels.run(activateBackward, { input, activation, outputGradient, inputGradient })
    );
  }
};
var activate = defineOperation("activate", referenceActivate, { gradient: activateGradient });
function referenceActivate({ input, activation, output }) {
  expectShape("activate", "output", output, input.shape);
  writeFloats(output, readFloats(input).map(activationFunctions[activation].value));
}

// ../../packages/tensor/src/operations/activations/gated-activation-backward.ts
var gatedActivationBackward = defineOperation(
  "gatedActivationBackward",
  ({ gate, up, activation, outputGradient, gateGradient: gateGradient2, upGradient }) => {
    const operands = { up, outputGradient, gateGradient: gateGradient2, upGradient };
    for (const [name2, tensor] of Object.entries(operands)) expectShape("gatedActivationBackward", name2, tensor, gate.shape);
    const [g, u, dy] = [readFloats(gate), readFloats(up), readFloats(outputGradient)];
    const { derivatives } = gatedFunction(activation);
    for (let i = 0; i < g.length; i++) {
      const [byGate, byUp] = derivatives(g[i], u[i]);
      g[i] = dy[i] * byGate;
      u[i] = dy[i] * byUp;
    }
    writeFloats(gateGradient2, g);
    writeFloats(upGradient, u);
  }
);

// ../../packages/tensor/src/operations/activations/gated-activation.ts
var gatedActivationGradient = {
  inputs: ({ gate, up }) => [gate, up],
  outputs: ({ output }) => [output],
  keepsInputs: ({ gate, up }) => [gate, up],
  backward({ gate, up, activation, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.overwrite(
      [gate, up],
      ([gateGradient2, upGradient]) => gradients.backend.kernels.run(gatedActivationBackward, { gate, up, activation, outputGradient, gateGradient: gateGradient2, upGradient })
    );
  }
};
var gatedActivation = defineOperation("gatedActivation", referenceGatedActivation, {
  gradient: gatedActivationGradient
});
function referenceGatedActivation({ gate, up, activation, output }) {
  expectShape("gatedActivation", "up", up, gate.shape);
  expectShape("gatedActivation", "output", output, gate.shape);
  const u = readFloats(up);
  const { value } = gatedFunction(activation);
  writeFloats(output, readFloats(gate).map((g, i) => value(g, u[i])));
}

// ../../packages/tensor/src/operations/tokens/cross-entropy.ts
var crossEntropy = defineOperation(
  "crossEntropy",
  ({ logits, targets, losses, logitsGradient, gradientScale = 1 }) => {
    const [rows2, vocabulary] = [logits.numRows, logits.rowLength];
    expectShape("crossEntropy", "logits", logits, [rows2, vocabulary]);
    expectShape("crossEntropy", "targets", targets, [rows2]);
    expectShape("crossEntropy", "losses", losses, [rows2]);
    if (logitsGradient !== void 0) expectShape("crossEntropy", "logitsGradient", logitsGradient, logits.shape);
    const x = readFloats(logits);
    const loss = newFloats(losses, rows2);
    for (const [row, target] of readIntegers(targets).entries()) {
      const values = x.subarray(row * vocabulary, (row + 1) * vocabulary);
      if (target < 0) {
        values.fill(0);
        continue;
      }
      if (target >= vocabulary) {
        throw new ShapeError(`crossEntropy: target ${target} of row ${row} is outside a vocabulary of ${vocabulary}.`);
      }
      let maximum = -Infinity;
      for (const value of values) maximum = Math.max(maximum, value);
      let sum3 = 0;
      for (const value of values) sum3 += Math.exp(value - maximum);
      loss[row] = maximum + Math.log(sum3) - values[target];
      for (let i = 0; i < vocabulary; i++) {
        values[i] = gradientScale * (Math.exp(values[i] - maximum) / sum3 - (i === target ? 1 : 0));
      }
    }
    writeFloats(losses, loss);
    if (logitsGradient !== void 0) writeFloats(logitsGradient, x);
  }
);

// ../../packages/tensor/src/operations/tokens/embedding.ts
var embedding = defineOperation("embedding", ({ ids, table: table2, scale: scale2 = 1, output }) => {
  expectShape("embedding", "ids", ids, [-1]);
  expectShape("embedding", "output", output, [ids.numRows, table2.rowLength]);
  for (const [token, id] of readIntegers(ids).entries()) {
    if (id < 0 || id >= table2.numRows) {
      throw new ShapeError(`embedding: token id ${id} is outside a vocabulary of ${table2.numRows}.`);
    }
    writeFloats(output.rows(token, token + 1), readFloats(table2.rows(id, id + 1)).map((value) => scale2 * value));
  }
});

// ../../packages/tensor/src/operations/elements/fill-normal.ts
var fillNormal = defineOperation("fillNormal", ({ output, seed, deviation: deviation2 }) => {
  const values = newFloats(output, output.numElements);
  for (let i = 0; i < values.length; i++) {
    const [first, second] = [mixBits(seed ^ Math.imul(i, 2654435761)), mixBits(seed + 2135587861 ^ Math.imul(i, 2246822507))];
    const radius = Math.sqrt(-2 * Math.log((first + 0.5) / 2 ** 32));
    values[i] = deviation2 * radius * Math.cos(2 * Math.PI * second / 2 ** 32);
  }
  writeFloats(output, values);
});

// ../../packages/tensor/src/operations/elements/first-not-finite.ts
var firstNotFinite = defineOperation("firstNotFinite", ({ input, output }, backend2) => {
  expectShape("firstNotFinite", "output", output, [1]);
  if (output.dtype !== "i32") throw new ShapeError(`firstNotFinite: output is i32, found ${output.dtype}.`);
  backend2.write(output, Int32Array.of(readFloats(input).findIndex((value) => !Number.isFinite(value))));
});

// ../../packages/tensor/src/operations/experts/expert-groups.ts
var groupByExpert = defineOperation("groupByExpert", ({ chosen, groups }, backend2) => {
  expectShape("groupByExpert", "chosen", chosen, [-1, -1]);
  expectGroups("groupByExpert", groups, chosen.numRows);
  expectShape("groupByExpert", "slots", groups.slots, chosen.shape);
  const experts4 = groups.offsets.numElements - 1;
  const choices = readIntegers(chosen);
  const offsets = new Int32Array(experts4 + 1);
  for (const expert of choices) {
    if (expert < 0 || expert >= experts4) throw new ShapeError(`groupByExpert: there is no expert ${expert} among ${experts4}.`);
    offsets[expert + 1]++;
  }
  for (let expert = 0; expert < experts4; expert++) offsets[expert + 1] += offsets[expert];
  const next = offsets.slice(0, experts4);
  const [rows2, slots] = [new Int32Array(choices.length), new Int32Array(choices.length)];
  for (const [choice, expert] of choices.entries()) {
    const slot = next[expert]++;
    rows2[slot] = Math.floor(choice / chosen.rowLength);
    slots[choice] = slot;
  }
  backend2.write(groups.offsets, offsets);
  backend2.write(groups.rows, rows2);
  backend2.write(groups.slots, slots);
});
function expectGroups(operation, { offsets, rows: rows2, slots }, numRows) {
  expectShape(operation, "slots", slots, [numRows, -1]);
  expectShape(operation, "rows", rows2, [slots.numElements]);
  expectShape(operation, "offsets", offsets, [-1]);
  const integers = [offsets, rows2, slots].every(({ dtype: dtype2 }) => dtype2 === "i32");
  if (!integers || offsets.numElements < 2) throw new ShapeError(`${operation}: groups are i32 and have at least one expert.`);
}

// ../../packages/tensor/src/operations/experts/combine-rows-backward.ts
var combineRowsBackward = defineOperation(
  "combineRowsBackward",
  ({ input, groups, weights, outputGradient, inputGradient, weightsGradient }) => {
    const [rows2, features, choices] = [outputGradient.numRows, outputGradient.rowLength, groups.slots.rowLength];
    expectGroups("combineRowsBackward", groups, rows2);
    expectShape("combineRowsBackward", "input", input, [rows2 * choices, features]);
    expectShape("combineRowsBackward", "inputGradient", inputGradient, input.shape);
    for (const [name2, tensor] of Object.entries({ weights, weightsGradient })) {
      if (tensor !== void 0) expectShape("combineRowsBackward", name2, tensor, [rows2, choices]);
    }
    const [x, dy, slots] = [readFloats(input), readFloats(outputGradient), readIntegers(groups.slots)];
    const w = weights === void 0 ? void 0 : readFloats(weights);
    const [dx, dw] = [newFloats(inputGradient, x.length), newFloats(outputGradient, slots.length)];
    for (const [choice, slot] of slots.entries()) {
      const row = Math.floor(choice / choices) * features;
      for (let i = 0; i < features; i++) {
        dx[slot * features + i] = (w === void 0 ? 1 : w[choice]) * dy[row + i];
        dw[choice] += dy[row + i] * x[slot * features + i];
      }
    }
    writeFloats(inputGradient, dx);
    if (weightsGradient !== void 0) writeFloats(weightsGradient, dw);
  }
);

// ../../packages/tensor/src/operations/experts/combine-rows.ts
var combineGradient = {
  inputs: ({ input, weights }) => weights === void 0 ? [input] : [input, weights],
  outputs: ({ output, accumulate = false }) => accumulate ? [] : [output],
  updates: ({ output, accumulate = false }) => accumulate ? [output] : [],
  keepsInputs: ({ input, groups, weights }) => [groups.offsets, groups.rows, groups.slots, ...weights === void 0 ? [] : [input, weights]],
  backward({ input, groups, weights, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    const { kernels } = gradients.backend;
    if (weights === void 0) {
      gradients.overwrite(
        [input],
        ([inputGradient]) => kernels.run(combineRowsBackward, { input, groups, outputGradient, inputGradient })
      );
    } else {
      gradients.overwrite(
        [input, weights],
        ([inputGradient, weightsGradient]) => kernels.run(combineRowsBackward, { input, groups, weights, outputGradient, inputGradient, weightsGradient })
      );
    }
  }
};
var combineRows = defineOperation("combineRows", referenceCombine, { gradient: combineGradient });
function referenceCombine({ input, groups, weights, output, accumulate = false }) {
  const [rows2, features, choices] = [output.numRows, output.rowLength, groups.slots.rowLength];
  expectGroups("combineRows", groups, rows2);
  expectShape("combineRows", "input", input, [rows2 * choices, features]);
  if (weights !== void 0) expectShape("combineRows", "weights", weights, [rows2, choices]);
  const [x, slots] = [readFloats(input), readIntegers(groups.slots)];
  const w = weights === void 0 ? void 0 : readFloats(weights);
  const y = accumulate ? readFloats(output) : newFloats(output, output.numElements);
  for (const [choice, slot] of slots.entries()) {
    const target = Math.floor(choice / choices) * features;
    for (let i = 0; i < features; i++) y[target + i] += (w === void 0 ? 1 : w[choice]) * x[slot * features + i];
  }
  writeFloats(output, y);
}

// ../../packages/tensor/src/operations/experts/dispatch-rows.ts
var dispatchGradient = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ groups }) => [groups.offsets, groups.rows, groups.slots],
  backward({ input, groups, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.accumulate(
      [input],
      ([inputGradient], accumulate) => gradients.backend.kernels.run(combineRows, { input: outputGradient, groups, output: inputGradient, accumulate })
    );
  }
};
var dispatchRows = defineOperation("dispatchRows", referenceDispatch, { gradient: dispatchGradient });
function referenceDispatch({ input, groups, output }) {
  expectGroups("dispatchRows", groups, input.numRows);
  expectShape("dispatchRows", "output", output, [groups.rows.numElements, input.rowLength]);
  const features = input.rowLength;
  const x = readFloats(input);
  for (const [slot, row] of readIntegers(groups.rows).entries()) {
    writeFloats(output.rows(slot, slot + 1), x.subarray(row * features, (row + 1) * features));
  }
}

// ../../packages/tensor/src/operations/experts/expert-weight.ts
var ExpertWeight = class {
  constructor(backend2, storage, numExperts, outFeatures, inFeatures, dtype2) {
    this.backend = backend2;
    this.storage = storage;
    this.numExperts = numExperts;
    this.outFeatures = outFeatures;
    this.inFeatures = inFeatures;
    this.dtype = dtype2;
  }
  backend;
  storage;
  numExperts;
  outFeatures;
  inFeatures;
  dtype;
  get byteLength() {
    return this.storage.byteLength;
  }
  assertAlive() {
    if (!this.storage.disposed) return;
    throw new DisposedError(`An expert weight [${this.numExperts}, ${this.outFeatures}, ${this.inFeatures}]`);
  }
  dispose() {
    this.storage.dispose();
  }
  [Symbol.dispose]() {
    this.dispose();
  }
};
function referenceExperts({ backend: backend2, storage, numExperts, outFeatures, inFeatures, dtype: dtype2 }) {
  return new Tensor(backend2, storage, [numExperts * outFeatures, inFeatures], dtype2, 0, inFeatures, false);
}
var allocateExperts = defineOperation(
  "allocateExperts",
  ({ numExperts, outFeatures, inFeatures, dtype: dtype2 }, backend2) => {
    const { storage } = backend2.allocate([numExperts, outFeatures, inFeatures], dtype2);
    return new ExpertWeight(backend2, storage, numExperts, outFeatures, inFeatures, dtype2);
  }
);
var packExpert = defineOperation("packExpert", (call) => {
  expectExpert(call);
  const { experts: experts4, expert, weights } = call;
  let row = expert * experts4.outFeatures;
  for (const weight of weights) {
    writeFloats(referenceExperts(experts4).rows(row, row + weight.numRows), readFloats(weight));
    row += weight.numRows;
  }
});
function expectExpert({ experts: experts4, expert, weights }) {
  experts4.assertAlive();
  for (const weight of weights) expectShape("packExpert", "weight", weight, [-1, experts4.inFeatures]);
  const outFeatures = weights.reduce((sum3, weight) => sum3 + weight.numRows, 0);
  if (outFeatures !== experts4.outFeatures) {
    throw new ShapeError(`packExpert: the weights have ${outFeatures} outputs, an expert has ${experts4.outFeatures}.`);
  }
  if (!(Number.isInteger(expert) && expert >= 0 && expert < experts4.numExperts)) {
    throw new ShapeError(`packExpert: there is no expert ${expert} among ${experts4.numExperts}.`);
  }
}

// ../../packages/tensor/src/operations/experts/expert-linear-input-gradient.ts
var expertLinearInputGradient = defineOperation(
  "expertLinearInputGradient",
  ({ outputGradient, offsets, weight, inputGradient }) => {
    weight.assertAlive();
    const { numExperts, inFeatures, outFeatures } = weight;
    expectShape("expertLinearInputGradient", "outputGradient", outputGradient, [-1, outFeatures]);
    expectShape("expertLinearInputGradient", "offsets", offsets, [numExperts + 1]);
    expectShape("expertLinearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, inFeatures]);
    const [dy, w, bounds] = [readFloats(outputGradient), readFloats(referenceExperts(weight)), readIntegers(offsets)];
    const dx = newFloats(inputGradient, inputGradient.numElements);
    const sums = new Float64Array(inFeatures);
    for (let expert = 0; expert < numExperts; expert++) {
      for (let slot = bounds[expert]; slot < bounds[expert + 1]; slot++) {
        sums.fill(0);
        for (let out = 0; out < outFeatures; out++) {
          const gradient = dy[slot * outFeatures + out];
          for (let i = 0, wi = (expert * outFeatures + out) * inFeatures; i < inFeatures; i++) sums[i] += gradient * w[wi + i];
        }
        dx.set(sums, slot * inFeatures);
      }
    }
    writeFloats(inputGradient, dx);
  }
);

// ../../packages/tensor/src/operations/experts/expert-linear.ts
var expertLinearGradient = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ offsets }) => [offsets],
  backward({ input, offsets, weight, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.overwrite(
      [input],
      ([inputGradient]) => gradients.backend.kernels.run(expertLinearInputGradient, { outputGradient, offsets, weight, inputGradient })
    );
  }
};
var expertLinear = defineOperation("expertLinear", referenceExpertLinear, {
  gradient: expertLinearGradient
});
function referenceExpertLinear(call) {
  expectExpertLinear(call);
  const { input, offsets, weight, bias, output } = call;
  const { numExperts, inFeatures, outFeatures } = weight;
  const [x, w, bounds] = [readFloats(input), readFloats(referenceExperts(weight)), readIntegers(offsets)];
  const b = bias === void 0 ? void 0 : readFloats(bias);
  const y = newFloats(output, output.numElements);
  for (let expert = 0; expert < numExperts; expert++) {
    for (let slot = bounds[expert]; slot < bounds[expert + 1]; slot++) {
      for (let out = 0; out < outFeatures; out++) {
        const row = expert * outFeatures + out;
        let sum3 = b === void 0 ? 0 : b[row];
        for (let i = 0, xi = slot * inFeatures, wi = row * inFeatures; i < inFeatures; i++) sum3 += x[xi + i] * w[wi + i];
        y[slot * outFeatures + out] = sum3;
      }
    }
  }
  writeFloats(output, y);
}
function expectExpertLinear({ input, offsets, weight, bias, output }) {
  weight.assertAlive();
  expectShape("expertLinear", "input", input, [-1, weight.inFeatures]);
  expectShape("expertLinear", "offsets", offsets, [weight.numExperts + 1]);
  expectShape("expertLinear", "output", output, [input.numRows, weight.outFeatures]);
  if (bias !== void 0) expectShape("expertLinear", "bias", bias, [weight.numExperts, weight.outFeatures]);
}

// ../../packages/tensor/src/operations/experts/route-experts-backward.ts
var routeExpertsBackward = defineOperation(
  "routeExpertsBackward",
  ({ logits, normalized, chosen, weightsGradient, logitsGradient }) => {
    const [rows2, experts4, choices] = [logits.numRows, logits.rowLength, chosen.rowLength];
    expectShape("routeExpertsBackward", "chosen", chosen, [rows2, -1]);
    expectShape("routeExpertsBackward", "weightsGradient", weightsGradient, chosen.shape);
    expectShape("routeExpertsBackward", "logitsGradient", logitsGradient, logits.shape);
    const [x, dw, numbers] = [readFloats(logits), readFloats(weightsGradient), readIntegers(chosen)];
    const dx = newFloats(logitsGradient, x.length);
    for (let row = 0; row < rows2; row++) {
      const values = x.subarray(row * experts4, (row + 1) * experts4);
      const best = Array.from(numbers.subarray(row * choices, (row + 1) * choices));
      const summed = normalized ? best : Array.from(values.keys());
      const largest2 = values[best[0]];
      const sum3 = summed.reduce((total, expert) => total + Math.exp(values[expert] - largest2), 0);
      const weight = (expert) => Math.exp(values[expert] - largest2) / sum3;
      const mean = best.reduce((total, expert, choice) => total + weight(expert) * dw[row * choices + choice], 0);
      for (const expert of summed) dx[row * experts4 + expert] = -weight(expert) * mean;
      for (const [choice, expert] of best.entries()) dx[row * experts4 + expert] += weight(expert) * dw[row * choices + choice];
    }
    writeFloats(logitsGradient, dx);
  }
);

// ../../packages/tensor/src/operations/experts/route-experts.ts
var routeExpertsGradient = {
  inputs: ({ logits }) => [logits],
  outputs: ({ weights }) => [weights],
  keepsInputs: ({ logits, chosen }) => [logits, chosen],
  backward({ logits, normalized, chosen, weights }, gradients) {
    const weightsGradient = gradients.incoming(weights);
    if (weightsGradient === void 0) return;
    gradients.overwrite(
      [logits],
      ([logitsGradient]) => gradients.backend.kernels.run(routeExpertsBackward, { logits, normalized, chosen, weightsGradient, logitsGradient })
    );
  }
};
var routeExperts = defineOperation("routeExperts", referenceRouteExperts, {
  gradient: routeExpertsGradient
});
var mostExperts = 1024;
function referenceRouteExperts(call) {
  expectRoute(call);
  const { logits, normalized, chosen, weights } = call;
  const [experts4, choices] = [logits.rowLength, chosen.rowLength];
  const x = readFloats(logits);
  const w = newFloats(weights, weights.numElements);
  const numbers = new Int32Array(chosen.numElements);
  for (let row = 0; row < logits.numRows; row++) {
    const values = x.subarray(row * experts4, (row + 1) * experts4);
    const rank2 = (expert) => Number.isNaN(values[expert]) ? -Infinity : values[expert];
    const order = Array.from(values.keys()).sort((a, b) => rank2(b) > rank2(a) ? 1 : rank2(b) < rank2(a) ? -1 : a - b);
    const best = order.slice(0, choices);
    const sum3 = (normalized ? best : order).reduce((total, expert) => total + Math.exp(values[expert] - values[best[0]]), 0);
    for (const [choice, expert] of best.entries()) {
      numbers[row * choices + choice] = expert;
      w[row * choices + choice] = Math.exp(values[expert] - values[best[0]]) / sum3;
    }
  }
  chosen.backend.write(chosen, numbers);
  writeFloats(weights, w);
}
function expectRoute({ logits, chosen, weights }) {
  expectShape("routeExperts", "logits", logits, [-1, -1]);
  expectShape("routeExperts", "chosen", chosen, [logits.numRows, -1]);
  expectShape("routeExperts", "weights", weights, chosen.shape);
  if (logits.dtype !== "f32" || weights.dtype !== "f32" || chosen.dtype !== "i32") {
    throw new ShapeError("routeExperts: logits and weights are f32, the chosen experts i32.");
  }
  const [experts4, choices] = [logits.rowLength, chosen.rowLength];
  if (choices < 1 || choices > experts4 || experts4 > mostExperts) {
    throw new ShapeError(`routeExperts: cannot choose ${choices} of ${experts4} experts; at most ${mostExperts} are possible.`);
  }
}

// ../../packages/tensor/src/operations/norm/normalized-row-gradient.ts
function normalizedRowGradient(x, weight, dy, dx, start, length, epsilon) {
  let squares = 0;
  let product = 0;
  for (let i = 0; i < length; i++) {
    squares += x[start + i] ** 2;
    product += dy[start + i] * weight[i] * x[start + i];
  }
  const scale2 = 1 / Math.sqrt(squares / length + epsilon);
  const along = product / length * scale2 ** 3;
  for (let i = 0; i < length; i++) dx[start + i] += dy[start + i] * weight[i] * scale2 - x[start + i] * along;
}

// ../../packages/tensor/src/operations/norm/head-norm-backward.ts
var headNormBackward = defineOperation(
  "headNormBackward",
  ({ heads, weight, epsilon, outputGradient, inputGradient }) => {
    const headDim = heads.shape[2] ?? -1;
    expectShape("headNormBackward", "heads", heads, [-1, -1, headDim]);
    expectShape("headNormBackward", "weight", weight, [headDim]);
    expectShape("headNormBackward", "outputGradient", outputGradient, heads.shape);
    expectShape("headNormBackward", "inputGradient", inputGradient, heads.shape);
    const [x, w, dy] = [readFloats(heads), readFloats(weight), readFloats(outputGradient)];
    const dx = newFloats(inputGradient, x.length);
    for (let start = 0; start < x.length; start += headDim) normalizedRowGradient(x, w, dy, dx, start, headDim, epsilon);
    writeFloats(inputGradient, dx);
  }
);

// ../../packages/tensor/src/operations/norm/head-norm.ts
var headNormGradient = {
  inputs: () => [],
  outputs: () => [],
  updates: ({ heads }) => [heads],
  save({ heads }, { kernels }, allocate) {
    const before = allocate(heads.shape, heads.dtype);
    kernels.run(cast, { input: heads, output: before });
    return before;
  },
  backward({ heads, weight, epsilon }, gradients, before) {
    const gradient = gradients.incoming(heads);
    if (gradient === void 0) return;
    const call = { heads: before, weight, epsilon, outputGradient: gradient, inputGradient: gradient };
    gradients.backend.kernels.run(headNormBackward, call);
  }
};
var headNorm = defineOperation("headNorm", referenceHeadNorm, { gradient: headNormGradient });
function referenceHeadNorm({ heads, weight, epsilon }) {
  const headDim = heads.shape[2] ?? -1;
  expectShape("headNorm", "heads", heads, [-1, -1, headDim]);
  expectShape("headNorm", "weight", weight, [headDim]);
  const x = readFloats(heads);
  const w = readFloats(weight);
  for (let start = 0; start < x.length; start += headDim) {
    let squares = 0;
    for (let i = 0; i < headDim; i++) squares += x[start + i] ** 2;
    const scale2 = 1 / Math.sqrt(squares / headDim + epsilon);
    for (let i = 0; i < headDim; i++) x[start + i] = x[start + i] * scale2 * w[i];
  }
  writeFloats(heads, x);
}

// ../../packages/tensor/src/reference/dot-products.ts
function addDotProducts(row, at, others, starts, length, sums) {
  const count = starts.length;
  let index = 0;
  for (; index + 4 <= count; index += 4) {
    const [a, b, c, d] = [starts[index], starts[index + 1], starts[index + 2], starts[index + 3]];
    let [first, second, third, fourth] = [sums[index], sums[index + 1], sums[index + 2], sums[index + 3]];
    for (let i = 0; i < length; i++) {
      const value = row[at + i];
      first += value * others[a + i];
      second += value * others[b + i];
      third += value * others[c + i];
      fourth += value * others[d + i];
    }
    sums[index] = first;
    sums[index + 1] = second;
    sums[index + 2] = third;
    sums[index + 3] = fourth;
  }
  for (; index < count; index++) {
    const start = starts[index];
    let sum3 = sums[index];
    for (let i = 0; i < length; i++) sum3 += row[at + i] * others[start + i];
    sums[index] = sum3;
  }
}

// ../../packages/tensor/src/operations/linear/linear-weight.ts
var LinearWeight = class {
  constructor(backend2, storage, outFeatures, inFeatures, dtype2, blockLayout) {
    this.backend = backend2;
    this.storage = storage;
    this.outFeatures = outFeatures;
    this.inFeatures = inFeatures;
    this.dtype = dtype2;
    this.blockLayout = blockLayout;
  }
  backend;
  storage;
  outFeatures;
  inFeatures;
  dtype;
  blockLayout;
  get byteLength() {
    return this.storage.byteLength;
  }
  assertAlive() {
    if (this.storage.disposed) throw new DisposedError(`A linear weight [${this.outFeatures}, ${this.inFeatures}]`);
  }
  dispose() {
    this.storage.dispose();
  }
  [Symbol.dispose]() {
    this.dispose();
  }
};
function referenceWeight(weight) {
  const { backend: backend2, storage, outFeatures, inFeatures, dtype: dtype2 } = weight;
  return new Tensor(backend2, storage, [outFeatures, inFeatures], dtype2, 0, inFeatures, false);
}

// ../../packages/tensor/src/operations/linear/linear-input-gradient.ts
var linearInputGradient = defineOperation(
  "linearInputGradient",
  ({ outputGradient, weight, inputGradient, accumulate }) => {
    weight.assertAlive();
    const { inFeatures, outFeatures } = weight;
    expectShape("linearInputGradient", "outputGradient", outputGradient, [-1, outFeatures]);
    expectShape("linearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, inFeatures]);
    const [dy, w] = [readFloats(outputGradient), readFloats(referenceWeight(weight))];
    const dx = accumulate ? readFloats(inputGradient) : newFloats(inputGradient, inputGradient.numElements);
    const sums = new Float64Array(inFeatures);
    for (let row = 0; row < outputGradient.numRows; row++) {
      sums.fill(0);
      for (let out = 0; out < outFeatures; out++) {
        const gradient = dy[row * outFeatures + out];
        for (let i = 0, wi = out * inFeatures; i < inFeatures; i++) sums[i] += gradient * w[wi + i];
      }
      for (let i = 0; i < inFeatures; i++) dx[row * inFeatures + i] += sums[i];
    }
    writeFloats(inputGradient, dx);
  }
);

// ../../packages/tensor/src/operations/linear/linear.ts
var packLinear = defineOperation("packLinear", ({ weights, dtype: dtype2 }, backend2) => {
  const first = weights[0];
  if (first === void 0) throw new ShapeError("packLinear: no weight given.");
  const inFeatures = first.shape[1] ?? -1;
  for (const weight of weights) expectShape("packLinear", "weight", weight, [-1, inFeatures]);
  const outFeatures = weights.reduce((sum3, weight) => sum3 + weight.numRows, 0);
  const packed = backend2.allocate([outFeatures, inFeatures], dtype2);
  let row = 0;
  try {
    for (const weight of weights) {
      writeFloats(packed.rows(row, row + weight.numRows), readFloats(weight));
      row += weight.numRows;
    }
  } catch (error) {
    packed.dispose();
    throw error;
  }
  return new LinearWeight(backend2, packed.storage, outFeatures, inFeatures, dtype2);
});
var linearGradient = {
  inputs: ({ input }) => [input],
  outputs: ({ output, accumulate = false }) => accumulate ? [] : [output],
  updates: ({ output, accumulate = false }) => accumulate ? [output] : [],
  backward({ input, weight, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.accumulate(
      [input],
      ([inputGradient], accumulate) => gradients.backend.kernels.run(linearInputGradient, { outputGradient, weight, inputGradient, accumulate })
    );
  }
};
var linear = defineOperation("linear", referenceLinear, { gradient: linearGradient });
function referenceLinear({ input, weight, bias, output, accumulate }) {
  weight.assertAlive();
  const { inFeatures, outFeatures } = weight;
  expectShape("linear", "input", input, [-1, inFeatures]);
  expectShape("linear", "output", output, [input.numRows, outFeatures]);
  if (bias !== void 0) expectShape("linear", "bias", bias, [outFeatures]);
  const x = readFloats(input);
  const w = readFloats(referenceWeight(weight));
  const b = bias === void 0 ? void 0 : readFloats(bias);
  const y = accumulate ? readFloats(output) : newFloats(output, output.numElements);
  const starts = Int32Array.from({ length: outFeatures }, (_, out) => out * inFeatures);
  const sums = new Float64Array(outFeatures);
  for (let row = 0; row < input.numRows; row++) {
    if (b === void 0) sums.fill(0);
    else sums.set(b);
    addDotProducts(x, row * inFeatures, w, starts, inFeatures, sums);
    for (let out = 0; out < outFeatures; out++) y[row * outFeatures + out] += sums[out];
  }
  writeFloats(output, y);
}

// ../../packages/tensor/src/weight-formats/weight-format.ts
function weightByteLength(format, elements) {
  return elements / format.blockSize * format.blockBytes;
}

// ../../packages/tensor/src/weight-formats/half-values.ts
var table;
function halfValues() {
  return table ??= Float32Array.from({ length: 65536 }, (_, pattern) => fromFloat16(pattern));
}

// ../../packages/tensor/src/weight-formats/k-quants-symmetric.ts
var kQuantsSymmetric = [
  { name: "Q3_K", blockSize: 256, blockBytes: 110, dequantize: dequantizeQ3_K },
  { name: "Q6_K", blockSize: 256, blockBytes: 210, dequantize: dequantizeQ6_K }
];
function dequantizeQ3_K(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 110) {
    const scale2 = halves[blocks[at + 108] | blocks[at + 109] << 8];
    for (let group = 0; group < 16; group++) {
      const low = group < 8 ? blocks[at + 96 + group] & 15 : blocks[at + 88 + group] >> 4;
      const high = blocks[at + 104 + (group & 3)] >> 2 * (group >> 2) & 3;
      const groupScale2 = scale2 * ((low | high << 4) - 32);
      const column = (group & 1) * 16;
      const from = at + 32 + (group >> 3) * 32 + column;
      const shift = (group >> 1 & 3) * 2;
      const thirdBit = group >> 1;
      const to = out + group * 16;
      for (let i = 0; i < 16; i++) {
        const third = blocks[at + column + i] >> thirdBit & 1;
        values[to + i] = groupScale2 * ((blocks[from + i] >> shift & 3) - 4 + 4 * third);
      }
    }
  }
}
function dequantizeQ6_K(blocks, values) {
  const halves = halfValues();
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let out = 0, at = 0; out < values.length; out += 256, at += 210) {
    const scale2 = halves[blocks[at + 208] | blocks[at + 209] << 8];
    for (let group = 0; group < 16; group++) {
      const groupScale2 = scale2 * signed[at + 192 + group];
      const half = group >> 3;
      const quarter = group >> 1 & 3;
      const column = (group & 1) * 16;
      const lowFrom = at + half * 64 + (quarter & 1) * 32 + column;
      const lowShift = (quarter >> 1) * 4;
      const highFrom = at + 128 + half * 32 + column;
      const highShift = quarter * 2;
      const to = out + group * 16;
      for (let i = 0; i < 16; i++) {
        const low = blocks[lowFrom + i] >> lowShift & 15;
        const high = blocks[highFrom + i] >> highShift & 3;
        values[to + i] = groupScale2 * ((low | high << 4) - 32);
      }
    }
  }
}

// ../../packages/tensor/src/weight-formats/k-quants-with-minimum.ts
var kQuantsWithMinimum = [
  { name: "Q2_K", blockSize: 256, blockBytes: 84, dequantize: dequantizeQ2_K },
  { name: "Q4_K", blockSize: 256, blockBytes: 144, dequantize: dequantizeQ4_K },
  { name: "Q5_K", blockSize: 256, blockBytes: 176, dequantize: dequantizeQ5_K }
];
function dequantizeQ2_K(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 84) {
    const scale2 = halves[blocks[at + 80] | blocks[at + 81] << 8];
    const minimum = halves[blocks[at + 82] | blocks[at + 83] << 8];
    for (let group = 0; group < 16; group++) {
      const pair = blocks[at + group];
      const groupScale2 = scale2 * (pair & 15);
      const groupMinimum2 = minimum * (pair >> 4);
      const from = at + 16 + (group >> 3) * 32 + (group & 1) * 16;
      const shift = (group >> 1 & 3) * 2;
      const to = out + group * 16;
      for (let i = 0; i < 16; i++) values[to + i] = groupScale2 * (blocks[from + i] >> shift & 3) - groupMinimum2;
    }
  }
}
function dequantizeQ4_K(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 144) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    const minimum = halves[blocks[at + 2] | blocks[at + 3] << 8];
    for (let group = 0; group < 8; group += 2) {
      const lowScale = scale2 * groupScale(blocks, at + 4, group);
      const lowMinimum = minimum * groupMinimum(blocks, at + 4, group);
      const highScale = scale2 * groupScale(blocks, at + 4, group + 1);
      const highMinimum = minimum * groupMinimum(blocks, at + 4, group + 1);
      const from = at + 16 + group * 16;
      const to = out + group * 32;
      for (let i = 0; i < 32; i++) {
        const pair = blocks[from + i];
        values[to + i] = lowScale * (pair & 15) - lowMinimum;
        values[to + 32 + i] = highScale * (pair >> 4) - highMinimum;
      }
    }
  }
}
function dequantizeQ5_K(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 176) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    const minimum = halves[blocks[at + 2] | blocks[at + 3] << 8];
    for (let group = 0; group < 8; group += 2) {
      const lowScale = scale2 * groupScale(blocks, at + 4, group);
      const lowMinimum = minimum * groupMinimum(blocks, at + 4, group);
      const highScale = scale2 * groupScale(blocks, at + 4, group + 1);
      const highMinimum = minimum * groupMinimum(blocks, at + 4, group + 1);
      const from = at + 48 + group * 16;
      const to = out + group * 32;
      for (let i = 0; i < 32; i++) {
        const pair = blocks[from + i];
        const fifth = blocks[at + 16 + i] >> group;
        values[to + i] = lowScale * (pair & 15 | (fifth & 1) << 4) - lowMinimum;
        values[to + 32 + i] = highScale * (pair >> 4 | (fifth & 2) << 3) - highMinimum;
      }
    }
  }
}
function groupScale(blocks, at, group) {
  if (group < 4) return blocks[at + group] & 63;
  return blocks[at + 4 + group] & 15 | blocks[at + group - 4] >> 6 << 4;
}
function groupMinimum(blocks, at, group) {
  if (group < 4) return blocks[at + 4 + group] & 63;
  return blocks[at + 4 + group] >> 4 | blocks[at + group] >> 6 << 4;
}

// ../../packages/tensor/src/weight-formats/mxfp4.ts
var values4 = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);
var scales = Float64Array.from({ length: 256 }, (_, byte) => 2 ** (byte - 127));
function dequantizeMxfp4(blocks, exponents, values) {
  for (let block = 0; block < exponents.length; block++) {
    const scale2 = scales[exponents[block]];
    const [from, to] = [16 * block, 32 * block];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[from + i];
      values[to + 2 * i] = scale2 * values4[pair & 15];
      values[to + 2 * i + 1] = scale2 * values4[pair >> 4];
    }
  }
}
var mxfp4Format = { name: "MXFP4", blockSize: 32, blockBytes: 17, dequantize: dequantizeBlocks };
function dequantizeBlocks(blocks, values) {
  for (let out = 0, at = 0; out < values.length; out += 32, at += 17) {
    const scale2 = scales[blocks[at]];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 1 + i];
      values[out + i] = scale2 * values4[pair & 15] + 0;
      values[out + 16 + i] = scale2 * values4[pair >> 4] + 0;
    }
  }
}

// ../../packages/tensor/src/weight-formats/nonlinear-4.ts
var nonlinear4Formats = [
  { name: "IQ4_NL", blockSize: 32, blockBytes: 18, dequantize: dequantizeIQ4_NL },
  { name: "IQ4_XS", blockSize: 256, blockBytes: 136, dequantize: dequantizeIQ4_XS }
];
var codebook = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
function dequantizeIQ4_NL(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 18) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 2 + i];
      values[out + i] = scale2 * codebook[pair & 15];
      values[out + 16 + i] = scale2 * codebook[pair >> 4];
    }
  }
}
function dequantizeIQ4_XS(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 136) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    const high = blocks[at + 2] | blocks[at + 3] << 8;
    for (let group = 0; group < 8; group++) {
      const low = blocks[at + 4 + (group >> 1)] >> 4 * (group & 1) & 15;
      const groupScale2 = scale2 * ((low | (high >> 2 * group & 3) << 4) - 32);
      const from = at + 8 + group * 16;
      const to = out + group * 32;
      for (let i = 0; i < 16; i++) {
        const pair = blocks[from + i];
        values[to + i] = groupScale2 * codebook[pair & 15];
        values[to + 16 + i] = groupScale2 * codebook[pair >> 4];
      }
    }
  }
}

// ../../packages/tensor/src/weight-formats/plain.ts
var plainFormats = [
  {
    name: "F32",
    blockSize: 1,
    blockBytes: 4,
    dequantize: (bytes, values) => {
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes.subarray(0, values.byteLength));
    }
  },
  {
    name: "F16",
    blockSize: 1,
    blockBytes: 2,
    dequantize: (bytes, values) => {
      const halves = halfValues();
      for (let i = 0, at = 0; i < values.length; i++, at += 2) values[i] = halves[bytes[at] | bytes[at + 1] << 8];
    }
  },
  {
    name: "BF16",
    blockSize: 1,
    blockBytes: 2,
    dequantize: (bytes, values) => {
      const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let i = 0, at = 0; i < patterns.length; i++, at += 2) patterns[i] = bytes[at] << 16 | bytes[at + 1] << 24;
    }
  }
];

// ../../packages/tensor/src/weight-formats/scaled-32.ts
var scaled32Formats = [
  { name: "Q4_0", blockSize: 32, blockBytes: 18, dequantize: dequantizeQ4_0 },
  { name: "Q4_1", blockSize: 32, blockBytes: 20, dequantize: dequantizeQ4_1 },
  { name: "Q5_0", blockSize: 32, blockBytes: 22, dequantize: dequantizeQ5_0 },
  { name: "Q5_1", blockSize: 32, blockBytes: 24, dequantize: dequantizeQ5_1 },
  { name: "Q8_0", blockSize: 32, blockBytes: 34, dequantize: dequantizeQ8_0 }
];
function dequantizeQ4_0(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 18) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 2 + i];
      values[out + i] = ((pair & 15) - 8) * scale2;
      values[out + 16 + i] = ((pair >> 4) - 8) * scale2;
    }
  }
}
function dequantizeQ4_1(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 20) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    const minimum = halves[blocks[at + 2] | blocks[at + 3] << 8];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 4 + i];
      values[out + i] = (pair & 15) * scale2 + minimum;
      values[out + 16 + i] = (pair >> 4) * scale2 + minimum;
    }
  }
}
function dequantizeQ5_0(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 22) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    const high = bits32(blocks, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 6 + i];
      values[out + i] = ((pair & 15 | (high >>> i & 1) << 4) - 16) * scale2;
      values[out + 16 + i] = ((pair >> 4 | (high >>> i + 16 & 1) << 4) - 16) * scale2;
    }
  }
}
function dequantizeQ5_1(blocks, values) {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 24) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    const minimum = halves[blocks[at + 2] | blocks[at + 3] << 8];
    const high = bits32(blocks, at + 4);
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 8 + i];
      values[out + i] = (pair & 15 | (high >>> i & 1) << 4) * scale2 + minimum;
      values[out + 16 + i] = (pair >> 4 | (high >>> i + 16 & 1) << 4) * scale2 + minimum;
    }
  }
}
function dequantizeQ8_0(blocks, values) {
  const halves = halfValues();
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let out = 0, at = 0; out < values.length; out += 32, at += 34) {
    const scale2 = halves[blocks[at] | blocks[at + 1] << 8];
    for (let i = 0; i < 32; i++) values[out + i] = signed[at + 2 + i] * scale2;
  }
}
function bits32(bytes, at) {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
}

// ../../packages/tensor/src/weight-formats/weight-formats.ts
var weightFormats = new Map(
  [plainFormats, scaled32Formats, kQuantsWithMinimum, kQuantsSymmetric, nonlinear4Formats, mxfp4Format].flat().map((format) => [format.name, format])
);
function weightFormat(name2, what) {
  const format = weightFormats.get(name2);
  if (format === void 0) throw new UnsupportedWeightFormatError(name2, what, weightFormats.keys());
  return format;
}

// ../../packages/tensor/src/operations/linear/pack-blocks.ts
var packBlocks = defineOperation("packBlocks", ({ weights }, backend2) => {
  const { outFeatures, inFeatures } = joinedShape(weights);
  const packed = backend2.allocate([outFeatures, inFeatures], "f32");
  let row = 0;
  for (const { format, rows: rows2, columns, bytes } of weights) {
    const values = new Float32Array(rows2 * columns);
    weightFormat(format, "packBlocks").dequantize(bytes, values);
    writeFloats(packed.rows(row, row + rows2), values);
    row += rows2;
  }
  return new LinearWeight(backend2, packed.storage, outFeatures, inFeatures, "f32");
});
function joinedShape(weights) {
  const inFeatures = weights[0]?.columns;
  if (inFeatures === void 0) throw new ShapeError("packBlocks: no weight given.");
  for (const { format, rows: rows2, columns, bytes } of weights) {
    const known3 = weightFormat(format, "packBlocks");
    if (known3.blockSize === 1) throw new UnsupportedWeightFormatError(format, "packBlocks takes formats in blocks", []);
    if (columns !== inFeatures) throw new ShapeError(`packBlocks: weights of ${inFeatures} and of ${columns} columns cannot be joined.`);
    if (columns % known3.blockSize !== 0) throw new ShapeError(`packBlocks: ${columns} columns are not whole blocks of ${known3.blockSize} (${format}).`);
    if (bytes.length !== weightByteLength(known3, rows2 * columns)) {
      throw new ShapeError(`packBlocks: [${rows2}, ${columns}] in ${format} is ${weightByteLength(known3, rows2 * columns)} bytes, found ${bytes.length}.`);
    }
  }
  return { outFeatures: weights.reduce((sum3, { rows: rows2 }) => sum3 + rows2, 0), inFeatures };
}

// ../../packages/tensor/src/operations/norm/layer-norm-backward.ts
var layerNormBackward = defineOperation(
  "layerNormBackward",
  ({ input, weight, epsilon, outputGradient, inputGradient, accumulate }) => {
    const [rows2, features] = [input.numRows, input.rowLength];
    expectShape("layerNormBackward", "weight", weight, [features]);
    expectShape("layerNormBackward", "outputGradient", outputGradient, input.shape);
    expectShape("layerNormBackward", "inputGradient", inputGradient, input.shape);
    const [x, w, dy] = [readFloats(input), readFloats(weight), readFloats(outputGradient)];
    const dx = accumulate ? readFloats(inputGradient) : newFloats(inputGradient, x.length);
    const mean = (start, value) => {
      let sum3 = 0;
      for (let i = start; i < start + features; i++) sum3 += value(i);
      return sum3 / features;
    };
    for (let start = 0; start < rows2 * features; start += features) {
      const center = mean(start, (i) => x[i]);
      const scale2 = 1 / Math.sqrt(mean(start, (i) => (x[i] - center) ** 2) + epsilon);
      const normed = (i) => (x[i] - center) * scale2;
      const upstream = (i) => dy[i] * w[i - start];
      const [average, along] = [mean(start, upstream), mean(start, (i) => upstream(i) * normed(i))];
      for (let i = start; i < start + features; i++) dx[i] += scale2 * (upstream(i) - average - normed(i) * along);
    }
    writeFloats(inputGradient, dx);
  }
);

// ../../packages/tensor/src/operations/norm/layer-norm.ts
var layerNormGradient = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ input }) => [input],
  backward({ input, weight, epsilon, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.accumulate(
      [input],
      ([inputGradient], accumulate) => gradients.backend.kernels.run(layerNormBackward, { input, weight, epsilon, outputGradient, inputGradient, accumulate })
    );
  }
};
var layerNorm = defineOperation("layerNorm", referenceLayerNorm, { gradient: layerNormGradient });
function referenceLayerNorm({ input, weight, bias, epsilon, output }) {
  const [rows2, features] = [input.numRows, input.rowLength];
  expectShape("layerNorm", "weight", weight, [features]);
  if (bias !== void 0) expectShape("layerNorm", "bias", bias, [features]);
  expectShape("layerNorm", "output", output, input.shape);
  const [x, w] = [readFloats(input), readFloats(weight)];
  const b = bias === void 0 ? void 0 : readFloats(bias);
  for (let row = 0; row < rows2; row++) {
    const values = x.subarray(row * features, (row + 1) * features);
    let sum3 = 0;
    for (const value of values) sum3 += value;
    const mean = sum3 / features;
    let squares = 0;
    for (const value of values) squares += (value - mean) ** 2;
    const scale2 = 1 / Math.sqrt(squares / features + epsilon);
    for (let i = 0; i < features; i++) values[i] = (values[i] - mean) * scale2 * w[i] + (b === void 0 ? 0 : b[i]);
  }
  writeFloats(output, x);
}

// ../../packages/tensor/src/operations/norm/rms-norm-backward.ts
var rmsNormBackward = defineOperation(
  "rmsNormBackward",
  ({ input, weight, epsilon, outputGradient, inputGradient, accumulate }) => {
    const [rows2, features] = [input.numRows, input.rowLength];
    expectShape("rmsNormBackward", "weight", weight, [features]);
    expectShape("rmsNormBackward", "outputGradient", outputGradient, input.shape);
    expectShape("rmsNormBackward", "inputGradient", inputGradient, input.shape);
    const [x, w, dy] = [readFloats(input), readFloats(weight), readFloats(outputGradient)];
    const dx = accumulate ? readFloats(inputGradient) : newFloats(inputGradient, x.length);
    for (let row = 0; row < rows2; row++) normalizedRowGradient(x, w, dy, dx, row * features, features, epsilon);
    writeFloats(inputGradient, dx);
  }
);

// ../../packages/tensor/src/operations/norm/rms-norm.ts
var rmsNormGradient = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ input }) => [input],
  backward({ input, weight, epsilon, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.accumulate(
      [input],
      ([inputGradient], accumulate) => gradients.backend.kernels.run(rmsNormBackward, { input, weight, epsilon, outputGradient, inputGradient, accumulate })
    );
  }
};
var rmsNorm = defineOperation("rmsNorm", referenceRmsNorm, { gradient: rmsNormGradient });
function referenceRmsNorm({ input, weight, epsilon, output }) {
  const [rows2, features] = [input.numRows, input.rowLength];
  expectShape("rmsNorm", "weight", weight, [features]);
  expectShape("rmsNorm", "output", output, input.shape);
  const x = readFloats(input);
  const w = readFloats(weight);
  for (let row = 0; row < rows2; row++) {
    let squares = 0;
    for (let i = 0; i < features; i++) squares += x[row * features + i] ** 2;
    const scale2 = 1 / Math.sqrt(squares / features + epsilon);
    for (let i = 0; i < features; i++) x[row * features + i] = x[row * features + i] * scale2 * w[i];
  }
  writeFloats(output, x);
}

// ../../packages/tensor/src/operations/ranks/all-reduce.ts
var allReduce = defineOperation("allReduce", runAllReduce);
var hostAllReduce = { name: "host", supports: () => [], run: runAllReduce };
function runAllReduce({ values, ranks: ranks2 }) {
  const sum3 = values.toFloat32();
  ranks2.allReduceSum(sum3);
  values.backend.write(values, denseFloats(sum3, values));
}
function denseFloats(values, { dtype: dtype2 }) {
  switch (dtype2) {
    case "f32":
      return values;
    case "bf16":
      return Uint16Array.from(values, toBFloat16);
    case "f16":
      return Uint16Array.from(values, toFloat16);
    default:
      throw new ShapeError(`Sums over ranks are of floats, not of ${dtype2}.`);
  }
}

// ../../packages/tensor/src/operations/ranks/gather-columns.ts
var gatherColumns = defineOperation("gatherColumns", runGatherColumns);
var hostGatherColumns = { name: "host", supports: () => [], run: runGatherColumns };
function runGatherColumns({ input, output, ranks: ranks2 }) {
  if (input.dtype !== "f32" || output.dtype !== "f32") throw new ShapeError("gatherColumns: columns are f32.");
  const [rows2, columns] = [input.numRows, output.rowLength];
  const parts = ranks2.allGather(input.download()).map((bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4));
  const width = parts.reduce((sum3, part) => sum3 + part.length / Math.max(1, rows2), 0);
  if (width !== columns) throw new ShapeError(`gatherColumns: the ranks have ${width} columns, the output ${columns}.`);
  const all = new Float32Array(rows2 * columns);
  let start = 0;
  for (const part of parts) {
    const own = part.length / Math.max(1, rows2);
    for (let row = 0; row < rows2; row++) all.set(part.subarray(row * own, (row + 1) * own), row * columns + start);
    start += own;
  }
  output.backend.write(output, all);
}

// ../../packages/tensor/src/operations/ranks/open-rank-group.ts
var openers = /* @__PURE__ */ new Map();
function registerRankGroup(kind, open) {
  openers.set(kind, open);
}
function openRankGroup(settings) {
  const open = openers.get(settings.kind);
  if (open !== void 0) return open(settings);
  const known3 = [...openers.keys()].join(", ") || "none";
  throw new CommunicatorUnavailableError(settings.kind, [`it is not registered (${known3})`], "Call registerRankGroups() of @elastic-attention/distributed first.");
}

// ../../packages/tensor/src/operations/rotary/rotary.ts
var rotaryGradient = {
  inputs: () => [],
  outputs: () => [],
  updates: ({ heads }) => [heads],
  backward(call, gradients) {
    const heads = gradients.incoming(call.heads);
    if (heads !== void 0) gradients.backend.kernels.run(rotary, { ...call, heads, inverse: !(call.inverse ?? false) });
  }
};
var rotary = defineOperation("rotary", referenceRotary, { gradient: rotaryGradient });
function referenceRotary({ heads, positions, cosine, sine, inverse = false, pairs = "halves" }) {
  const [tokens, numHeads, headDim] = [heads.shape[0], heads.shape[1] ?? -1, heads.shape[2] ?? -1];
  const half = turnedHalf(headDim, cosine);
  expectShape("rotary", "heads", heads, [tokens, numHeads, headDim]);
  expectShape("rotary", "positions", positions, [tokens]);
  expectShape("rotary", "sine", sine, cosine.shape);
  const [step, apart] = pairs === "halves" ? [1, half] : [2, 1];
  const x = readFloats(heads);
  const rows2 = readIntegers(positions);
  const [cos, sin] = [readFloats(cosine), readFloats(sine)];
  const direction = inverse ? -1 : 1;
  for (let token = 0; token < tokens; token++) {
    const table2 = rows2[token] * half;
    if (rows2[token] < 0 || rows2[token] >= cosine.numRows) {
      throw new ShapeError(`rotary: position ${rows2[token]} is outside a table of ${cosine.numRows} positions.`);
    }
    for (let head = 0; head < numHeads; head++) {
      const start = (token * numHeads + head) * headDim;
      for (let i = 0; i < half; i++) {
        const [first, second] = [start + step * i, start + step * i + apart];
        const [a, b, c, s] = [x[first], x[second], cos[table2 + i], direction * sin[table2 + i]];
        x[first] = a * c - b * s;
        x[second] = b * c + a * s;
      }
    }
  }
  writeFloats(heads, x);
}
function turnedHalf(headDim, cosine) {
  expectShape("rotary", "cosine", cosine, [-1, -1]);
  const half = cosine.rowLength;
  if (half < 1 || 2 * half > headDim) {
    throw new ShapeError(`rotary: tables of ${half} pairs do not fit heads of ${headDim} elements.`);
  }
  return half;
}

// ../../packages/tensor/src/operations/rotary/rotary-tables.ts
var rotaryTables = defineOperation("rotaryTables", ({ frequencies, scale: scale2, cosine, sine }) => {
  const half = frequencies.numElements;
  expectShape("rotaryTables", "cosine", cosine, [-1, half]);
  expectShape("rotaryTables", "sine", sine, cosine.shape);
  if (frequencies.dtype !== "f32") throw new ShapeError(`rotaryTables: frequencies are f32, found ${frequencies.dtype}.`);
  const radians = readFloats(frequencies);
  const [c, s] = [newFloats(cosine, cosine.numElements), newFloats(sine, sine.numElements)];
  for (let position = 0; position < cosine.numRows; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = Math.fround(position * radians[pair]);
      c[position * half + pair] = Math.cos(angle) * scale2;
      s[position * half + pair] = Math.sin(angle) * scale2;
    }
  }
  writeFloats(cosine, c);
  writeFloats(sine, s);
});

// ../../packages/tensor/src/operations/tokens/log-probabilities.ts
var mostTopTokens = 20;
function expectLogProbabilityShapes({ logits, tokens, top, values, topTokens }) {
  const rows2 = logits.numRows;
  const most = values.rowLength - 1;
  if (logits.dtype !== "f32" || values.dtype !== "f32") throw new ShapeError("logProbabilities: logits and values are f32.");
  expectShape("logProbabilities", "logits", logits, [rows2, logits.rowLength]);
  expectShape("logProbabilities", "tokens", tokens, [rows2]);
  expectShape("logProbabilities", "values", values, [rows2, most + 1]);
  if (top.length !== rows2 || top.some((count) => count > most) || most > mostTopTokens) {
    throw new ShapeError(`logProbabilities: a number of most likely tokens up to ${Math.min(most, mostTopTokens)} belongs to each of ${rows2} rows.`);
  }
  if (topTokens !== void 0) expectShape("logProbabilities", "topTokens", topTokens, [rows2, most]);
  else if (most > 0) throw new ShapeError("logProbabilities: topTokens are missing.");
}
var logProbabilities = defineOperation("logProbabilities", (call, backend2) => {
  expectLogProbabilityShapes(call);
  const { logits, tokens, top, values, topTokens } = call;
  const found = newFloats(values, values.numElements);
  const chosen = new Int32Array(topTokens?.numElements ?? 0).fill(-1);
  for (const [row, token] of readIntegers(tokens).entries()) {
    if (top[row] < 0 || token < 0) continue;
    const x = readFloats(logits.rows(row, row + 1));
    const likely = mostLikely(x, top[row]);
    const logSum = logSumOfExponentials(x);
    found.set([token, ...likely].map((each) => x[each] - logSum[0] - logSum[1]), row * values.rowLength);
    chosen.set(likely, row * (values.rowLength - 1));
  }
  writeFloats(values, found);
  if (topTokens !== void 0) backend2.write(topTokens, chosen);
});
function logSumOfExponentials(logits) {
  let largest2 = -Infinity;
  for (const logit of logits) if (logit > largest2) largest2 = logit;
  let sum3 = 0;
  for (const logit of logits) if (!Number.isNaN(logit)) sum3 += Math.exp(logit - largest2);
  return [largest2, Math.log(sum3)];
}
function mostLikely(logits, count) {
  const tokens = Array.from(logits.keys()).filter((token) => !Number.isNaN(logits[token]));
  return tokens.sort((a, b) => logits[b] - logits[a] || a - b).slice(0, count);
}

// ../../packages/tensor/src/operations/tokens/adjust-logits.ts
function adjustLogits(logits, { sampling, seen, counts, bias, mask }) {
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = sampling;
  const added = bias === void 0 ? void 0 : readFloats(bias);
  const flags = seen === void 0 || repetitionPenalty === 1 ? void 0 : readIntegers(seen);
  const numbers = counts === void 0 ? void 0 : readIntegers(counts);
  const words2 = mask === void 0 ? void 0 : readIntegers(mask);
  if (added === void 0 && flags === void 0 && numbers === void 0 && words2 === void 0) return;
  for (let token = 0; token < logits.length; token++) {
    if (words2 !== void 0 && (words2[token >> 5] >>> (token & 31) & 1) === 0) {
      logits[token] = -Infinity;
      continue;
    }
    let logit = logits[token];
    if (added !== void 0) logit += added[token];
    if (flags !== void 0 && flags[token] !== 0) logit = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    const count = numbers?.[token] ?? 0;
    if (count > 0) logit -= presencePenalty + frequencyPenalty * count;
    logits[token] = logit;
  }
}

// ../../packages/tensor/src/operations/tokens/draw-token.ts
var unit = 2 ** 31;
function largestLogit(logits) {
  let best = -1;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token];
    if (best < 0 ? logit === logit : logit > logits[best]) best = token;
  }
  return best >= 0 && Number.isFinite(logits[best]) ? best : -1;
}
function drawToken(logits, sampling) {
  const best = largestLogit(logits);
  if (best < 0) return -1;
  const { temperature, topK, topP, minP, uniform } = sampling;
  const largest2 = logits[best];
  const weightOf = (token) => Math.round(Math.exp((logits[token] - largest2) / temperature) * unit);
  const order = [];
  for (let token = 0; token < logits.length; token++) if (weightOf(token) > 0) order.push(token);
  order.sort((a, b) => logits[b] - logits[a] || a - b);
  if (topK > 0) order.length = Math.min(order.length, topK);
  const weights = order.map(weightOf);
  const limit = topP * sum(weights);
  let count = 0;
  let mass = 0;
  while (count < weights.length && (count === 0 || mass < limit && weights[count] >= minP * unit)) mass += weights[count++];
  const target = uniform * mass;
  let passed2 = 0;
  for (let i = 0; i < count; i++) {
    passed2 += weights[i];
    if (passed2 > target) return order[i];
  }
  return order[count - 1];
}
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

// ../../packages/tensor/src/operations/tokens/sample-tokens.ts
function maskWords(vocabularySize) {
  return Math.ceil(vocabularySize / 32);
}
function expectSampleShapes({ logits, rows: rows2, output }) {
  const [sequences, vocabulary] = [logits.numRows, logits.rowLength];
  if (output.dtype !== "i32" || logits.dtype !== "f32") throw new ShapeError("sampleTokens: logits are f32, tokens i32.");
  expectShape("sampleTokens", "logits", logits, [sequences, vocabulary]);
  expectShape("sampleTokens", "output", output, [sequences]);
  if (rows2.length !== sequences) throw new ShapeError(`sampleTokens: ${rows2.length} rows are described, ${sequences} have logits.`);
  for (const { seen, counts, bias, mask } of rows2) {
    for (const [name2, tensor] of Object.entries({ seen, counts, bias })) {
      if (tensor !== void 0) expectShape("sampleTokens", name2, tensor, [1, vocabulary]);
    }
    if (mask !== void 0) expectShape("sampleTokens", "mask", mask, [1, maskWords(vocabulary)]);
  }
}
var sampleTokens = defineOperation("sampleTokens", (call, backend2) => {
  const { logits, rows: rows2, output } = call;
  expectSampleShapes(call);
  const tokens = Int32Array.from(rows2, (row, index) => {
    const values = readFloats(logits.rows(index, index + 1));
    const { sampling, seen, counts } = row;
    adjustLogits(values, row);
    const token = sampling.temperature === 0 ? largestLogit(values) : drawToken(values, sampling);
    if (token >= 0) note(backend2, { seen, counts }, token);
    return token;
  });
  backend2.write(output, tokens);
});
function note(backend2, { seen, counts }, token) {
  if (seen !== void 0) {
    const flags = Uint8Array.from(readIntegers(seen));
    flags[token] = 1;
    backend2.write(seen, flags);
  }
  if (counts !== void 0) {
    const numbers = readIntegers(counts);
    numbers[token] += 1;
    backend2.write(counts, numbers);
  }
}

// ../../packages/tensor/src/operations/tokens/uniform-number.ts
function uniformNumber(seed, counter) {
  let state = mixBits(seed >>> 0 ^ mixBits(Math.floor(seed / 2 ** 32) + 2654435769));
  state = mixBits(state + Math.imul(counter, 2654435761));
  return mixBits(state ^ 2246822507) / 2 ** 32;
}

// ../../packages/tensor/src/reference/reference-provider.ts
var referenceProvider = {
  name: "reference",
  workSizes: hostWorkSizes,
  options: ["precision"],
  available: async () => [],
  create: async (options) => new ReferenceBackend(options.precision === "f64" ? { precision: "f64" } : {})
};

// ../../packages/tensor/src/safetensors/checkpoint.ts
import { existsSync as existsSync3, lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename as basename3, dirname as dirname2, join as join2, sep } from "node:path";

// ../../packages/tensor/src/safetensors/duplicate-key.ts
var [quote, openBracket, closeBracket, openBrace, closeBrace] = [34, 91, 93, 123, 125];
function findDuplicateKey(json) {
  const objects = [];
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === openBrace) objects.push(/* @__PURE__ */ new Set());
    else if (code === openBracket) objects.push(void 0);
    else if (code === closeBrace || code === closeBracket) objects.pop();
    else if (code === quote) {
      const end = endOfString(json, i);
      let next = end;
      while (" 	\n\r".includes(json[next] ?? "x")) next += 1;
      if (json[next] === ":") {
        const key = JSON.parse(json.slice(i, end));
        const keys2 = objects.at(-1);
        if (keys2?.has(key)) return key;
        keys2?.add(key);
      }
      i = end - 1;
    }
  }
  return void 0;
}
function endOfString(json, start) {
  let i = start + 1;
  while (i < json.length && json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i + 1;
}

// ../../packages/tensor/src/safetensors/header.ts
import { isUtf8 as isUtf82 } from "node:buffer";

// ../../packages/tensor/src/safetensors/element-types.ts
var elementTypeBits = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64
};
function isElementType(name2) {
  return Object.hasOwn(elementTypeBits, name2);
}
function elementByteSize(type) {
  return elementTypeBits[type] / 8;
}
var dtypes = { F32: "f32", BF16: "bf16", F16: "f16", I32: "i32", U8: "u8" };
function elementDType(type) {
  return isElementType(type) ? dtypes[type] : void 0;
}

// ../../packages/tensor/src/safetensors/longest-list.ts
var [quote2, backslash, openBracket2, closeBracket2, openBrace2, comma] = [34, 92, 91, 93, 123, 44];
function longestList(json) {
  let longest = 0;
  let items = 0;
  for (let i = 0; i < json.length; i++) {
    const code = json[i];
    if (code === comma && items > 0) items += 1;
    else if (code === openBracket2) items = 1;
    else if (code === closeBracket2 || code === openBrace2) {
      if (items > longest) longest = items;
      items = 0;
    } else if (code === quote2) {
      for (i += 1; i < json.length && json[i] !== quote2; i++) if (json[i] === backslash) i += 1;
    }
  }
  return Math.max(longest, items);
}

// ../../packages/tensor/src/safetensors/header.ts
var maxHeaderBytes2 = 1e8;
var maximumRank = 64;
var openingBrace = 123;
function notAnObject(file) {
  return new SafetensorsFormatError(file, "header-json", "has a header that does not start with {.");
}
function headerLength(file, prefix, fileBytes) {
  if (prefix.length < 8) throw new SafetensorsFormatError(file, "truncated", "is shorter than the 8 bytes of its length.");
  const view = new DataView(prefix.buffer, prefix.byteOffset, 8);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes2)) {
    throw new SafetensorsFormatError(file, "header-too-large", `announces a header of ${length} bytes, over ${maxHeaderBytes2}.`);
  }
  if (Number(length) + 8 > fileBytes) {
    throw new SafetensorsFormatError(file, "truncated", `announces a header of ${length} bytes but has ${fileBytes} in all.`);
  }
  if (prefix.length > 8 && prefix[8] !== openingBrace) throw notAnObject(file);
  return Number(length);
}
function parseHeader(file, bytes, fileBytes) {
  const fail = (problem, detail) => {
    throw new SafetensorsFormatError(file, problem, detail);
  };
  if (bytes[0] !== openingBrace) throw notAnObject(file);
  if (!isUtf82(bytes)) fail("header-encoding", "has a header that is not UTF-8.");
  if (longestList(bytes) > maximumRank) fail("invalid-shape", `has a shape of more than ${maximumRank} sizes in its header.`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  let root;
  try {
    root = JSON.parse(text, /__proto__|\\u/.test(text) ? refuseReservedKey : void 0);
  } catch (error) {
    fail("header-json", `has a header that is not JSON: ${error.message}.`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== void 0) fail("duplicate-key", `names ${JSON.stringify(duplicate)} twice in its header.`);
  if (!isRecord(root)) return fail("header-json", "has a header that is not an object.");
  const dataStart = 8 + bytes.length;
  const tensors = /* @__PURE__ */ new Map();
  const metadata = /* @__PURE__ */ new Map();
  for (const [name2, value] of Object.entries(root)) {
    if (name2 === "__metadata__") {
      if (!isRecord(value)) return fail("invalid-metadata", "has __metadata__ that is not an object.");
      for (const [key, item] of Object.entries(value)) {
        if (typeof item !== "string") return fail("invalid-metadata", `has __metadata__ "${key}" that is not a text.`);
        metadata.set(key, item);
      }
    } else {
      tensors.set(name2, parseEntry(name2, value, dataStart, fileBytes, fail));
    }
  }
  let end = dataStart;
  for (const entry of [...tensors.values()].sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength)) {
    if (entry.byteOffset !== end) {
      fail("gap-or-overlap", `tensor "${entry.name}" begins at data byte ${entry.byteOffset - dataStart}, expected ${end - dataStart}.`);
    }
    end += entry.byteLength;
  }
  if (end !== fileBytes) fail("trailing-bytes", `has ${fileBytes - end} bytes that belong to no tensor.`);
  return { tensors, metadata };
}
function parseEntry(name2, value, dataStart, fileBytes, fail) {
  if (!isRecord(value)) return fail("header-json", `tensor "${name2}" is not an object.`);
  const { dtype: dtype2, shape, data_offsets: offsets } = value;
  if (typeof dtype2 !== "string" || !isElementType(dtype2)) {
    return fail("unknown-dtype", `tensor "${name2}" has dtype ${excerpt2(dtype2)}.`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail("invalid-shape", `tensor "${name2}" has shape ${excerpt2(shape)}.`);
  }
  const [start, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isCount(start) || !isCount(end) || start > end || dataStart + end > fileBytes) {
    return fail("invalid-offsets", `tensor "${name2}" has offsets ${excerpt2(offsets)} in a file of ${fileBytes} bytes.`);
  }
  const byteLength = end - start;
  const expected = exactByteLength(shape, elementByteSize(dtype2));
  if (expected !== byteLength) {
    const needed = expected ?? "more than 2^53";
    return fail("wrong-byte-count", `tensor "${name2}" (${dtype2} ${excerpt2(shape)}) needs ${needed} bytes, has ${byteLength}.`);
  }
  return { name: name2, type: dtype2, shape, byteOffset: dataStart + start, byteLength };
}
function exactByteLength(shape, elementBytes) {
  if (shape.includes(0)) return 0;
  let product = elementBytes;
  for (const size2 of shape) {
    product *= size2;
    if (!Number.isSafeInteger(product)) return void 0;
  }
  return product;
}
function excerpt2(value) {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}\u2026` : value);
  if (!Array.isArray(value)) return typeof value === "object" && value !== null ? "{\u2026}" : String(value);
  const items = value.slice(0, 10).map((item) => Array.isArray(item) ? "[\u2026]" : excerpt2(item));
  return `[${items.join(", ")}${value.length > items.length ? ", \u2026" : ""}]`;
}
function refuseReservedKey(key, value) {
  if (key === "__proto__") throw new SyntaxError('the key "__proto__" is not allowed');
  return value;
}
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

// ../../packages/tensor/src/safetensors/safetensors-file.ts
var SafetensorsFile = class _SafetensorsFile {
  constructor(path2, file, tensors, metadata) {
    this.path = path2;
    this.file = file;
    this.tensors = tensors;
    this.metadata = metadata;
  }
  path;
  file;
  tensors;
  metadata;
  /** Opens a file and checks its header completely. @throws SafetensorsFormatError, or the system's error (ENOENT, …) */
  static open(path2) {
    const file = PositionalFile.open(path2);
    if (file === void 0) throw new SafetensorsFormatError(path2, "not-a-file", "is not a regular file.");
    try {
      const prefix = readExactly(file, 0, Math.min(9, file.size));
      const header = readExactly(file, 8, headerLength(path2, prefix, file.size));
      const { tensors, metadata } = parseHeader(path2, header, file.size);
      return new _SafetensorsFile(path2, file, tensors, metadata);
    } catch (error) {
      file.close();
      throw error;
    }
  }
  /** A tensor's place and shape. @throws MissingTensorError */
  entry(name2) {
    const entry = this.tensors.get(name2);
    if (entry === void 0) throw new MissingTensorError(name2, this.path);
    return entry;
  }
  /**
   * The bytes of a tensor, aligned for any typed array, or of a range within it (an `end` beyond it is its end).
   * @throws MissingTensorError, ShapeError for a range that begins before the tensor or is no range, DisposedError
   */
  read(name2, range) {
    const { byteOffset, byteLength } = this.entry(name2);
    const { start, length } = rangeWithin(name2, byteLength, range);
    return readExactly(this.file, byteOffset + start, length);
  }
  /**
   * Where a tensor's bytes are, for those who read them by themselves (`Backend.readFile`); valid until the file is closed.
   * @throws MissingTensorError, DisposedError
   */
  locate(name2) {
    return { descriptor: this.file.descriptor, position: this.entry(name2).byteOffset };
  }
  close() {
    this.file.close();
  }
  [Symbol.dispose]() {
    this.close();
  }
};
function readExactly(file, position, length) {
  const bytes = new Uint8Array(length);
  const count = file.readInto(bytes, position);
  if (count < length) throw new SafetensorsFormatError(file.path, "truncated", `ends at byte ${position + count}.`);
  return bytes;
}

// ../../packages/tensor/src/safetensors/checkpoint.ts
var SafetensorsCheckpoint = class _SafetensorsCheckpoint {
  constructor(path2, files, owners) {
    this.path = path2;
    this.files = files;
    this.owners = owners;
  }
  path;
  files;
  owners;
  /**
   * Opens a folder with `model.safetensors` or `model.safetensors.index.json`, or one safetensors file.
   * @throws CheckpointLayoutError, SafetensorsFormatError
   */
  static open(path2) {
    if (!existsSync3(path2)) throw new CheckpointLayoutError(`${path2} does not exist.`, "Name a model folder or a .safetensors file.");
    if (!statSync(path2).isDirectory()) return _SafetensorsCheckpoint.#ofFiles(path2, [path2]);
    const [single, index] = [join2(path2, singleFile), join2(path2, "model.safetensors.index.json")];
    const shards = existsSync3(index) ? readWeightMap(index) : void 0;
    if (shards !== void 0 && (Object.values(shards).includes(singleFile) || !existsSync3(single))) return _SafetensorsCheckpoint.#ofIndex(path2, index, shards);
    if (!existsSync3(single)) {
      throw new CheckpointLayoutError(
        `${path2} holds neither model.safetensors nor model.safetensors.index.json.`,
        "Only safetensors checkpoints are read; convert other formats first."
      );
    }
    return _SafetensorsCheckpoint.#ofFiles(path2, [single]);
  }
  get names() {
    return this.owners.keys();
  }
  /** Bytes of all tensors. */
  get byteLength() {
    let bytes = 0;
    for (const file of this.files) for (const entry of file.tensors.values()) bytes += entry.byteLength;
    return bytes;
  }
  has(name2) {
    return this.owners.has(name2);
  }
  /** @throws MissingTensorError */
  entry(name2) {
    return this.#owner(name2).entry(name2);
  }
  /** See {@link SafetensorsFile.read}. @throws MissingTensorError */
  read(name2, range) {
    return this.#owner(name2).read(name2, range);
  }
  /** See {@link SafetensorsFile.locate}. @throws MissingTensorError */
  locate(name2) {
    return this.#owner(name2).locate(name2);
  }
  close() {
    for (const file of this.files) file.close();
  }
  [Symbol.dispose]() {
    this.close();
  }
  #owner(name2) {
    const file = this.owners.get(name2);
    if (file === void 0) throw new MissingTensorError(name2, this.path);
    return file;
  }
  static #ofIndex(folder, indexPath, weightMap) {
    const shards = [...new Set(Object.values(weightMap))].map((name2) => shardPath(folder, indexPath, name2));
    const checkpoint = _SafetensorsCheckpoint.#ofFiles(folder, shards);
    for (const [tensor, shard] of Object.entries(weightMap)) {
      const owner = checkpoint.owners.get(tensor);
      if (owner === void 0 || basename3(owner.path) !== shard) {
        checkpoint.close();
        throw new CheckpointLayoutError(
          owner === void 0 ? `${indexPath} places "${tensor}" in ${shard}, which does not hold it.` : `${indexPath} places "${tensor}" in ${shard}, but it is in ${basename3(owner.path)}.`
        );
      }
    }
    return checkpoint;
  }
  static #ofFiles(path2, paths) {
    const files = [];
    const owners = /* @__PURE__ */ new Map();
    try {
      for (const filePath of paths) {
        const file = SafetensorsFile.open(filePath);
        files.push(file);
        for (const name2 of file.tensors.keys()) {
          const other = owners.get(name2);
          if (other !== void 0) {
            throw new CheckpointLayoutError(`Tensor "${name2}" is both in ${basename3(other.path)} and in ${basename3(filePath)}.`);
          }
          owners.set(name2, file);
        }
      }
      return new _SafetensorsCheckpoint(path2, files, owners);
    } catch (error) {
      for (const file of files) file.close();
      throw error;
    }
  }
};
var singleFile = "model.safetensors";
var maxIndexBytes = 32 << 20;
function readWeightMap(indexPath) {
  const status = statSync(indexPath);
  if (!status.isFile() || status.size > maxIndexBytes) {
    throw new CheckpointLayoutError(`${indexPath} is not a file of at most ${maxIndexBytes} bytes.`);
  }
  const text = readFileSync(indexPath, "utf8");
  let index;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw new CheckpointLayoutError(`${indexPath} is not JSON: ${error.message}.`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== void 0) throw new CheckpointLayoutError(`${indexPath} places ${JSON.stringify(duplicate)} twice.`);
  const map = index?.weight_map;
  const valid = typeof map === "object" && map !== null && !Array.isArray(map) && Object.values(map).every((name2) => typeof name2 === "string");
  if (!valid) throw new CheckpointLayoutError(`${indexPath} has no weight_map of tensor names to file names.`);
  return map;
}
function shardPath(folder, indexPath, name2) {
  if (name2 !== basename3(name2) || name2 === "" || name2 === "." || name2 === ".." || name2.includes("\\") || name2.includes("\0")) {
    throw new CheckpointLayoutError(`${indexPath} names the shard ${JSON.stringify(name2)}, which is not a plain file name.`);
  }
  const path2 = join2(folder, name2);
  if (!existsSync3(path2)) {
    const link = lstatSync(path2, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (!link) throw new CheckpointLayoutError(`${indexPath} names the shard ${name2}, which is missing.`);
    throw new CheckpointLayoutError(`${indexPath} names the shard ${name2}, a link to ${readlinkSync(path2)}, which is missing.`, "Put the file back where the link leads, or fetch the model again.");
  }
  const real = realpathSync(path2);
  const root = realpathSync(folder);
  const blobs = join2(dirname2(dirname2(root)), "blobs");
  if (!isInside(root, real) && !(existsSync3(blobs) && isInside(realpathSync(blobs), real)) && !isHubBlob(real)) {
    throw new CheckpointLayoutError(
      `${indexPath} names the shard ${name2}, a link to a place outside the checkpoint: ${real}.`,
      "A link may lead to the blobs of a Hugging Face cache; replace any other by a copy of the file, if you trust where it leads."
    );
  }
  return path2;
}
function isHubBlob(path2) {
  const blobs = dirname2(path2);
  return basename3(blobs) === "blobs" && /^models--[^-]/.test(basename3(dirname2(blobs)));
}
function isInside(folder, path2) {
  return path2.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

// ../../packages/tensor/src/weight-formats/quantise/quantise-q4-k.ts
var narrowings = [1, 0.95, 0.9, 0.85];
var scales2 = new Float64Array(8);
var minimums = new Float64Array(8);
var fitted = new Float64Array(2);
function quantiseQ4_K(values, blocks) {
  const halves = halfValues();
  for (let from = 0, at = 0; from < values.length; from += 256, at += 144) {
    for (let group = 0; group < 8; group++) {
      fitGroup(values, from + 32 * group);
      scales2[group] = fitted[0];
      minimums[group] = fitted[1];
    }
    const [scalePattern, minimumPattern] = [toFloat16(largest(scales2) / 63), toFloat16(largest(minimums) / 63)];
    writeHalf(blocks, at, scalePattern);
    writeHalf(blocks, at + 2, minimumPattern);
    const [scale2, minimum] = [halves[scalePattern], halves[minimumPattern]];
    blocks.fill(0, at + 4, at + 144);
    for (let group = 0; group < 8; group++) {
      const [scaleBits, minimumBits] = [sixBits(scales2[group], scale2), sixBits(minimums[group], minimum)];
      writeGroup(blocks, at + 4, group, scaleBits, minimumBits);
      const [groupScale2, groupMinimum2] = [scale2 * scaleBits, minimum * minimumBits];
      const [inverse, shift] = [groupScale2 === 0 ? 0 : 1 / groupScale2, (group & 1) * 4];
      const to = at + 16 + (group >> 1) * 32;
      for (let i = 0; i < 32; i++) {
        blocks[to + i] |= nibble((values[from + 32 * group + i] + groupMinimum2) * inverse) << shift;
      }
    }
  }
}
function fitGroup(values, from) {
  let [low, high] = [0, -Infinity];
  for (let i = from; i < from + 32; i++) {
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  fitted[0] = Math.max(0, high - low) / 15;
  fitted[1] = -low;
  if (fitted[0] === 0) return;
  let least = Infinity;
  const range = high - low;
  for (const narrowing of narrowings) {
    const inverse = 15 / (range * narrowing);
    const start = low + range * (1 - narrowing) / 2;
    let [sum3, squares, products, total] = [0, 0, 0, 0];
    for (let i = from; i < from + 32; i++) {
      const value = values[i];
      const integer = nibble((value - start) * inverse);
      sum3 += integer;
      squares += integer * integer;
      products += integer * value;
      total += value;
    }
    const determinant = 32 * squares - sum3 * sum3;
    if (determinant === 0) continue;
    let scale2 = (32 * products - sum3 * total) / determinant;
    let minimum = (sum3 * products - squares * total) / determinant;
    if (minimum < 0) [scale2, minimum] = [products / squares, 0];
    if (!(scale2 > 0)) continue;
    const error = squaredError(values, from, scale2, minimum);
    if (error < least) [least, fitted[0], fitted[1]] = [error, scale2, minimum];
  }
}
function squaredError(values, from, scale2, minimum) {
  const inverse = 1 / scale2;
  let error = 0;
  for (let i = from; i < from + 32; i++) {
    const value = values[i];
    error += (nibble((value + minimum) * inverse) * scale2 - minimum - value) ** 2;
  }
  return error;
}
function nibble(value) {
  return Math.max(0, Math.min(15, Math.round(value)));
}
function sixBits(value, unit2) {
  return unit2 === 0 ? 0 : Math.max(0, Math.min(63, Math.round(value / unit2)));
}
function largest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
function writeHalf(blocks, at, pattern) {
  blocks[at] = pattern & 255;
  blocks[at + 1] = pattern >> 8;
}
function writeGroup(blocks, at, group, scale2, minimum) {
  if (group < 4) {
    blocks[at + group] |= scale2;
    blocks[at + 4 + group] |= minimum;
    return;
  }
  blocks[at + 4 + group] = scale2 & 15 | (minimum & 15) << 4;
  blocks[at + group - 4] |= scale2 >> 4 << 6;
  blocks[at + group] |= minimum >> 4 << 6;
}

// ../../packages/tensor/src/weight-formats/quantise/quantise-q8-0.ts
function quantiseQ8_0(values, blocks) {
  const halves = halfValues();
  for (let from = 0, at = 0; from < values.length; from += 32, at += 34) {
    let largest2 = 0;
    for (let i = from; i < from + 32; i++) largest2 = Math.max(largest2, Math.abs(values[i]));
    const pattern = toFloat16(largest2 / 127);
    blocks[at] = pattern & 255;
    blocks[at + 1] = pattern >> 8;
    const scale2 = halves[pattern];
    const inverse = scale2 === 0 ? 0 : 1 / scale2;
    for (let i = 0; i < 32; i++) blocks[at + 2 + i] = Math.max(-127, Math.min(127, Math.round(values[from + i] * inverse)));
  }
}

// ../../packages/tensor/src/weight-formats/quantise/index.ts
var weightQuantisers = /* @__PURE__ */ new Map([
  ["Q8_0", quantiseQ8_0],
  ["Q4_K", quantiseQ4_K]
]);

// ../../packages/tensor/src/weight-formats/scaled/byte-values.ts
var fp8Values = Float32Array.from({ length: 256 }, (_, pattern) => {
  const [sign, exponent2, mantissa] = [pattern & 128 ? -1 : 1, pattern >> 3 & 15, pattern & 7];
  if (exponent2 === 15 && mantissa === 7) return NaN;
  return sign * (exponent2 === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent2 - 10));
});
var int8Values = Float32Array.from({ length: 256 }, (_, pattern) => pattern < 128 ? pattern : pattern - 256);
function dequantizeBytes(bytes, numbers, scales3, grid, values) {
  const { rows: rows2, columns, blockRows, blockColumns } = grid;
  const scalesOfRow = Math.ceil(columns / blockColumns);
  for (let row = 0, at = 0; row < rows2; row++) {
    let scaleAt = Math.floor(row / blockRows) * scalesOfRow;
    for (let column = 0; column < columns; column += blockColumns) {
      const scale2 = scales3[scaleAt++];
      for (const end = at + Math.min(blockColumns, columns - column); at < end; at++) values[at] = numbers[bytes[at]] * scale2;
    }
  }
}

// ../../packages/tensor/src/weight-formats/scaled/packed-4.ts
function dequantizeGroups({ rows: rows2, columns, groups, integers, zeros, scales: scales3, groupOf }, values) {
  for (let row = 0, at = 0; row < rows2; row++) {
    const groupsAt = row * groups;
    for (let column = 0; column < columns; column++, at++) {
      const group = groupsAt + groupOf[column];
      values[at] = (integers[at] - zeros[group]) * scales3[group];
    }
  }
}
function unpackAlongRows(words2) {
  const integers = new Uint8Array(words2.length * 8);
  for (let word = 0, at = 0; word < words2.length; word++) {
    for (let shift = 0; shift < 32; shift += 4) integers[at++] = words2[word] >>> shift & 15;
  }
  return integers;
}
function unpackAlongColumns(words2, outputs) {
  const integers = new Uint8Array(words2.length * 8);
  const inputs2 = integers.length / outputs;
  for (let word = 0; word < words2.length; word++) {
    const [input, output] = [Math.floor(word / outputs) * 8, word % outputs];
    for (let i = 0; i < 8; i++) integers[output * inputs2 + input + i] = words2[word] >>> 4 * i & 15;
  }
  return integers;
}
function transposed(matrix, rows2, columns) {
  const result = matrix.slice();
  for (let row = 0, at = 0; row < rows2; row++) for (let column = 0; column < columns; column++) result[column * rows2 + row] = matrix[at++];
  return result;
}
var awqColumns = [0, 2, 4, 6, 1, 3, 5, 7];
function awqOrdered(integers) {
  const ordered = new Uint8Array(integers.length);
  for (let at = 0; at < integers.length; at += 8) for (let i = 0; i < 8; i++) ordered[at + awqColumns[i]] = integers[at + i];
  return ordered;
}

// ../../packages/addon/src/call-arguments.ts
var dtypeCodes = { f32: 0, bf16: 1, f16: 2, i32: 3, u8: 4 };
function dtypeCode(dtype2) {
  return dtypeCodes[dtype2];
}
var CallArguments = class {
  #values = [];
  number(...values) {
    for (const value of values) this.#values.push(value);
    return this;
  }
  flag(value) {
    return this.number(value ? 1 : 0);
  }
  /** A tensor as a matrix: its rows, everything else flattened into columns. */
  tensor(tensor) {
    return this.number(
      bufferOf(tensor),
      tensor.offset,
      tensor.numRows,
      tensor.rowLength,
      tensor.rowStride,
      dtypeCodes[tensor.dtype]
    );
  }
  /** A tensor of rank 1 as one row. */
  vector(tensor) {
    const { offset, numElements, dtype: dtype2 } = tensor;
    return this.number(bufferOf(tensor), offset, 1, numElements, numElements, dtypeCodes[dtype2]);
  }
  /** A tensor that may be missing. */
  optional(tensor) {
    return tensor === void 0 ? this.missing() : this.tensor(tensor);
  }
  missing() {
    return this.number(0, 0, 0, 0, 0, 0);
  }
  weight(weight) {
    weight.assertAlive();
    const { storage, outFeatures, inFeatures, dtype: dtype2 } = weight;
    const bytes = storage.byteLength;
    return this.number(storage.handle, 0, 1, bytes, bytes, dtypeCodes.u8).number(
      outFeatures,
      inFeatures,
      dtypeCodes[dtype2]
    );
  }
  /** All experts of a weight: their buffer as bytes, their number, and the shape of each. */
  experts(weight) {
    weight.assertAlive();
    const { storage, numExperts, outFeatures, inFeatures, dtype: dtype2 } = weight;
    const bytes = storage.byteLength;
    return this.number(storage.handle, 0, 1, bytes, bytes, dtypeCodes.u8, numExperts, outFeatures, inFeatures, dtypeCodes[dtype2]);
  }
  /** One expert of a weight, as {@link weight} packs a matrix. */
  expert(weight, expert) {
    weight.assertAlive();
    const { storage, numExperts, outFeatures, inFeatures, dtype: dtype2 } = weight;
    const bytes = storage.byteLength / numExperts;
    return this.number(storage.handle, expert * bytes, 1, bytes, bytes, dtypeCodes.u8, outFeatures, inFeatures, dtypeCodes[dtype2]);
  }
  groups({ offsets, rows: rows2, slots }) {
    return this.vector(offsets).vector(rows2).tensor(slots);
  }
  activation(activation) {
    return this.number(activations.indexOf(activation));
  }
  /** The number of a gate function, and the settings of the clamped one. */
  gate(activation) {
    if (typeof activation === "string") return this.activation(activation).number(0, 0);
    return this.number(activations.length, activation.alpha, activation.limit);
  }
  optionalTensor(tensor) {
    return tensor === void 0 ? this.missing() : this.tensor(tensor);
  }
  store({ firstSlot, numSlots: numSlots2, sinkTokens, ringTokens }) {
    return this.number(firstSlot, numSlots2, sinkTokens, ringTokens);
  }
  /** Where a cache's slots lie: its page table, if it has one, and the tokens of a page. */
  pages(pages) {
    return pages === void 0 ? this.missing().number(0) : this.tensor(pages.entries).number(pages.pageTokens);
  }
  pack() {
    return Float64Array.from(this.#values);
  }
};
function bufferOf(tensor) {
  tensor.assertAlive();
  if (typeof tensor.storage.handle !== "number") {
    throw new ShapeError(`A tensor of backend "${tensor.backend.name}" was given to a native kernel.`);
  }
  return tensor.storage.handle;
}

// ../../packages/addon/src/guard-addon.ts
function guardAddon(addon, translate) {
  const guarded = {};
  for (const name2 of memberNames(addon)) {
    const member = addon[name2];
    guarded[name2] = typeof member === "function" ? guardFunction(addon, name2, member, translate) : member;
  }
  return guarded;
}
function guardFunction(addon, name2, member, translate) {
  return (...values) => {
    try {
      const result = member.apply(addon, values);
      if (!(result instanceof Promise)) return result;
      return result.catch((error) => {
        throw translate(name2, error);
      });
    } catch (error) {
      throw translate(name2, error);
    }
  };
}
function memberNames(addon) {
  const names2 = /* @__PURE__ */ new Set();
  for (let object = addon; object !== null && object !== Object.prototype; object = Object.getPrototypeOf(object)) {
    for (const name2 of Object.getOwnPropertyNames(object)) names2.add(name2);
  }
  names2.delete("constructor");
  return names2;
}
function deviceFailure(backendName2, operation, error, outOfMemory) {
  if (ElasticAttentionError.isInstance(error)) return error;
  const { code, requestedBytes, sticky } = error ?? {};
  if (code === "OUT_OF_MEMORY") return outOfMemory(requestedBytes ?? 0);
  const problem = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
  if (error instanceof RangeError || error instanceof TypeError) return new ShapeError(`${operation}: ${problem}.`);
  return new DeviceError(backendName2, operation, problem, { cause: error, ...sticky === void 0 ? {} : { sticky } });
}
function guardCall(backendName2, operation, call) {
  try {
    return call();
  } catch (error) {
    throw deviceFailure(backendName2, operation, error, (bytes) => new OutOfMemoryError(backendName2, bytes, 0, void 0));
  }
}

// ../../packages/addon/src/loading/addon-file.ts
import { existsSync as existsSync4 } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

// ../../packages/addon/src/loading/platform.ts
var publishedPlatforms = {
  cpu: ["linux-x64-gnu", "linux-arm64-gnu", "linux-x64-musl", "linux-arm64-musl", "darwin-arm64", "darwin-x64", "win32-x64"],
  cuda: ["linux-x64-gnu"]
};
var known;
function platformName() {
  known ??= [process.platform, process.arch, ...process.platform === "linux" ? [usesGlibc() ? "gnu" : "musl"] : []].join("-");
  return known;
}
function usesGlibc() {
  const report = process.report;
  report.excludeNetwork = true;
  const { header } = report.getReport();
  return header.glibcVersionRuntime !== void 0;
}

// ../../packages/addon/src/loading/addon-file.ts
function findAddonFile({ name: name2, from, build }) {
  const variable = `ELASTIC_ATTENTION_${name2.toUpperCase()}_ADDON`;
  const named2 = process.env[variable];
  if (named2) return { path: named2, build: `${variable} names this file; without it the installed one is used, or in a clone: ${build}` };
  const file = `elastic_attention_${name2}.node`;
  const built = fileURLToPath(new URL(`../build/Release/${file}`, from));
  if (existsSync4(built) || existsSync4(fileURLToPath(new URL("../CMakeLists.txt", from)))) return { path: built, build };
  const platformPackage = `@elastic-attention/${name2}-${platformName()}`;
  try {
    return { path: createRequire(from).resolve(`${platformPackage}/${file}`), build: `install it again: npm install ${platformPackage}` };
  } catch {
    return { path: void 0, build: missingPackage(name2, platformPackage) };
  }
}
function missingPackage(name2, platformPackage) {
  const published = publishedPlatforms[name2];
  if (published.includes(platformName())) {
    return `the package ${platformPackage} is not installed; \`npm install ${platformPackage}\` brings it (installs with --omit=optional leave it out)`;
  }
  return `no binary is published for ${platformName()}, only for ${published.join(", ")}; build it in a clone of the repository, or use the reference backend`;
}

// ../../packages/addon/src/loading/load-addon.ts
import { statSync as statSync2 } from "node:fs";
import { createRequire as createRequire2 } from "node:module";
import { resolve } from "node:path";

// ../../packages/addon/src/loading/probe-addon.ts
import { spawnSync } from "node:child_process";

// ../../packages/addon/src/loading/probe-memory.ts
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync as readFileSync2, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname as dirname3, join as join3 } from "node:path";
function probePassed(path2, state) {
  try {
    return readFileSync2(recordOf(path2), "utf8") === passed(state);
  } catch {
    return false;
  }
}
function rememberProbe(path2, state) {
  try {
    const record = recordOf(path2);
    mkdirSync(dirname3(record), { recursive: true });
    writeFileSync(record, passed(state));
  } catch {
  }
}
function passed(state) {
  return `${process.version} ${process.arch} ${state}`;
}
function recordOf(path2) {
  const folder = process.env["XDG_CACHE_HOME"] || join3(homedir(), ".cache");
  return join3(folder, "elastic-attention", "addons", createHash("sha256").update(path2).digest("hex").slice(0, 32));
}

// ../../packages/addon/src/loading/probe-addon.ts
var timeoutMilliseconds = 6e4;
var program = `
  let problem;
  try {
    process.dlopen({ exports: {} }, process.argv[1]);
  } catch (error) {
    problem = String(error && error.message || error);
  }
  require("node:fs").writeSync(3, JSON.stringify({ problem }));
`;
function probeAddon(path2, state) {
  if (probePassed(path2, state)) return void 0;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { status, signal, error, stderr, output } = spawnSync(process.execPath, ["-e", program, path2], {
    env: { ...env, ELECTRON_RUN_AS_NODE: "1" },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    timeout: timeoutMilliseconds,
    killSignal: "SIGKILL",
    encoding: "utf8"
  });
  if (error !== void 0) {
    return error.code === "ETIMEDOUT" ? `loading it takes longer than ${timeoutMilliseconds / 1e3} s` : void 0;
  }
  const report = output[3] ?? "";
  const { problem } = report === "" ? { problem: "" } : JSON.parse(report);
  if (problem !== void 0 && problem !== "") return problem;
  if (signal !== null || status !== 0 || report === "") {
    const end = signal ?? `exit code ${status}`;
    const words2 = stderr.trim().split("\n").at(-1) || "it is damaged, or built for another version of Node";
    return `it ends the process that loads it (${end}): ${words2}`;
  }
  rememberProbe(path2, state);
  return void 0;
}

// ../../packages/addon/src/loading/load-addon.ts
var known2 = /* @__PURE__ */ new Map();
function loadAddon(source) {
  if (source.path === void 0) return { problem: `its addon is not installed: ${source.build}` };
  const path2 = resolve(source.path);
  const file = statSync2(path2, { throwIfNoEntry: false });
  if (file === void 0) return { problem: `its addon is not built (${path2} is missing): ${source.build}` };
  const state = `${path2} ${file.size} ${file.mtimeMs}`;
  const loaded = known2.get(state) ?? load(path2, state);
  known2.set(state, loaded);
  const { addon, problem } = loaded;
  if (addon === void 0) return { problem: `its addon does not load (${path2}): ${problem}; ${source.build}` };
  const missing = source.exports.filter((name2) => typeof addon[name2] !== "function");
  if (missing.length === 0) return { addon };
  const names2 = missing.slice(0, 3).join(", ") + (missing.length > 3 ? ` and ${missing.length - 3} more` : "");
  return { problem: `its addon (${path2}) is of another version: it has no ${names2}; ${source.build}` };
}
function load(path2, state) {
  const problem = probeAddon(path2, state);
  if (problem !== void 0) return { problem };
  try {
    return { addon: createRequire2(import.meta.url)(path2) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

// ../../packages/addon/src/native-addon.ts
var requiredExports = [
  "allocate",
  "release",
  "write",
  "read",
  "packedWeightBytes",
  "packLinear",
  "linear",
  "rmsNorm",
  "headNorm",
  "rotary",
  "layerNorm",
  "gatedActivation",
  "activate",
  "embedding",
  "add",
  "scale",
  "cast",
  "copySpans",
  "cacheAppend",
  "hybridAttention",
  "xattentionEstimate",
  "routerLogits",
  "routeExperts",
  "groupByExpert",
  "dispatchRows",
  "combineRows",
  "expertLinear",
  "rotaryTables",
  "fillNormal",
  "countVisitedBlocks",
  "firstNotFinite"
];

// ../../packages/addon/src/native-backend.ts
import { setImmediate, setTimeout } from "node:timers/promises";

// ../../packages/attention/src/modes/full.ts
var fullMode = { kind: "full" };
var fullModeDefinition = {
  kind: "full",
  label: "FA",
  validate: () => {
  },
  pattern: () => ({ type: "full" }),
  decodePattern: () => ({ type: "full" }),
  retention: () => ({ type: "all" }),
  atSizes: () => fullMode
};

// ../../packages/attention/src/modes/mode-registry.ts
var definitions = /* @__PURE__ */ new Map();
function registerAttentionMode(definition) {
  definitions.set(definition.kind, definition);
}
function attentionModeDefinition(mode2) {
  const definition = definitions.get(mode2.kind);
  if (definition === void 0) {
    throw new InvalidModeError(
      `Unknown attention mode "${mode2.kind}"; known: ${[...definitions.keys()].join(", ")}.`,
      "Register it with registerAttentionMode() before the plan is used."
    );
  }
  return definition;
}
function registeredAttentionModes() {
  return [...definitions.keys()];
}
function namedAttentionModes(sizes) {
  return [...definitions.values()].flatMap((definition) => {
    const mode2 = definition.atSizes?.(sizes);
    return mode2 === void 0 ? [] : [{ kind: mode2.kind, label: definition.label, mode: mode2 }];
  });
}

// ../../packages/attention/src/modes/positive-integer.ts
function requirePositiveInteger(mode2, setting, value) {
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new InvalidModeError(`${mode2}: ${setting} must be a whole number above 0, found ${String(value)}.`);
  }
}

// ../../packages/attention/src/modes/sliding.ts
var ringBlock = 128;
var slidingModeDefinition = {
  kind: "sliding",
  label: "SWA",
  validate: ({ windowTokens }) => requirePositiveInteger("sliding", "windowTokens", windowTokens),
  pattern: ({ windowTokens }) => ({ type: "sliding", windowTokens }),
  decodePattern: ({ windowTokens }) => ({ type: "sliding", windowTokens }),
  retention: ({ windowTokens }) => ({
    type: "sink-ring",
    sinkTokens: 0,
    ringTokens: Math.ceil(windowTokens / ringBlock) * ringBlock
  })
};

// ../../packages/attention/src/modes/streaming.ts
var streamingModeDefinition = {
  kind: "streaming",
  label: "SSA",
  validate(mode2) {
    for (const setting of ["sinkTokens", "localTokens", "blockSize"]) {
      requirePositiveInteger("streaming", setting, mode2[setting]);
    }
  },
  pattern: ({ sinkTokens, localTokens, blockSize: blockSize2 }) => ({
    type: "streaming",
    sinkBlocks: Math.ceil(sinkTokens / blockSize2),
    localBlocks: Math.ceil(localTokens / blockSize2),
    blockSize: blockSize2
  }),
  decodePattern: (mode2) => streamingModeDefinition.pattern(mode2),
  retention: ({ sinkTokens, localTokens, blockSize: blockSize2 }) => ({
    type: "sink-ring",
    sinkTokens: Math.ceil(sinkTokens / blockSize2) * blockSize2,
    ringTokens: Math.ceil(localTokens / blockSize2) * blockSize2
  }),
  atSizes: ({ sinkTokens, localTokens, blockSize: blockSize2 }) => ({ kind: "streaming", sinkTokens, localTokens, blockSize: blockSize2 })
};

// ../../packages/attention/src/cache/head-slots.ts
function rowOf({ pages }, store, position, length) {
  const slot = slotOf(store, position, length);
  if (pages === void 0) return slot;
  return pages.host[Math.floor(slot / pages.pageTokens)] * pages.pageTokens + slot % pages.pageTokens;
}
function slotOf(store, position, length) {
  if (store.type === "all" || position < store.sinkTokens) return store.firstSlot + position;
  if (position < length - store.ringTokens) {
    throw new ShapeError(
      `Position ${position} of ${length} is no longer in a ring of ${store.ringTokens} tokens.`,
      'Use the pattern that the head was routed to at prefill, or decode: "full".'
    );
  }
  return store.firstSlot + store.sinkTokens + position % store.ringTokens;
}
function slotSpans(store, start, end) {
  if (start >= end) return [];
  if (store.type === "all") return [{ position: start, slot: store.firstSlot + start, count: end - start }];
  const spans = [];
  let position = start;
  while (position < end) {
    const inSink = position < store.sinkTokens;
    const offset = inSink ? position : position % store.ringTokens;
    const room = inSink ? store.sinkTokens - position : store.ringTokens - offset;
    const count = Math.min(room, end - position);
    spans.push({ position, slot: store.firstSlot + (inSink ? 0 : store.sinkTokens) + offset, count });
    position += count;
  }
  return spans;
}
function retainedRanges(store, length) {
  if (store.type === "all" || length <= store.sinkTokens + store.ringTokens) return [[0, length]];
  return [
    [0, store.sinkTokens],
    [length - store.ringTokens, length]
  ];
}

// ../../packages/attention/src/operations/attention-scores.ts
function expectAttentionScores(operation, { scale: scale2, softCap: softCap2, sinkLogits }, numQueryHeads) {
  if (!Number.isFinite(scale2)) throw new ShapeError(`${operation}: scale must be a number, found ${scale2}.`);
  if (softCap2 !== void 0 && !(softCap2 > 0 && Number.isFinite(softCap2))) {
    throw new ShapeError(`${operation}: softCap must be a positive number, found ${softCap2}.`, "Leave it out for no cap.");
  }
  if (sinkLogits === void 0) return;
  expectShape(operation, "sinkLogits", sinkLogits, [numQueryHeads]);
  if (sinkLogits.dtype !== "f32") throw new ShapeError(`${operation}: sinkLogits are f32, found ${sinkLogits.dtype}.`);
}
function attentionScoresOf({ scale: scale2, softCap: softCap2, sinkLogits }) {
  return { scale: scale2, softCap: softCap2, sinkLogits };
}
function cappedScore(score, softCap2) {
  return softCap2 === void 0 ? score : softCap2 * Math.tanh(score / softCap2);
}

// ../../packages/attention/src/patterns/block-mask.ts
function createBlockMask(visited, blockSize2, numQueryHeads) {
  const queryBlocks = visited.shape[0] / numQueryHeads;
  if (visited.dtype !== "u8" || visited.shape.length !== 2 || !Number.isInteger(queryBlocks)) {
    throw new ShapeError("A block mask is u8 [numQueryHeads * queryBlocks, keyBlocks].");
  }
  return {
    blockSize: blockSize2,
    numQueryHeads,
    queryBlocks,
    keyBlocks: visited.shape[1],
    visited,
    [Symbol.dispose]: () => visited.dispose()
  };
}
function blockMaskFromHost(backend2, bytes, layout) {
  const rows2 = bytes.length / layout.keyBlocks;
  return createBlockMask(backend2.upload(bytes, [rows2, layout.keyBlocks], "u8"), layout.blockSize, layout.numQueryHeads);
}

// ../../packages/attention/src/operations/reference-xattention-estimate.ts
function referenceXAttentionEstimate(call, backend2) {
  const { query, cache, keyValueHeads, mode: mode2, scale: scale2 = cache.headDim ** -0.5, softCap: softCap2, roundToBFloat16 = false } = call;
  const [tokens, numQueryHeads, headDim] = [query.shape[0], query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape("xattentionEstimate", "query", query, [tokens, numQueryHeads, cache.headDim]);
  expectAttentionScores("xattentionEstimate", { scale: scale2, softCap: softCap2 }, numQueryHeads);
  if (tokens !== cache.length) throw new ShapeError("xattentionEstimate: it needs the queries of every key.");
  const blocks = Math.ceil(tokens / mode2.blockSize);
  const bytes = new Uint8Array(numQueryHeads * blocks * blocks);
  const group = numQueryHeads / cache.numKeyValueHeads;
  const round2 = roundToBFloat16 ? (value) => fromBFloat16(toBFloat16(value)) : Math.fround;
  const [q, k] = [readFloats(query), readFloats(cache.keys)];
  for (const keyValueHead of keyValueHeads) {
    const store = cache.heads[keyValueHead];
    if (store.type !== "all") throw new ShapeError("xattentionEstimate: the head has already dropped keys.");
    const keys2 = newFloats(query, tokens * headDim);
    for (let token = 0; token < tokens; token++) {
      const row = rowOf(cache, store, token, tokens);
      keys2.set(k.subarray(row * headDim, (row + 1) * headDim), token * headDim);
    }
    for (let head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
      const queries2 = { values: q, first: head * headDim, stride: numQueryHeads * headDim };
      const mass = blockMass(queries2, keys2, tokens, headDim, mode2, (dot) => cappedScore(round2(dot) * scale2 / mode2.stride, softCap2), round2);
      const rows2 = bytes.subarray(head * blocks * blocks, (head + 1) * blocks * blocks);
      for (let row = 0; row < blocks; row++) {
        selectBlocks(mass.subarray(row * blocks, (row + 1) * blocks), row, mode2.threshold, rows2.subarray(row * blocks));
      }
    }
  }
  return blockMaskFromHost(backend2, bytes, { blockSize: mode2.blockSize, numQueryHeads, keyBlocks: blocks });
}
function blockMass(queries2, keys2, tokens, headDim, { stride, blockSize: blockSize2 }, scoreOf, round2) {
  const groups = Math.ceil(tokens / stride);
  const groupsPerBlock = blockSize2 / stride;
  const blocks = Math.ceil(tokens / blockSize2);
  const mass = new Float64Array(blocks * blocks);
  const scores = new Float64Array(groups);
  for (let a = 0; a < groups; a++) {
    let maximum = -Infinity;
    for (let b = 0; b <= a; b++) {
      let dot = 0;
      for (let m = 0; m < stride; m++) {
        const [queryToken, keyToken] = [a * stride + (stride - 1 - m), b * stride + m];
        if (queryToken >= tokens || keyToken >= tokens) continue;
        const at = queries2.first + queryToken * queries2.stride;
        for (let i = 0; i < headDim; i++) dot += queries2.values[at + i] * keys2[keyToken * headDim + i];
      }
      scores[b] = scoreOf(dot);
      maximum = Math.max(maximum, scores[b]);
    }
    let sum3 = 0;
    for (let b = 0; b <= a; b++) sum3 += scores[b] = Math.exp(scores[b] - maximum);
    const row = Math.floor(a / groupsPerBlock) * blocks;
    for (let b = 0; b <= a; b++) mass[row + Math.floor(b / groupsPerBlock)] += scores[b] / sum3;
  }
  return mass.map(round2);
}
function selectBlocks(mass, row, threshold, chosen) {
  let total = 0;
  for (let block = 0; block <= row; block++) total += mass[block];
  const required = total * threshold;
  let late = 0;
  let taken = mass[row];
  const others = Array.from({ length: row }, (_, index) => index);
  others.sort((a, b) => mass[b] - mass[a] || a - b);
  for (const block of others) {
    if (!(late < required)) break;
    chosen[block] = 1;
    late = taken;
    taken += mass[block];
  }
  chosen[0] = chosen[row] = 1;
}

// ../../packages/attention/src/operations/xattention-estimate.ts
var xattentionEstimate = defineOperation(
  "xattentionEstimate",
  referenceXAttentionEstimate
);

// ../../packages/attention/src/modes/xattention.ts
var xattentionModeDefinition = {
  kind: "xattention",
  label: "XA",
  validate({ stride, threshold, blockSize: blockSize2 }) {
    requirePositiveInteger("xattention", "stride", stride);
    requirePositiveInteger("xattention", "blockSize", blockSize2);
    if (blockSize2 % stride !== 0) {
      throw new InvalidModeError(`xattention: stride ${stride} must divide blockSize ${blockSize2}.`);
    }
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new InvalidModeError(`xattention: threshold must be between 0 and 1, found ${threshold}.`);
    }
  },
  pattern: ({ blockSize: blockSize2 }) => ({ type: "selected", blockSize: blockSize2 }),
  decodePattern: () => ({ type: "full" }),
  retention: () => ({ type: "all" }),
  atSizes: ({ stride, threshold, blockSize: blockSize2 }) => ({ kind: "xattention", stride, threshold, blockSize: blockSize2 }),
  select: ({ query, cache, keyValueHeads, mode: mode2, scale: scale2, softCap: softCap2 }) => query.backend.kernels.run(xattentionEstimate, { query, cache, keyValueHeads, mode: mode2, scale: scale2, softCap: softCap2 })
};

// ../../packages/attention/src/cache/shared-ranges.ts
function sharedRanges(from, to, length) {
  const sink = Math.min(...[from, to].map((store) => store.type === "all" ? length : store.sinkTokens), length);
  const recent = Math.max(sink, ...[from, to].map((store) => store.type === "all" ? 0 : length - store.ringTokens));
  return [
    [0, sink],
    [recent, length]
  ];
}

// ../../packages/attention/src/cache/pages/paged-head.ts
function pageLayout(retention, pageTokens, extraTokens) {
  if (retention.type === "all") return { type: "all", sinkPages: 0, ringPages: 0 };
  const pages = (tokens) => Math.ceil(tokens / pageTokens);
  const ring = pages(retention.ringTokens);
  const rings = Math.ceil((ring * pageTokens + extraTokens) / (ring * pageTokens));
  return { type: "sink-ring", sinkPages: pages(retention.sinkTokens), ringPages: ring * rings };
}
function pagesOf({ type, sinkPages, ringPages }, tokens, pageTokens) {
  const all = Math.ceil(tokens / pageTokens);
  return type === "all" ? all : Math.min(all, sinkPages + ringPages);
}
function placeOf({ type, sinkPages, ringPages }, positionPage) {
  return type === "all" || positionPage < sinkPages ? positionPage : sinkPages + positionPage % ringPages;
}
function sameLayout(a, b) {
  return a.type === b.type && a.sinkPages === b.sinkPages && a.ringPages === b.ringPages;
}
function pagedStore({ type, sinkPages, ringPages }, places, firstEntry, pageTokens) {
  return {
    type,
    firstSlot: firstEntry * pageTokens,
    numSlots: (type === "all" ? places : sinkPages + ringPages) * pageTokens,
    sinkTokens: sinkPages * pageTokens,
    ringTokens: ringPages * pageTokens
  };
}
function movePages(pages, from, to, length, pageTokens) {
  const [source, target] = [from, to].map((layout) => pagedStore(layout, Math.ceil(length / pageTokens), 0, pageTokens));
  const result = [];
  const copies = [];
  const kept = /* @__PURE__ */ new Set();
  let fresh = 0;
  const ranges = sharedRanges(source, target, length).filter(([start, end]) => start < end);
  for (let page = Math.ceil(length / pageTokens) - 1; page >= 0; page--) {
    for (const [start, end] of ranges) {
      const first = Math.max(start, page * pageTokens);
      const last = Math.min(end, (page + 1) * pageTokens);
      if (first >= last) continue;
      const old = pages[placeOf(from, page)];
      const place = placeOf(to, page);
      const there = result[place];
      if (there === void 0 && !kept.has(old)) {
        kept.add(old);
        result[place] = old;
      } else if (there !== old) {
        const destination = there ?? (result[place] = -1 - fresh++);
        copies.push({ from: old, to: destination, firstRow: first % pageTokens, rows: last - first });
      }
    }
  }
  const freed = pages.filter((page) => page !== void 0 && !kept.has(page));
  return { pages: Array.from({ length: result.length }, (_, place) => result[place]), fresh, freed, copies };
}

// ../../packages/attention/src/cache/pages/head-snapshot.ts
var noPage = -1;
function headSnapshot(pool, layout, pages) {
  const held = Int32Array.from(pages, (page) => page ?? noPage);
  pool.sharePages(pagesOfSnapshot({ layout, pages: held }));
  return { layout, pages: held };
}
function pagesOfSnapshot({ pages }) {
  return pages.filter((page) => page !== noPage);
}
function headAt(head, layout, length, pageTokens) {
  const end = length / pageTokens;
  const pages = [];
  const firstRecent = layout.type === "all" ? 0 : Math.max(layout.sinkPages, end - layout.ringPages);
  for (let page = 0; page < end; page++) {
    if (page >= layout.sinkPages && page < firstRecent) continue;
    const held = isHeld(head, page, pageTokens) ? head.pages[placeOf(head.layout, page)] : void 0;
    if (held === void 0) return void 0;
    pages[placeOf(layout, page)] = held;
  }
  return { layout, pages: Array.from({ length: pages.length }, (_, place) => pages[place]) };
}
function isHeld({ layout, length }, page, pageTokens) {
  if (layout.type === "all" || page < layout.sinkPages) return true;
  return page * pageTokens >= length - layout.ringPages * pageTokens;
}
function rowsBeforeWrite(layout, place, length, pageTokens) {
  const last = Math.floor(length / pageTokens);
  const isLast = placeOf(layout, last) === place;
  if (!isLast) return pageTokens;
  const before = last - layout.ringPages;
  const hasBefore = layout.type === "sink-ring" && last >= layout.sinkPages && before >= layout.sinkPages;
  return hasBefore ? pageTokens : length % pageTokens;
}

// ../../packages/attention/src/cache/cache-snapshot.ts
var CacheSnapshot = class {
  /** Owns the pages from now on. */
  constructor(pool, length, layers) {
    this.pool = pool;
    this.length = length;
    this.layers = layers;
  }
  pool;
  length;
  layers;
  #disposed = false;
  /** Whether every head holds every token: then a sequence can go on from any shorter length too. */
  get isWhole() {
    return this.layers.every(({ heads }) => heads.every(({ layout }) => layout.type === "all"));
  }
  /** Its pages, those of all layers and heads. */
  *pages() {
    for (const { heads } of this.layers) for (const head of heads) yield pagesOfSnapshot(head);
  }
  /** Bytes of its pages, shared ones among them. */
  get byteLength() {
    let count = 0;
    for (const pages of this.pages()) count += pages.length;
    return count * this.pool.pageBytes;
  }
  [Symbol.dispose]() {
    if (this.#disposed) return;
    this.#disposed = true;
    freeSnapshots(this.pool, this.layers.map(({ heads }) => heads));
  }
};
function freeSnapshots(pool, layers) {
  const pages = [];
  for (const heads of layers) for (const head of heads) for (const page of pagesOfSnapshot(head)) pages.push(page);
  pool.freePages(pages);
}

// ../../packages/attention/src/cache/head-stores.ts
function headStores(retentions, capacity, extraTokens) {
  let firstSlot = 0;
  return retentions.map((retention) => {
    const store = headStore(retention, capacity, extraTokens, firstSlot);
    firstSlot += store.numSlots;
    return store;
  });
}
function headStore(retention, capacity, extraTokens, firstSlot) {
  if (retention.type === "sink-ring") {
    const { sinkTokens } = retention;
    const ringTokens = retention.ringTokens * Math.ceil((retention.ringTokens + extraTokens) / retention.ringTokens);
    return { type: "sink-ring", firstSlot, numSlots: sinkTokens + ringTokens, sinkTokens, ringTokens };
  }
  return { type: "all", firstSlot, numSlots: capacity, sinkTokens: 0, ringTokens: 0 };
}
function worthwhileRetention(retention, capacity, extraTokens) {
  return headStore(retention, capacity, extraTokens, 0).numSlots < capacity ? retention : { type: "all" };
}
function numSlots(heads) {
  return heads.reduce((sum3, store) => sum3 + store.numSlots, 0);
}
function predictSlots(retentions, tokens, reserveTokens, pageTokens) {
  const room = tokens + reserveTokens;
  if (pageTokens === void 0) return numSlots(headStores(retentions.map((each) => worthwhileRetention(each, room, 0)), room, 0));
  const pages = retentions.map((retention) => pagesOf(pageLayout(retention, pageTokens, 0), room, pageTokens));
  return pages.reduce((sum3, count) => sum3 + count, 0) * pageTokens;
}

// ../../packages/attention/src/cache/held-rows.ts
var spansAtOnce = 4096;
function heldRanges(layer) {
  return layer.heads.map((store) => retainedRanges(store, layer.length).filter(([start, end]) => start < end));
}
function copyHeldRows(layer, head, source, target, firstRow = 0) {
  const store = layer.heads[head];
  const spans = [];
  let row = firstRow;
  for (const [start, end] of retainedRanges(store, layer.length)) {
    for (let position = start; position < end; ) {
      const count = Math.min(end - position, rowsFrom(layer, store, position));
      spans.push(rowOf(layer, store, position, layer.length), row, count);
      row += count;
      position += count;
    }
  }
  for (let at = 0; at < spans.length; at += 3 * spansAtOnce) {
    source.backend.kernels.run(copySpans, { source, destination: target, spans: Int32Array.from(spans.slice(at, at + 3 * spansAtOnce)) });
  }
}
function rowsFrom({ pages, length }, { type, sinkTokens, ringTokens }, position) {
  if (pages !== void 0) return pages.pageTokens - position % pages.pageTokens;
  if (type === "all") return length - position;
  return position < sinkTokens ? sinkTokens - position : ringTokens - position % ringTokens;
}

// ../../packages/attention/src/cache/key-value-bytes.ts
function fullKeyValueBytes({ numLayers, ...shape }, tokens) {
  return numLayers * shape.numKeyValueHeads * tokens * slotBytes(shape);
}
function slotBytes({ headDim, dtype: dtype2 }) {
  return 2 * headDim * dtypeByteSize(dtype2);
}

// ../../packages/attention/src/cache/pages/free-pages.ts
var FreePages = class {
  #pages = new Int32Array(0);
  #length = 0;
  get length() {
    return this.#length;
  }
  /** Pages `first` to `end` are new; they are taken after those that are free already, low ones first. */
  addBelow(first, end) {
    const larger = new Int32Array(end);
    const added = end - first;
    for (let index = 0; index < added; index++) larger[index] = end - 1 - index;
    larger.set(this.#pages.subarray(0, this.#length), added);
    this.#pages = larger;
    this.#length += added;
  }
  /** The last `count` pages. */
  take(count) {
    this.#length -= count;
    return this.#pages.slice(this.#length, this.#length + count);
  }
  give(pages) {
    this.#pages.set(pages, this.#length);
    this.#length += pages.length;
  }
  clear() {
    this.#pages = new Int32Array(0);
    this.#length = 0;
  }
};

// ../../packages/attention/src/cache/pages/page-references.ts
var PageReferences = class {
  #counts = new Uint32Array(0);
  /** Pages that nobody owned have one owner now. */
  begin(pages) {
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i];
      if (page >= this.#counts.length) this.#grow(page + 1);
      this.#counts[page] = 1;
    }
  }
  /** One owner more for each page. */
  add(pages) {
    for (let i = 0; i < pages.length; i++) this.#counts[pages[i]] += 1;
  }
  /** One owner less for each page. @returns those that nobody owns any more */
  remove(pages) {
    const free = [];
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i];
      if (--this.#counts[page] === 0) free.push(page);
    }
    return free;
  }
  count(page) {
    return this.#counts[page] ?? 0;
  }
  #grow(pages) {
    const larger = new Uint32Array(Math.max(1024, 2 ** Math.ceil(Math.log2(pages))));
    larger.set(this.#counts);
    this.#counts = larger;
  }
};

// ../../packages/attention/src/cache/pages/page-spans.ts
var PageSpans = class {
  #entries = new Int32Array(0);
  #end = 0;
  #taken = 0;
  #free = /* @__PURE__ */ new Map();
  #changed = [];
  get entries() {
    return this.#entries;
  }
  get isEmpty() {
    return this.#taken === 0;
  }
  /** First entry of a span with room for `count`. */
  take(count) {
    const size2 = spanSize(count);
    const known3 = this.#free.get(size2)?.pop();
    if (known3 === void 0 && this.#end + size2 > this.#entries.length) {
      const larger = new Int32Array(Math.max(1024, 2 ** Math.ceil(Math.log2(this.#end + size2))));
      larger.set(this.#entries);
      this.#entries = larger;
    }
    const first = known3 ?? this.#end;
    if (known3 === void 0) this.#end += size2;
    this.#taken += 1;
    return first;
  }
  give(first, count) {
    this.#taken -= 1;
    const size2 = spanSize(count);
    const same2 = this.#free.get(size2);
    if (same2 === void 0) this.#free.set(size2, [first]);
    else same2.push(first);
    if (this.#taken > 0) return;
    this.#free.clear();
    this.#end = 0;
    this.#entries = new Int32Array(0);
    this.#changed = [];
  }
  set(at, page) {
    this.#entries[at] = page;
    this.#changed.push(at);
  }
  /** Everything in use counts as changed: the backend's copy is new. */
  changeAll() {
    this.#changed = Array.from({ length: this.#end }, (_, at) => at);
  }
  /** Ranges that hold every entry changed since the last call; entries between two near ones go with them. */
  *changes() {
    const changed = this.#changed.sort((a, b) => a - b);
    this.#changed = [];
    for (let i = 0; i < changed.length; ) {
      const start = changed[i];
      let end = start + 1;
      while (++i < changed.length && changed[i] <= end + near) end = Math.max(end, changed[i] + 1);
      yield [start, end];
    }
  }
};
var near = 256;
function spanSize(count) {
  return Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, count))));
}

// ../../packages/attention/src/cache/pages/page-pool.ts
var defaultPageTokens = 128;
var PagePool = class {
  constructor(options) {
    this.options = options;
    const { backend: backend2, pageTokens = defaultPageTokens } = options;
    if (!Number.isInteger(Math.log2(pageTokens / defaultPageTokens)) || pageTokens < defaultPageTokens) {
      throw new ShapeError(`pageTokens must be ${defaultPageTokens} times a power of two, found ${pageTokens}.`);
    }
    this.pageTokens = pageTokens;
    const fitting = Math.max(1, Math.floor(backend2.device.memoryBytes / this.pageBytes));
    this.#maximumPages = Math.min(options.maximumPages ?? fitting, Math.floor((2 ** 31 - 1) / pageTokens));
  }
  options;
  pageTokens;
  #maximumPages;
  #spans = new PageSpans();
  #free = new FreePages();
  #references = new PageReferences();
  #pagesInUse = 0;
  #pagesAllocated = 0;
  #memory;
  /** Bytes of a page, keys and values. */
  get pageBytes() {
    return 2 * this.pageTokens * this.options.headDim * dtypeByteSize(this.options.dtype);
  }
  /** [rows, headDim]: page p is rows p · pageTokens to (p + 1) · pageTokens. Changes when the pool grows. */
  get keys() {
    return this.#rows(this.#open().keys);
  }
  get values() {
    return this.#rows(this.#open().values);
  }
  get entries() {
    return this.#open().entries.tensor;
  }
  get host() {
    return this.#spans.entries;
  }
  report() {
    return {
      pagesInUse: this.#pagesInUse,
      pagesAllocated: this.#pagesAllocated,
      bytesInUse: this.#pagesInUse * this.pageBytes
    };
  }
  /** Pages for someone who gives them back with {@link freePages}. @throws OutOfMemoryError, and none is taken then */
  takePages(count) {
    if (count > this.#free.length) this.#growPages(this.#pagesInUse + count);
    this.#pagesInUse += count;
    const pages = this.#free.take(count);
    this.#references.begin(pages);
    return pages;
  }
  /** One more owner of pages that are taken; each owner gives them back with {@link freePages} and writes to none that it shares. */
  sharePages(pages) {
    this.#references.add(pages);
  }
  /** Owners of a page. */
  owners(page) {
    return this.#references.count(page);
  }
  /** One owner less; what nobody owns any more can be taken again. */
  freePages(pages) {
    const free = this.#references.remove(pages);
    this.#free.give(free);
    this.#pagesInUse -= free.length;
    this.#releaseWhenEmpty();
  }
  /** A place for `count` entries of page tables, one after another; its first entry. @throws OutOfMemoryError */
  takeSpan(count) {
    const first = this.#spans.take(count);
    try {
      const { entries } = this.#open();
      if (entries.tensor.numRows < this.#spans.entries.length) {
        entries.grow(this.#spans.entries.length);
        if (!entries.keepsAddress) this.#spans.changeAll();
      }
    } catch (error) {
      this.#spans.give(first, count);
      throw error;
    }
    return first;
  }
  freeSpan(first, count) {
    this.#spans.give(first, count);
    this.#releaseWhenEmpty();
  }
  /** Entry `at` of the page tables; the backend sees it after {@link flush}. */
  setEntry(at, page) {
    this.#spans.set(at, page);
  }
  /** Brings changed entries to the backend, in its order of work. After a failure the next call brings all of them. */
  flush() {
    try {
      for (const [start, end] of this.#spans.changes()) {
        this.options.backend.write(this.entries.rows(start, end), this.#spans.entries.subarray(start, end));
      }
    } catch (error) {
      this.#spans.changeAll();
      throw error;
    }
  }
  [Symbol.dispose]() {
    const memory = this.#memory;
    this.#memory = void 0;
    this.#free.clear();
    this.#pagesInUse = this.#pagesAllocated = 0;
    const scope = new MemoryScope();
    if (memory !== void 0) for (const tensor of Object.values(memory)) scope.track(tensor);
    scope.dispose();
  }
  /** The rows that there are pages of: one of both may have grown where there was no memory for the other. */
  #rows({ tensor }) {
    return tensor.rows(0, this.#pagesAllocated * this.pageTokens);
  }
  #open() {
    if (this.#memory !== void 0) return this.#memory;
    const { backend: backend2, headDim, dtype: dtype2 } = this.options;
    const made = [];
    const make = (...shape) => {
      const tensor = growableTensor(backend2, ...shape);
      made.push(tensor);
      return tensor;
    };
    try {
      const rows2 = this.#maximumPages * this.pageTokens;
      this.#memory = {
        keys: make(rows2, headDim, dtype2),
        values: make(rows2, headDim, dtype2),
        entries: make(Math.floor(2 ** 31 / this.pageTokens), 1, "i32")
      };
      return this.#memory;
    } catch (error) {
      for (const tensor of made) tensor[Symbol.dispose]();
      throw error;
    }
  }
  /** Memory for so many pages at least; a little more where there is room, so that growing is rare. */
  #growPages(needed) {
    const { backend: backend2 } = this.options;
    if (needed > this.#maximumPages) {
      throw new OutOfMemoryError(backend2.name, needed * this.pageBytes, this.#pagesInUse * this.pageBytes, this.#maximumPages * this.pageBytes);
    }
    const { keys: keys2, values } = this.#open();
    const spare = keys2.keepsAddress ? Math.max(256, needed >> 4) : needed >> 1;
    const grow = (pages2) => {
      keys2.grow(pages2 * this.pageTokens);
      values.grow(pages2 * this.pageTokens);
    };
    let pages = Math.min(needed + (this.#pagesAllocated === 0 && !keys2.keepsAddress ? 0 : spare), this.#maximumPages);
    try {
      grow(pages);
    } catch (error) {
      if (!OutOfMemoryError.isInstance(error) || pages === needed) {
        this.#releaseWhenEmpty();
        throw error;
      }
      pages = needed;
      try {
        grow(pages);
      } catch (second) {
        this.#releaseWhenEmpty();
        throw second;
      }
    }
    this.#free.addBelow(this.#pagesAllocated, pages);
    this.#pagesAllocated = pages;
  }
  /** Addresses stay, where the backend keeps them: graphs may have been captured. */
  #releaseWhenEmpty() {
    if (this.#pagesInUse > 0 || !this.#spans.isEmpty) return;
    this.#free.clear();
    this.#pagesAllocated = 0;
    const scope = new MemoryScope();
    for (const tensor of Object.values(this.#memory ?? {})) scope.track({ [Symbol.dispose]: () => tensor.clear() });
    scope.dispose();
  }
};

// ../../packages/attention/src/patterns/head-patterns.ts
var mostPatternChoices = 4;
function knownPatterns(patterns, mask) {
  return { type: "patterns", patterns, ...mask === void 0 ? {} : { mask } };
}
function fullPatterns(numKeyValueHeads) {
  return knownPatterns(Array.from({ length: numKeyValueHeads }, () => ({ type: "full" })));
}
function waitForPatterns(routing) {
  if (routing.type === "patterns") return routing;
  const { assignment, row, choices } = routing;
  return knownPatterns(Array.from(assignment.rows(row, row + 1).download(), (choice) => choices[choice]));
}
function numPatternHeads(routing) {
  return routing.type === "patterns" ? routing.patterns.length : routing.assignment.shape[1] ?? -1;
}

// ../../packages/attention/src/operations/cache-gather.ts
var cacheGather = defineOperation("cacheGather", ({ cache, keys: keys2, values }) => {
  const { numKeyValueHeads, headDim, length } = cache;
  for (const [name2, source, target] of [["keys", cache.keys, keys2], ["values", cache.values, values]]) {
    if (target === void 0) continue;
    const tokens = target.shape[0];
    expectShape("cacheGather", name2, target, [tokens, numKeyValueHeads, headDim]);
    if (tokens > length) throw new ShapeError(`cacheGather: ${tokens} tokens asked for, the cache holds ${length}.`);
    const rows2 = readFloats(source);
    const gathered = newFloats(target, target.numElements);
    for (const [head, store] of cache.heads.entries()) {
      for (let token = 0; token < tokens; token++) {
        const row = rowOf(cache, store, length - tokens + token, length);
        gathered.set(rows2.subarray(row * headDim, (row + 1) * headDim), (token * numKeyValueHeads + head) * headDim);
      }
    }
    writeFloats(target, gathered);
  }
});

// ../../packages/attention/src/operations/reference-cache-append.ts
function referenceCacheAppend({ keys: keys2, values, cache }) {
  const tokens = keys2.shape[0];
  const { numKeyValueHeads, headDim, length } = cache;
  expectShape("cacheAppend", "keys", keys2, [tokens, numKeyValueHeads, headDim]);
  expectShape("cacheAppend", "values", values, keys2.shape);
  for (const [source, target] of [[keys2, cache.keys], [values, cache.values]]) {
    const rows2 = readFloats(source);
    for (const [head, store] of cache.heads.entries()) {
      for (let token = 0; token < tokens; token++) {
        const position = length + token;
        if (slotOf(store, position, position + 1) >= store.firstSlot + store.numSlots) throw new ShapeError("cacheAppend: no room left in the cache.");
        const at = (token * numKeyValueHeads + head) * headDim;
        const row = rowOf(cache, store, position, position + 1);
        writeFloats(target.rows(row, row + 1), rows2.subarray(at, at + headDim));
      }
    }
  }
}

// ../../packages/attention/src/operations/cache-append.ts
var cacheAppendGradient = {
  inputs: ({ keys: keys2, values }) => [keys2, values],
  outputs: () => [],
  updates: ({ cache }) => [cache.keys, cache.values],
  // The owner of the cache counts the new tokens after the call.
  save: ({ cache }) => cache.length,
  backward({ keys: keys2, values, cache }, gradients, before) {
    const length = before + keys2.shape[0];
    const gather = (name2, input) => {
      const gradient = gradients.incoming(cache[name2]);
      if (gradient === void 0) return;
      gradients.overwrite([input], ([target]) => {
        const rows2 = { ...cache, length, [name2]: gradient };
        gradients.backend.kernels.run(cacheGather, { cache: rows2, [name2]: target });
      });
    };
    gather("keys", keys2);
    gather("values", values);
  }
};
var cacheAppend = defineOperation("cacheAppend", referenceCacheAppend, { gradient: cacheAppendGradient });

// ../../packages/attention/src/cache/checkpoints.ts
var Checkpoints = class {
  /** @param lengths whole numbers of pages, none of which the sequence has passed yet */
  constructor(pool, lengths) {
    this.pool = pool;
    this.lengths = lengths;
  }
  pool;
  lengths;
  /** By length: the layers so far; undefined once one of them could not be taken. */
  #taken = /* @__PURE__ */ new Map();
  /** Takes what a layer holds; layers come in order. */
  take(layer, index, retentions) {
    for (const length of this.lengths) {
      if (length > layer.length) continue;
      if (!this.#taken.has(length) && index === 0) this.#taken.set(length, []);
      const layers = this.#taken.get(length);
      if (layers?.length !== index) continue;
      const heads = layer.snapshotAt(length, retentions);
      if (heads !== void 0) {
        layers.push(heads);
        continue;
      }
      this.#taken.set(length, void 0);
      freeSnapshots(this.pool, layers);
    }
  }
  /** Those of all layers; they are the caller's. @param modesOf of a layer */
  finish(numLayers, modesOf) {
    const whole = [];
    for (const [length, layers] of this.#taken) {
      if (layers?.length !== numLayers) continue;
      whole.push(new CacheSnapshot(this.pool, length, layers.map((heads, layer) => ({ heads, modes: modesOf(layer) }))));
      this.#taken.delete(length);
    }
    this[Symbol.dispose]();
    return whole;
  }
  [Symbol.dispose]() {
    const left = [...this.#taken.values()].flatMap((layers) => layers ?? []);
    this.#taken.clear();
    if (left.length > 0) freeSnapshots(this.pool, left);
  }
};

// ../../packages/attention/src/cache/contiguous-layer.ts
var ContiguousLayer = class _ContiguousLayer {
  /**
   * @param tokens room to make at first, for heads that keep everything.
   * @throws OutOfMemoryError
   */
  constructor(backend2, numKeyValueHeads, headDim, dtype2, tokens) {
    this.backend = backend2;
    this.numKeyValueHeads = numKeyValueHeads;
    this.headDim = headDim;
    this.dtype = dtype2;
    const everything = Array.from({ length: numKeyValueHeads }, () => ({ type: "all" }));
    Object.assign(this, this.#allocate(headStores(everything, tokens, 0)));
  }
  backend;
  numKeyValueHeads;
  headDim;
  dtype;
  length = 0;
  keys;
  values;
  heads;
  get byteLength() {
    return 2 * this.keys.storage.byteLength;
  }
  /** Grows what is too small: "all" heads by half, rings just for this append. */
  makeRoom(retentions, tokens) {
    const needed = this.length + tokens;
    const capacity = Math.min(...this.heads.map((store) => store.type === "all" ? store.numSlots : Infinity));
    const grown = needed > capacity ? Math.max(needed, Math.ceil(capacity * 1.5)) : capacity;
    const heads = this.#stores(retentions, Number.isFinite(grown) ? grown : needed, tokens - 1);
    if (heads.some((store, head) => store.numSlots > this.heads[head].numSlots)) this.#move(heads);
  }
  settle(retentions) {
    const capacity = Math.max(...this.heads.map((store) => store.type === "all" ? store.numSlots : 0), this.length);
    const heads = this.#stores(retentions, capacity, 0);
    if (numSlots(heads) < numSlots(this.heads)) this.#move(heads);
  }
  fork() {
    const copy = new _ContiguousLayer(this.backend, this.numKeyValueHeads, this.headDim, this.dtype, 0);
    try {
      copy.#move(this.heads, this);
    } catch (error) {
      copy.dispose();
      throw error;
    }
    copy.length = this.length;
    return copy;
  }
  dispose() {
    disposeBoth(this);
  }
  #stores(retentions, capacity, extraTokens) {
    const dropsNothing = ({ type }) => type === "all";
    const wanted = retentions.map((each, head) => dropsNothing(this.heads[head]) ? worthwhileRetention(each, capacity, extraTokens) : each);
    return headStores(wanted, capacity, extraTokens);
  }
  #allocate(heads) {
    const shape = [numSlots(heads), this.headDim];
    const keys2 = this.backend.allocate(shape, this.dtype);
    try {
      return { keys: keys2, values: this.backend.allocate(shape, this.dtype), heads };
    } catch (error) {
      keys2.dispose();
      throw error;
    }
  }
  /** Moves to other stores, with every position both have room for: its own, or those of another layer. */
  #move(heads, source = this) {
    const next = this.#allocate(heads);
    const spans = [];
    for (const [head, from] of source.heads.entries()) {
      const to = heads[head];
      for (const [start, end] of sharedRanges(from, to, source.length)) {
        for (const held of slotSpans(from, start, end)) {
          for (const target of slotSpans(to, held.position, held.position + held.count)) {
            spans.push(held.slot + target.position - held.position, target.slot, target.count);
          }
        }
      }
    }
    const { kernels } = this.backend;
    try {
      kernels.run(copySpans, { source: source.keys, destination: next.keys, spans: Int32Array.from(spans) });
      kernels.run(copySpans, { source: source.values, destination: next.values, spans: Int32Array.from(spans) });
    } catch (error) {
      disposeBoth(next);
      throw error;
    }
    const { keys: keys2, values } = this;
    Object.assign(this, next);
    disposeBoth({ keys: keys2, values });
  }
};
function disposeBoth({ keys: keys2, values }) {
  var _stack = [];
  try {
    const scope = __using(_stack, new MemoryScope());
    scope.track(values);
    scope.track(keys2);
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}

// ../../packages/attention/src/cache/pages/paged-layer.ts
var PagedLayer = class _PagedLayer {
  constructor(pool, numKeyValueHeads, headDim) {
    this.pool = pool;
    this.numKeyValueHeads = numKeyValueHeads;
    this.headDim = headDim;
    const layout = { type: "all", sinkPages: 0, ringPages: 0 };
    this.#heads = Array.from({ length: numKeyValueHeads }, () => ({ layout, pages: [], firstEntry: 0, spanPlaces: 0 }));
    this.#updateStores();
  }
  pool;
  numKeyValueHeads;
  headDim;
  length = 0;
  heads;
  /** Counts the times that a head's place in the page tables, or its layout, changed. */
  version = 0;
  #heads;
  /** A layer that begins with the first `length` tokens of a snapshot, whose pages it shares. */
  static resume(pool, headDim, heads, length) {
    const tables = heads.map(({ layout, pages }) => {
      const held = Array.from(layout.type === "all" ? pages.subarray(0, Math.ceil(length / pool.pageTokens)) : pages);
      return { layout, pages: held.map((page) => page === noPage ? void 0 : page) };
    });
    return _PagedLayer.#sharing(pool, headDim, tables, length);
  }
  /** A layer that owns these pages too. Its tables come with its first tokens. */
  static #sharing(pool, headDim, heads, length) {
    const layer = new _PagedLayer(pool, heads.length, headDim);
    layer.length = length;
    layer.#heads = heads.map(({ layout, pages }) => ({ layout, pages, firstEntry: 0, spanPlaces: 0 }));
    for (const { pages } of heads) pool.sharePages(pages.filter((page) => page !== void 0));
    layer.#updateStores();
    return layer;
  }
  /** What the heads hold now. The caller owns the snapshots' pages too. */
  snapshot() {
    return this.#heads.map(({ layout, pages }) => headSnapshot(this.pool, layout, pages));
  }
  /**
   * What the heads would hold had the sequence been settled at `length`, a whole number of pages; undefined where some of it
   * is gone. The caller owns the snapshots' pages too.
   */
  snapshotAt(length, retentions) {
    const { pageTokens } = this.pool;
    const heads = this.#heads.map(({ layout, pages }, head) => {
      return headAt({ layout, pages, length: this.length }, pageLayout(retentions[head], pageTokens, 0), length, pageTokens);
    });
    if (!heads.every((head) => head !== void 0)) return void 0;
    return heads.map(({ layout, pages }) => headSnapshot(this.pool, layout, pages));
  }
  get keys() {
    return this.pool.keys;
  }
  get values() {
    return this.pool.values;
  }
  get pages() {
    return this.pool;
  }
  get byteLength() {
    return this.#heads.reduce((sum3, { pages }) => sum3 + pages.filter((page) => page !== void 0).length, 0) * this.pool.pageBytes;
  }
  makeRoom(retentions, tokens) {
    const { pageTokens } = this.pool;
    const layouts = this.#heads.map(({ layout }, head) => {
      const wanted = pageLayout(retentions[head], pageTokens, Math.max(0, tokens - 1));
      return layout.type === wanted.type && layout.sinkPages === wanted.sinkPages && layout.ringPages >= wanted.ringPages ? layout : wanted;
    });
    this.#relayout(layouts);
    const [first, end] = [Math.floor(this.length / pageTokens), Math.ceil((this.length + tokens) / pageTokens)];
    const missing = this.#heads.map(({ layout, pages }) => {
      const places = /* @__PURE__ */ new Set();
      for (let page = first; page < end; page++) places.add(placeOf(layout, page));
      return [...places].filter((place) => pages[place] === void 0 || this.pool.owners(pages[place]) > 1);
    });
    const count = missing.reduce((sum3, places) => sum3 + places.length, 0);
    if (count === 0 && this.#heads.every(({ spanPlaces }) => spanPlaces > 0)) return;
    const taken = this.pool.takePages(count);
    let next = 0;
    const spans = [];
    const shared = [];
    const heads = this.#heads.map((head, index) => {
      const pages = head.pages.slice();
      for (const place of missing[index]) {
        while (pages.length < place) pages.push(void 0);
        const page = taken[next++];
        const old = pages[place];
        if (old !== void 0) {
          const rows2 = rowsBeforeWrite(head.layout, place, this.length, pageTokens);
          if (rows2 > 0) spans.push(old * pageTokens, page * pageTokens, rows2);
          shared.push(old);
        }
        pages[place] = page;
      }
      return { ...head, pages };
    });
    this.#install(heads, () => this.pool.freePages(taken), () => this.#copyRows(spans));
    this.pool.freePages(shared);
  }
  settle(retentions) {
    this.#relayout(retentions.map((retention) => pageLayout(retention, this.pool.pageTokens, 0)));
  }
  /** Shares every page; whoever writes to one first copies it. */
  fork() {
    return _PagedLayer.#sharing(this.pool, this.headDim, this.#heads, this.length);
  }
  dispose() {
    const heads = this.#heads;
    this.#heads = [];
    for (const { firstEntry, spanPlaces } of heads) if (spanPlaces > 0) this.pool.freeSpan(firstEntry, spanPlaces);
    this.pool.freePages(heads.flatMap(({ pages }) => pages.filter((page) => page !== void 0)));
  }
  #relayout(layouts) {
    if (this.#heads.every(({ layout }, head) => sameLayout(layout, layouts[head]))) return;
    const { pageTokens } = this.pool;
    const moves = this.#heads.map(({ layout, pages }, head) => movePages(pages, layout, layouts[head], this.length, pageTokens));
    const fresh = this.pool.takePages(moves.reduce((sum3, move) => sum3 + move.fresh, 0));
    let used = 0;
    const spans = [];
    const heads = this.#heads.map((head, index) => {
      const move = moves[index];
      const known3 = (page) => page < 0 ? fresh[used - 1 - page] : page;
      const pages = move.pages.map((page) => page === void 0 ? void 0 : known3(page));
      for (const { from, to, firstRow, rows: rows2 } of move.copies) {
        spans.push(from * pageTokens + firstRow, known3(to) * pageTokens + firstRow, rows2);
      }
      used += move.fresh;
      return { ...head, layout: layouts[index], pages };
    });
    this.#install(heads, () => this.pool.freePages(fresh), () => this.#copyRows(spans));
    this.pool.freePages(moves.flatMap((move) => move.freed));
  }
  /** Triples of source row, destination row and rows, within the pool. */
  #copyRows(spans) {
    if (spans.length === 0) return;
    const { kernels } = this.pool.options.backend;
    for (const tensor of [this.keys, this.values]) {
      kernels.run(copySpans, { source: tensor, destination: tensor, spans: Int32Array.from(spans) });
    }
  }
  /** Takes new tables over: larger spans where they need them, `work` on the rows, entries. On failure all is as before. */
  #install(heads, undo, work = () => {
  }) {
    const spans = [];
    const before = this.#heads;
    let placed;
    try {
      placed = heads.map((head) => {
        if (head.pages.length <= spanSize(head.spanPlaces) && head.spanPlaces > 0) return head;
        const places = spanSize(head.pages.length);
        const first = this.pool.takeSpan(places);
        spans.push({ first, places });
        return { ...head, firstEntry: first, spanPlaces: places };
      });
      work();
    } catch (error) {
      for (const { first, places } of spans) this.pool.freeSpan(first, places);
      undo();
      throw error;
    }
    for (const [index, head] of placed.entries()) {
      const old = before[index];
      const moved = head.firstEntry !== old.firstEntry || head.spanPlaces !== old.spanPlaces;
      for (let place = 0; place < head.pages.length; place++) {
        const page = head.pages[place];
        if (page !== void 0 && (moved || old.pages[place] !== page)) this.pool.setEntry(head.firstEntry + place, page);
      }
      if (moved && old.spanPlaces > 0) this.pool.freeSpan(old.firstEntry, old.spanPlaces);
      if (moved || !sameLayout(old.layout, head.layout)) this.version += 1;
    }
    this.#heads = placed;
    this.#updateStores();
    this.pool.flush();
  }
  #updateStores() {
    this.heads = this.#heads.map(({ layout, pages, firstEntry }) => pagedStore(layout, pages.length, firstEntry, this.pool.pageTokens));
  }
};

// ../../packages/attention/src/cache/sequence-cache.ts
var SequenceCache = class _SequenceCache {
  constructor(options) {
    this.options = options;
    this.decode = options.decode ?? "routed";
    this.#layers = Array.from({ length: options.numLayers }, () => void 0);
    for (const [layer, modes] of options.modes?.entries() ?? []) if (modes !== void 0) this.#keptModes.set(layer, modes);
  }
  options;
  decode;
  #layers;
  /** Of layers whose tokens were forgotten. */
  #keptModes = /* @__PURE__ */ new Map();
  #length = 0;
  #checkpoints;
  /**
   * A sequence that goes on from a snapshot: it shares the snapshot's pages, and copies those it writes to. Nothing is
   * allocated before tokens come.
   *
   * @throws ShapeError for a snapshot of other layers, of another pool, or of heads that no longer hold what the length needs
   */
  static resume(options, { snapshot, length = snapshot.length, keepModes = true }) {
    const { pool, layers } = snapshot;
    if (pool !== options.pool || layers.length !== options.numLayers) throw new ShapeError("The snapshot was taken of another model's cache.");
    if (length > snapshot.length || length < snapshot.length && !snapshot.isWhole) {
      throw new ShapeError(`A snapshot of ${snapshot.length} tokens cannot be resumed at ${length}.`);
    }
    const cache = new _SequenceCache(options);
    for (const [index, { heads, modes }] of layers.entries()) {
      const storage = PagedLayer.resume(pool, options.headDim, heads, length);
      cache.#layers[index] = { storage, modes: keepModes ? modes : void 0 };
    }
    cache.#length = length;
    return cache;
  }
  /** What it holds now, for others to go on from; undefined for a cache without pages. The caller disposes it. */
  snapshot() {
    const { pool } = this;
    if (pool === void 0 || this.#length === 0) return void 0;
    const layers = this.#layers.map((layer, index) => {
      return { heads: this.#layer(index).storage.snapshot(), modes: layer.modes };
    });
    return new CacheSnapshot(pool, this.#length, layers);
  }
  /**
   * Has the next prefill take snapshots at these lengths on its way; without pages there are none.
   *
   * @param lengths beyond the present one, each a whole number of pages
   */
  requestCheckpoints(lengths) {
    this.#checkpoints?.[Symbol.dispose]();
    this.#checkpoints = this.pool === void 0 || lengths.length === 0 ? void 0 : new Checkpoints(this.pool, lengths);
  }
  /** The snapshots that were requested, as far as they could be taken; they are the caller's. */
  takeCheckpoints() {
    const taken = this.#checkpoints?.finish(this.numLayers, (layer) => this.#layers[layer]?.modes) ?? [];
    this.#checkpoints = void 0;
    return taken;
  }
  /** Tokens completed in every layer. */
  get length() {
    return this.#length;
  }
  get numLayers() {
    return this.options.numLayers;
  }
  /** Bytes that keys and values take now. */
  get byteLength() {
    return this.#layers.reduce((sum3, layer) => sum3 + (layer?.storage.byteLength ?? 0), 0);
  }
  /** Bytes that the same tokens would take with every head full and no reserve. */
  get fullByteLength() {
    const tokens = this.#layers.reduce((sum3, layer) => sum3 + (layer?.storage.length ?? 0), 0);
    return fullKeyValueBytes({ ...this.options, numLayers: 1 }, tokens);
  }
  /** Tokens that a head which keeps everything has, or would have, room for: those of the cache, a reserve, whole pages. */
  get capacity() {
    const pageTokens = this.pool?.pageTokens ?? 1;
    const heads = this.#layers.flatMap((layer) => layer?.storage.heads ?? []);
    const slots = heads.map(({ type, numSlots: numSlots2 }) => type === "all" ? numSlots2 : 0);
    return Math.max(Math.ceil(this.#length / pageTokens) * pageTokens, ...slots);
  }
  /** The pool that its pages come from, if any. */
  get pool() {
    return this.options.pool;
  }
  /** Changes whenever what a kernel must know of the layers, besides their length and page tables, changes. */
  get layoutVersion() {
    return this.#layers.reduce((sum3, layer) => sum3 + (layer?.storage instanceof PagedLayer ? layer.storage.version : 0), 0);
  }
  /** What kernels read of a layer. @throws ShapeError before the first append. */
  layer(index) {
    return this.#layer(index).storage;
  }
  /** The mode of each key-value head: as the model fixes it, or as decided at the first prefill; undefined before. */
  modes(layer) {
    const fixed = this.options.fixedModes?.[layer];
    if (fixed === void 0) return this.#layers[layer]?.modes ?? this.#keptModes.get(layer);
    return Array.from({ length: this.options.numKeyValueHeads }, () => fixed);
  }
  /** Patterns of a layer's heads after the first prefill, by the decode policy. */
  decodePatterns(layer) {
    const modes = this.modes(layer);
    if (modes === void 0 || this.#keepsAll(layer)) return fullPatterns(this.options.numKeyValueHeads);
    return knownPatterns(modes.map((mode2) => attentionModeDefinition(mode2).decodePattern(mode2)));
  }
  /**
   * Adds rotated keys and values [tokens, kvHeads, headDim] of new tokens to a layer, making room first. On
   * OutOfMemoryError the layer is as before.
   */
  append(index, keys2, values) {
    const tokens = keys2.shape[0];
    const layer = this.#layers[index] ?? { storage: this.#newStorage(tokens), modes: void 0 };
    try {
      layer.storage.makeRoom(this.#retentions(index, layer.modes), tokens);
      keys2.backend.kernels.run(cacheAppend, { keys: keys2, values, cache: layer.storage });
    } catch (error) {
      if (this.#layers[index] === void 0) layer.storage.dispose();
      throw error;
    }
    this.#layers[index] = layer;
    layer.storage.length += tokens;
  }
  /**
   * Makes room for more tokens in every layer, for a step that writes them by itself.
   * @throws OutOfMemoryError, and the room made so far stays; ShapeError before the first append
   */
  makeRoom(tokens) {
    for (const index of this.#layers.keys()) {
      const { storage, modes } = this.#layer(index);
      storage.makeRoom(this.#retentions(index, modes), tokens);
    }
  }
  /** Counts tokens that such a step wrote to every layer, and completes them. */
  countWritten(tokens) {
    for (const index of this.#layers.keys()) this.#layer(index).storage.length += tokens;
    this.advance(tokens);
  }
  /**
   * Remembers the modes of a layer's heads (the first time) and drops what their retention does not need. Call it
   * after the layer's attention and before the next layer's append.
   */
  settle(index, modes) {
    const layer = this.#layer(index);
    layer.modes ??= modes;
    if (layer.storage instanceof PagedLayer) this.#checkpoints?.take(layer.storage, index, this.#retentions(index, layer.modes));
    if (this.#keepsAll(index)) return;
    layer.storage.settle(this.#retentions(index, layer.modes));
  }
  /** Counts tokens as completed once every layer has them. */
  advance(tokens) {
    this.#length += tokens;
  }
  /** A cache of its own that goes on from the same tokens, under the same routing. @throws OutOfMemoryError, and nothing stays */
  fork() {
    const copy = new _SequenceCache(this.options);
    try {
      for (const [index, layer] of this.#layers.entries()) {
        if (layer !== void 0) copy.#layers[index] = { storage: layer.storage.fork(), modes: layer.modes };
      }
    } catch (error) {
      copy.dispose();
      throw error;
    }
    for (const [index, modes] of this.#keptModes) copy.#keptModes.set(index, modes);
    copy.#length = this.#length;
    return copy;
  }
  /** Gives all memory back and keeps the modes: the sequence is to be read again under them. */
  forgetTokens() {
    for (const index of this.#layers.keys()) {
      const modes = this.modes(index);
      if (modes !== void 0) this.#keptModes.set(index, modes);
    }
    this.#disposeStorage();
  }
  /**
   * Forgets the token that a step which failed has written to some layers, or to all: the step can be taken again, and
   * writes it where it was.
   *
   * @param length tokens before the step
   */
  undoStep(length) {
    for (const layer of this.#layers) if (layer !== void 0) layer.storage.length = length;
    this.#length = length;
  }
  /** Frees all layers, also when the backend fails at one; its first error is thrown at the end. */
  dispose() {
    this.#keptModes.clear();
    this.#disposeStorage();
  }
  #disposeStorage() {
    var _stack = [];
    try {
      const scope = __using(_stack, new MemoryScope());
      if (this.#checkpoints !== void 0) scope.track(this.#checkpoints);
      this.#checkpoints = void 0;
      for (const layer of this.#layers) if (layer !== void 0) scope.track({ [Symbol.dispose]: () => layer.storage.dispose() });
      this.#layers.fill(void 0);
      this.#length = 0;
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  [Symbol.dispose]() {
    this.dispose();
  }
  #layer(index) {
    const layer = this.#layers[index];
    if (layer === void 0) throw new ShapeError(`Layer ${index} of the cache is empty.`);
    return layer;
  }
  #newStorage(tokens) {
    const { backend: backend2, numKeyValueHeads, headDim, dtype: dtype2, pool, reserveTokens = 0 } = this.options;
    if (pool !== void 0) return new PagedLayer(pool, numKeyValueHeads, headDim);
    return new ContiguousLayer(backend2, numKeyValueHeads, headDim, dtype2, tokens + reserveTokens);
  }
  /** Whether the decode policy has all heads of a layer read everything. */
  #keepsAll(layer) {
    return this.decode === "full" && this.options.fixedModes?.[layer] === void 0;
  }
  /** What the heads keep: everything until the first prefill's attention has run. */
  #retentions(layer, modes) {
    return Array.from({ length: this.options.numKeyValueHeads }, (_, head) => {
      const mode2 = modes?.[head];
      if (mode2 === void 0 || this.#keepsAll(layer)) return { type: "all" };
      return attentionModeDefinition(mode2).retention(mode2);
    });
  }
};

// ../../packages/attention/src/cache/shortened-cache.ts
function shortenedCache({ numKeyValueHeads, headDim, keys: keys2, values, heads, pages }, length) {
  return { numKeyValueHeads, headDim, keys: keys2, values, heads, length, ...pages === void 0 ? {} : { pages } };
}

// ../../packages/attention/src/patterns/visited-blocks.ts
function patternBlockSize(pattern) {
  return pattern.type === "full" || pattern.type === "sliding" ? 1 : pattern.blockSize;
}
function visitsBlock(pattern, queryBlock, keyBlock, maskRow2) {
  if (keyBlock > queryBlock) return false;
  switch (pattern.type) {
    case "full":
      return true;
    case "streaming":
      return keyBlock < pattern.sinkBlocks || keyBlock > queryBlock - pattern.localBlocks;
    case "sliding":
      return keyBlock > queryBlock - pattern.windowTokens;
    case "selected":
      return maskRow2?.[keyBlock] === 1;
  }
}
function visitedRanges(pattern, position, maskRow2) {
  if (pattern.type === "full") return [[0, position + 1]];
  if (pattern.type === "sliding") return [[Math.max(0, position + 1 - pattern.windowTokens), position + 1]];
  const { blockSize: blockSize2 } = pattern;
  const queryBlock = Math.floor(position / blockSize2);
  const ranges = [];
  for (let block = 0; block <= queryBlock; block++) {
    if (!visitsBlock(pattern, queryBlock, block, maskRow2)) continue;
    const start = block * blockSize2;
    const end = Math.min(start + blockSize2, position + 1);
    const last = ranges.at(-1);
    if (last !== void 0 && last[1] === start) last[1] = end;
    else ranges.push([start, end]);
  }
  return ranges;
}
function maskRow(mask, visited, queryHead, queryBlock) {
  const firstBlock = mask.keyBlocks - mask.queryBlocks;
  const row = queryHead * mask.queryBlocks + (queryBlock - firstBlock);
  return visited.subarray(row * mask.keyBlocks, (row + 1) * mask.keyBlocks);
}

// ../../packages/attention/src/patterns/pattern-numbers.ts
var patternCodes = { full: 0, streaming: 1, selected: 2, sliding: 3 };
function patternNumbers(pattern) {
  const [sinkBlocks, localBlocks] = windowBlocks(pattern);
  return [patternCodes[pattern.type], sinkBlocks, localBlocks, patternBlockSize(pattern)];
}
function windowBlocks(pattern) {
  if (pattern.type === "streaming") return [pattern.sinkBlocks, pattern.localBlocks];
  return [0, pattern.type === "sliding" ? pattern.windowTokens : 0];
}

// ../../packages/attention/src/decode/decode-batch.ts
var headEntryNumbers = 8;
var DecodeBatch = class {
  /** @throws OutOfMemoryError */
  constructor(options) {
    this.options = options;
    const { backend: backend2, slots, numLayers, numKeyValueHeads, planBytes } = options;
    try {
      this.#numbers = this.#scope.track(backend2.allocate([2, slots], "i32"));
      this.lengths = this.#numbers.rows(0, 1).reshape([slots]);
      this.ids = this.#numbers.rows(1, 2).reshape([slots]);
      this.heads = this.#scope.track(backend2.allocate([slots * numLayers * numKeyValueHeads, headEntryNumbers], "i32"));
      this.plan = this.#scope.track(backend2.allocate([1, planBytes], "u8"));
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }
  options;
  /** i32 [slots]: tokens of each sequence, the one of this step included; 0 for an empty slot. */
  lengths;
  /** i32 [slots]: the tokens of this step. */
  ids;
  /** i32 [slots · layers · kvHeads, 8]: pattern and store of each head; mirrors the native `HeadEntry`. */
  heads;
  /** u8 [1, planBytes]. */
  plan;
  /** The sequences, in the order of the slots. */
  caches = [];
  #numbers;
  #scope = new MemoryScope();
  #known = [];
  /**
   * Sets the batch of the next step: makes room for one token in every cache and brings what changed to the backend.
   * @throws OutOfMemoryError, and nothing of the caches changed but the room they have; ShapeError
   */
  update(tokens, caches) {
    const { slots, pool, backend: backend2 } = this.options;
    if (caches.length > slots) throw new ShapeError(`${caches.length} sequences do not fit a decode batch of ${slots}.`);
    for (const cache of caches) {
      if (cache.pool !== pool) throw new ShapeError("Every cache of a decode batch keeps its pages in the batch's pool.");
      cache.makeRoom(1);
    }
    for (const [slot, cache] of caches.entries()) this.#updateHeads(slot, cache);
    const numbers = new Int32Array(2 * slots);
    for (const [slot, cache] of caches.entries()) {
      numbers[slot] = cache.length + 1;
      numbers[slots + slot] = tokens[slot];
    }
    backend2.write(this.#numbers, numbers);
    this.caches = caches;
  }
  [Symbol.dispose]() {
    this.#scope.dispose();
  }
  #updateHeads(slot, cache) {
    const known3 = this.#known[slot];
    if (known3?.cache.deref() === cache && known3.version === cache.layoutVersion) return;
    const { numLayers, numKeyValueHeads, backend: backend2 } = this.options;
    const rows2 = numLayers * numKeyValueHeads;
    const numbers = new Int32Array(rows2 * headEntryNumbers);
    for (let layer = 0; layer < numLayers; layer++) {
      const { heads } = cache.layer(layer);
      for (const [head, pattern] of cache.decodePatterns(layer).patterns.entries()) {
        numbers.set(headEntry(pattern, heads[head]), (layer * numKeyValueHeads + head) * headEntryNumbers);
      }
    }
    this.#known[slot] = void 0;
    backend2.write(this.heads.rows(slot * rows2, (slot + 1) * rows2), numbers);
    this.#known[slot] = { cache: new WeakRef(cache), version: cache.layoutVersion };
  }
};
function headEntry(pattern, { firstSlot, numSlots: numSlots2, sinkTokens, ringTokens }) {
  if (pattern.type === "selected") throw new ShapeError('A "selected" pattern chooses its blocks for a prompt; it cannot decode.');
  return [...patternNumbers(pattern), firstSlot, numSlots2, sinkTokens, ringTokens];
}

// ../../packages/attention/src/operations/attention-rows.ts
function* attentionRows(operation, query, sequence) {
  const { length, cache } = sequence;
  const { patterns, mask } = waitForPatterns(sequence.routing);
  const [numQueryHeads, headDim] = [query.shape[1], query.shape[2]];
  const group = numQueryHeads / cache.numKeyValueHeads;
  if (!Number.isInteger(group) || patterns.length !== cache.numKeyValueHeads || cache.headDim !== headDim) {
    throw new ShapeError(`${operation}: the heads of query, cache and patterns do not fit together.`);
  }
  if (length > cache.length) throw new ShapeError(`${operation}: more queries than keys in the cache.`);
  const visited = mask?.visited.download();
  for (let queryHead = 0; queryHead < numQueryHeads; queryHead++) {
    const keyValueHead = Math.floor(queryHead / group);
    const [pattern, store] = [patterns[keyValueHead], cache.heads[keyValueHead]];
    if (pattern.type === "selected") expectMask(operation, mask, pattern.blockSize, numQueryHeads, sequence);
    for (let row = 0; row < length; row++) {
      const position = cache.length - length + row;
      const chosen = pattern.type === "selected" ? maskRow(mask, visited, queryHead, Math.floor(position / patternBlockSize(pattern))) : void 0;
      const slots = [];
      for (const [first, end] of visitedRanges(pattern, position, chosen)) {
        for (let key = first; key < end; key++) slots.push(rowOf(cache, store, key, cache.length));
      }
      yield { queryHead, keyValueHead, row, slots };
    }
  }
}
function expectMask(operation, mask, blockSize2, numQueryHeads, { cache, length }) {
  if (mask === void 0 || mask.blockSize !== blockSize2) {
    throw new ShapeError(`${operation}: a "selected" pattern needs a mask of its block size.`);
  }
  const keyBlocks = Math.ceil(cache.length / blockSize2);
  const queryBlocks = keyBlocks - Math.floor((cache.length - length) / blockSize2);
  if (mask.numQueryHeads !== numQueryHeads || mask.keyBlocks !== keyBlocks || mask.queryBlocks < queryBlocks) {
    throw new ShapeError(
      `${operation}: the mask must have ${numQueryHeads} heads, ${queryBlocks} or more query blocks and ${keyBlocks} key blocks, found ${mask.numQueryHeads}, ${mask.queryBlocks} and ${mask.keyBlocks}.`
    );
  }
}

// ../../packages/attention/src/gradients/cache-gradients.ts
function expectCacheGradients(sequences, gradients) {
  if (gradients.length !== sequences.length) {
    throw new ShapeError(`attentionBackward: ${gradients.length} cache gradients for ${sequences.length} sequences.`);
  }
  for (const [index, { cache }] of sequences.entries()) {
    expectShape("attentionBackward", "gradient of the keys", gradients[index].keys, cache.keys.shape);
    expectShape("attentionBackward", "gradient of the values", gradients[index].values, cache.values.shape);
    if (cache.pages !== void 0) {
      throw new ShapeError(
        "attentionBackward: the cache is in pages of a pool.",
        "Gradients are laid out like the keys and values of one sequence: train on caches of their own."
      );
    }
    if (cache.heads.some((store) => store.type !== "all")) {
      throw new ShapeError(
        "attentionBackward: a head keeps a ring of its tokens.",
        "Call it before the cache is settled, or with heads that keep all tokens."
      );
    }
  }
}

// ../../packages/attention/src/gradients/reference-attention-backward.ts
function referenceAttentionBackward(call) {
  const { query, output, logSumExp, outputGradient, queryGradient, sequences, cacheGradients } = call;
  const [tokens, numQueryHeads, headDim] = [query.shape[0], query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape("attentionBackward", "query", query, [tokens, numQueryHeads, headDim]);
  for (const [name2, tensor] of Object.entries({ output, outputGradient, queryGradient })) {
    expectShape("attentionBackward", name2, tensor, query.shape);
  }
  expectShape("attentionBackward", "logSumExp", logSumExp, [tokens, numQueryHeads]);
  expectAttentionScores("attentionBackward", call, numQueryHeads);
  expectCacheGradients(sequences, cacheGradients);
  for (const [index, sequence] of sequences.entries()) backwardSequence(call, sequence, cacheGradients[index]);
}
function backwardSequence(call, sequence, gradients) {
  const { scale: scale2, softCap: softCap2, accumulate = false } = call;
  const { start, length, cache } = sequence;
  const [numQueryHeads, headDim] = [call.query.shape[1], call.query.shape[2]];
  const rowsOf = (tensor) => tensor.rows(start, start + length);
  const [q, o, lse, dO] = [call.query, call.output, call.logSumExp, call.outputGradient].map((t) => readFloats(rowsOf(t)));
  const [keys2, values] = [readFloats(cache.keys), readFloats(cache.values)];
  const [dQ, dK, dV] = [new Float64Array(q.length), new Float64Array(keys2.length), new Float64Array(values.length)];
  const dot = (a, at, b, bt) => {
    let sum3 = 0;
    for (let i = 0; i < headDim; i++) sum3 += a[at + i] * b[bt + i];
    return sum3;
  };
  for (const { queryHead, row, slots } of attentionRows("attentionBackward", call.query, sequence)) {
    const index = row * numQueryHeads + queryHead;
    const at = index * headDim;
    if (slots.length === 0) continue;
    const delta = dot(dO, at, o, at);
    for (const slot of slots) {
      const kt = slot * headDim;
      const score = cappedScore(dot(q, at, keys2, kt) * scale2, softCap2);
      const slope = softCap2 === void 0 ? 1 : 1 - (score / softCap2) ** 2;
      const probability = Math.exp(score - lse[index]);
      const scoreGradient = probability * (dot(dO, at, values, kt) - delta) * slope * scale2;
      for (let i = 0; i < headDim; i++) {
        dV[kt + i] += probability * dO[at + i];
        dQ[at + i] += scoreGradient * keys2[kt + i];
        dK[kt + i] += scoreGradient * q[at + i];
      }
    }
  }
  put(rowsOf(call.queryGradient), dQ, accumulate);
  putRetained(gradients.keys, dK, cache, accumulate);
  putRetained(gradients.values, dV, cache, accumulate);
}
function putRetained(target, gradient, cache, accumulate) {
  for (const { firstSlot } of cache.heads) {
    const end = firstSlot + cache.length;
    put(target.rows(firstSlot, end), gradient.subarray(firstSlot * cache.headDim, end * cache.headDim), accumulate);
  }
}
function put(target, gradient, accumulate) {
  if (!accumulate) return writeFloats(target, gradient);
  const before = readFloats(target);
  writeFloats(target, gradient.map((value, i) => value + before[i]));
}

// ../../packages/attention/src/gradients/attention-backward.ts
var attentionBackward = defineOperation("attentionBackward", referenceAttentionBackward);

// ../../packages/attention/src/gradients/attention-gradient.ts
function attentionInputs(query, sequences) {
  return [query, ...sequences.flatMap(({ cache }) => [cache.keys, cache.values])];
}
function addAttentionGradients(gradients, attention) {
  const { query, sequences } = attention;
  if (gradients.incoming(attention.logSumExp) !== void 0) {
    throw new TapeError("A gradient has arrived at the log-sum-exp of an attention; it has no way back.");
  }
  const inputs2 = attentionInputs(query, sequences);
  const run = ([queryGradient, ...rest], accumulate) => {
    const cacheGradients = sequences.map((_, index) => ({ keys: rest[2 * index], values: rest[2 * index + 1] }));
    const call = { ...attention, queryGradient, cacheGradients, accumulate };
    gradients.backend.kernels.run(attentionBackward, call);
  };
  if (!inputs2.some((input) => gradients.wants(input))) return;
  if (writesEverything(query, sequences)) gradients.accumulate(inputs2, run);
  else {
    run(
      inputs2.map((input) => gradients.addable(input)),
      true
    );
  }
}
function writesEverything(query, sequences) {
  const rows2 = sequences.reduce((sum3, { length }) => sum3 + length, 0);
  const isFull = ({ cache }) => cache.pages === void 0 && cache.keys.shape[0] === cache.length * cache.numKeyValueHeads;
  return rows2 === query.shape[0] && sequences.every(isFull);
}

// ../../packages/attention/src/operations/reference-hybrid-attention.ts
function referenceHybridAttention(call) {
  const { query, output, sequences, logSumExp } = call;
  const [tokens, numQueryHeads, headDim] = [query.shape[0], query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape("hybridAttention", "query", query, [tokens, numQueryHeads, headDim]);
  expectShape("hybridAttention", "output", output, query.shape);
  expectAttentionScores("hybridAttention", call, numQueryHeads);
  if (logSumExp !== void 0) expectShape("hybridAttention", "logSumExp", logSumExp, [tokens, numQueryHeads]);
  for (const sequence of sequences) attendSequence(call, sequence);
}
function attendSequence(call, sequence) {
  const { start, length, cache } = sequence;
  const [numQueryHeads, headDim] = [call.query.shape[1], call.query.shape[2]];
  const q = readFloats(call.query.rows(start, start + length));
  const out = newFloats(call.query, q.length);
  const lse = newFloats(call.query, length * numQueryHeads);
  const [keys2, values] = [readFloats(cache.keys), readFloats(cache.values)];
  const sinks = call.sinkLogits === void 0 ? void 0 : readFloats(call.sinkLogits);
  for (const { queryHead, row, slots } of attentionRows("hybridAttention", call.query, sequence)) {
    const index = row * numQueryHeads + queryHead;
    const scores = { scale: call.scale, softCap: call.softCap, sinkLogit: sinks?.[queryHead] ?? -Infinity };
    lse[index] = attendRow(q, index * headDim, slots, keys2, values, headDim, scores, out);
  }
  writeFloats(call.output.rows(start, start + length), out);
  if (call.logSumExp !== void 0) writeFloats(call.logSumExp.rows(start, start + length), lse);
}
function attendRow(q, at, slots, keys2, values, headDim, { scale: scale2, softCap: softCap2, sinkLogit }, out) {
  if (slots.length === 0) return Infinity;
  const dots = new Float64Array(slots.length);
  addDotProducts(q, at, keys2, slots.map((slot) => slot * headDim), headDim, dots);
  const scores = dots.map((dot) => cappedScore(dot * scale2, softCap2));
  let maximum = sinkLogit;
  for (const score of scores) maximum = Math.max(maximum, score);
  let sum3 = Math.exp(sinkLogit - maximum);
  const mixed = new Float64Array(headDim);
  for (const [index, slot] of slots.entries()) {
    const weight = Math.exp(scores[index] - maximum);
    sum3 += weight;
    for (let i = 0, v = slot * headDim; i < headDim; i++) mixed[i] += weight * values[v + i];
  }
  for (let i = 0; i < headDim; i++) out[at + i] = mixed[i] / sum3;
  return maximum + Math.log(sum3);
}

// ../../packages/attention/src/operations/hybrid-attention.ts
var hybridAttentionGradient = {
  inputs: ({ query, sequences }) => attentionInputs(query, sequences),
  outputs: ({ output, logSumExp }) => [output, ...logSumExp === void 0 ? [] : [logSumExp]],
  keepsInputs: ({ query, sequences }) => attentionInputs(query, sequences),
  keepsResults: ({ output, logSumExp }) => [output, ...logSumExp === void 0 ? [] : [logSumExp]],
  save({ logSumExp }) {
    if (logSumExp === void 0) throw new TapeError("hybridAttention: its gradient needs logSumExp.", "Give the call one.");
  },
  backward({ query, output, logSumExp, sequences, ...scores }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0 || logSumExp === void 0) return;
    addAttentionGradients(gradients, { query, output, logSumExp, outputGradient, sequences, ...scores });
  }
};
var hybridAttention = defineOperation("hybridAttention", referenceHybridAttention, {
  gradient: hybridAttentionGradient
});

// ../../packages/attention/src/decode/decode-step.ts
var decodePlanBytes = defineOperation("decodePlanBytes", () => 0);
var planDecode = defineOperation("planDecode", () => {
});
var prepareDecode = defineOperation("prepareDecode", (call, backend2) => {
  const { batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, cosine, sine } = call;
  const { numKeyValueHeads } = batch.options;
  const heads = (slot, first, count) => queryKeyValue.rows(slot, slot + 1).columns(first * headDim, (first + count) * headDim).reshape([1, count, headDim]);
  for (const [slot, cache] of batch.caches.entries()) {
    var _stack = [];
    try {
      const query = heads(slot, 0, numQueryHeads);
      const keys2 = heads(slot, numQueryHeads, numKeyValueHeads);
      const values = heads(slot, numQueryHeads + numKeyValueHeads, numKeyValueHeads);
      if (queryNorm !== void 0) backend2.kernels.run(headNorm, { heads: query, weight: queryNorm, epsilon });
      if (keyNorm !== void 0) backend2.kernels.run(headNorm, { heads: keys2, weight: keyNorm, epsilon });
      const positions = __using(_stack, backend2.upload(Int32Array.of(cache.length), [1], "i32"));
      for (const rotated of [query, keys2]) backend2.kernels.run(rotary, { heads: rotated, positions, cosine, sine });
      backend2.kernels.run(cacheAppend, { keys: keys2, values, cache: cache.layer(layer) });
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
});
var decodeAttention = defineOperation("decodeAttention", ({ batch, layer, query, output, ...scores }, backend2) => {
  const sequences = batch.caches.map((cache, start) => {
    const { numKeyValueHeads, headDim, length, keys: keys2, values, heads, pages } = cache.layer(layer);
    const grown = { numKeyValueHeads, headDim, length: length + 1, keys: keys2, values, heads, pages };
    return { start, length: 1, cache: grown, routing: cache.decodePatterns(layer) };
  });
  backend2.kernels.run(hybridAttention, { query, output, sequences, ...scores });
});

// ../../packages/attention/src/gradients/dual-sequence.ts
function retrievalSide({ start, length, cache, retrieval }) {
  return { start, length, cache, routing: retrieval ?? fullPatterns(cache.numKeyValueHeads) };
}

// ../../packages/attention/src/gradients/reference-dual-attention.ts
function referenceDualAttention(call) {
  const { query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences } = call;
  const scores = attentionScoresOf(call);
  const full = sequences.map(retrievalSide);
  referenceHybridAttention({ query, output: fullOutput, logSumExp: fullLogSumExp, sequences: full, ...scores });
  referenceHybridAttention({ query, output: sparseOutput, logSumExp: sparseLogSumExp, sequences, ...scores });
}

// ../../packages/attention/src/gradients/dual-attention.ts
var dualAttentionGradient = {
  inputs: ({ query, sequences }) => attentionInputs(query, sequences),
  outputs: ({ fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp }) => [
    fullOutput,
    sparseOutput,
    fullLogSumExp,
    sparseLogSumExp
  ],
  keepsInputs: ({ query, sequences }) => attentionInputs(query, sequences),
  keepsResults: (call) => dualAttentionGradient.outputs(call),
  backward({ query, sequences, ...results }, gradients) {
    const scores = attentionScoresOf(results);
    const [full, sparse] = [gradients.incoming(results.fullOutput), gradients.incoming(results.sparseOutput)];
    if (full !== void 0) {
      const computed = { query, sequences: sequences.map(retrievalSide), ...scores, outputGradient: full };
      addAttentionGradients(gradients, { ...computed, output: results.fullOutput, logSumExp: results.fullLogSumExp });
    }
    if (sparse !== void 0) {
      const computed = { query, sequences, ...scores, outputGradient: sparse };
      addAttentionGradients(gradients, { ...computed, output: results.sparseOutput, logSumExp: results.sparseLogSumExp });
    }
  }
};
var dualAttention = defineOperation("dualAttention", referenceDualAttention, {
  gradient: dualAttentionGradient
});

// ../../packages/attention/src/gradients/gate-mix.ts
var gateMixGradient = {
  inputs: ({ fullOutput, sparseOutput, gates }) => [fullOutput, sparseOutput, gates],
  outputs: ({ output }) => [output],
  keepsInputs: ({ fullOutput, sparseOutput, gates }) => [fullOutput, sparseOutput, gates],
  backward({ fullOutput, sparseOutput, gates, offsets, output }, gradients) {
    const { kernels } = gradients.backend;
    const outputGradient = gradients.incoming(output);
    if (outputGradient === void 0) return;
    gradients.overwrite(
      [gates],
      ([target]) => kernels.run(gateGradient, { outputGradient, fullOutput, sparseOutput, offsets, gateGradient: target })
    );
    const none = gradients.zeros(output.shape, output.dtype);
    gradients.overwrite(
      [fullOutput],
      ([target]) => kernels.run(gateMix, { fullOutput: outputGradient, sparseOutput: none, gates, offsets, output: target })
    );
    gradients.overwrite(
      [sparseOutput],
      ([target]) => kernels.run(gateMix, { fullOutput: none, sparseOutput: outputGradient, gates, offsets, output: target })
    );
  }
};
var gateMix = defineOperation("gateMix", referenceGateMix, { gradient: gateMixGradient });
function referenceGateMix({ fullOutput, sparseOutput, gates, offsets, output }) {
  expectShape("gateMix", "sparseOutput", sparseOutput, fullOutput.shape);
  expectShape("gateMix", "output", output, fullOutput.shape);
  expectShape("gateMix", "gates", gates, [offsets.length - 1, -1]);
  const g = readFloats(gates);
  for (const { sequence, start, end, headElements } of gatedRows("gateMix", fullOutput, gates, offsets)) {
    const [full, sparse] = [readFloats(fullOutput.rows(start, end)), readFloats(sparseOutput.rows(start, end))];
    for (let i = 0; i < full.length; i++) {
      const gate = g[gateOf(i, sequence, headElements, gates, fullOutput)];
      if (gate !== 1) full[i] = gate === 0 ? sparse[i] : gate * full[i] + (1 - gate) * sparse[i];
    }
    writeFloats(output.rows(start, end), full);
  }
}
var gateGradient = defineOperation("gateGradient", (call) => {
  const { outputGradient, fullOutput, sparseOutput, offsets } = call;
  expectShape("gateGradient", "fullOutput", fullOutput, outputGradient.shape);
  expectShape("gateGradient", "sparseOutput", sparseOutput, outputGradient.shape);
  expectShape("gateGradient", "gateGradient", call.gateGradient, [offsets.length - 1, -1]);
  const sums = new Float64Array(call.gateGradient.numElements);
  for (const { sequence, start, end, headElements } of gatedRows("gateGradient", fullOutput, call.gateGradient, offsets)) {
    const [gradient, full, sparse] = [outputGradient, fullOutput, sparseOutput].map((tensor) => readFloats(tensor.rows(start, end)));
    for (let i = 0; i < gradient.length; i++) {
      sums[gateOf(i, sequence, headElements, call.gateGradient, fullOutput)] += gradient[i] * (full[i] - sparse[i]);
    }
  }
  writeFloats(call.gateGradient, sums);
});
function gatedRows(operation, output, gates, offsets) {
  const headElements = output.rowLength / gates.shape[1];
  if (output.shape.length !== 3 || output.shape[1] % gates.shape[1] !== 0) {
    throw new ShapeError(`${operation}: [${output.shape.join(", ")}] has no whole group of query heads for ${gates.shape[1]} gates.`);
  }
  return Array.from({ length: offsets.length - 1 }, (_, sequence) => {
    return { sequence, start: offsets[sequence], end: offsets[sequence + 1], headElements };
  });
}
function gateOf(i, sequence, headElements, gates, output) {
  return sequence * gates.shape[1] + Math.floor(i % output.rowLength / headElements);
}

// ../../packages/attention/src/modes/choose-blocks.ts
function patternOf(mode2) {
  return attentionModeDefinition(mode2).pattern(mode2);
}
function chooseBlocks(context) {
  const { mode: mode2 } = context;
  const definition = attentionModeDefinition(mode2);
  if (definition.select === void 0) throw new InvalidModeError(`Mode "${mode2.kind}" has a "selected" pattern but no select().`);
  return definition.select(context);
}
function chooseBlocksOfHeads(modes, context) {
  const keyValueHeads = modes.flatMap((mode3, head) => patternOf(mode3).type === "selected" ? [head] : []);
  if (keyValueHeads.length === 0) return void 0;
  const mode2 = modes[keyValueHeads[0]];
  if (keyValueHeads.some((head) => JSON.stringify(modes[head]) !== JSON.stringify(mode2))) {
    throw new InvalidModeError("One plan can hold one mode that selects blocks; this one holds several.");
  }
  return chooseBlocks({ ...context, mode: mode2, keyValueHeads });
}

// ../../packages/attention/src/operations/count-visited-blocks.ts
var countVisitedBlocks = defineOperation("countVisitedBlocks", ({ mask, counts }, backend2) => {
  expectShape("countVisitedBlocks", "counts", counts, [mask.numQueryHeads]);
  if (counts.dtype !== "i32") throw new ShapeError(`countVisitedBlocks: counts are i32, found ${counts.dtype}.`);
  const visited = mask.visited.download();
  const entries = mask.queryBlocks * mask.keyBlocks;
  const sums = Int32Array.from(
    { length: mask.numQueryHeads },
    (_, head) => visited.subarray(head * entries, (head + 1) * entries).reduce((sum3, bit) => sum3 + (bit === 1 ? 1 : 0), 0)
  );
  backend2.write(counts, sums);
});

// ../../packages/attention/src/routing/head-plan.ts
var HeadPlan = class _HeadPlan {
  constructor(modes, numSequences, numKeyValueHeads, assignment, logits, source) {
    this.modes = modes;
    this.numSequences = numSequences;
    this.numKeyValueHeads = numKeyValueHeads;
    this.assignment = assignment;
    this.logits = logits;
    this.source = source;
  }
  modes;
  numSequences;
  numKeyValueHeads;
  assignment;
  logits;
  source;
  #known;
  /**
   * A plan from host data: one row of mode indices for each sequence.
   * @throws ShapeError for an index without a mode, InvalidModeError; `logits` then stays the caller's.
   */
  static fromHost(modes, rows2, logits) {
    validateModes(modes);
    const shape = [rows2.length, rows2[0]?.length ?? 0];
    return new _HeadPlan(modes, ...shape, { type: "host", bytes: flatAssignment(rows2, shape, modes.length) }, logits);
  }
  /** Every head of every sequence in one mode. */
  static uniform(mode2, sequences, numKeyValueHeads) {
    return _HeadPlan.fromHost([mode2], Array.from({ length: sequences }, () => new Uint8Array(numKeyValueHeads)));
  }
  /**
   * A plan that the host decides when it is waited for: a router returns it at once, and what does not depend on it is
   * issued before anyone waits. Errors of the decision are thrown to who waits.
   * @throws InvalidModeError; `source` and `logits` then stay the caller's.
   */
  static pending({ modes, shape, decide, source, logits }) {
    validateModes(modes);
    return new _HeadPlan(modes, ...shape, { type: "pending", decide }, logits, source);
  }
  /**
   * A plan that a device decides: attention can take it from there ({@link decisionOf}), and a copy for the host is asked
   * for at once.
   * @throws InvalidModeError; `assignment` and `logits` then stay the caller's.
   */
  static onDevice({ modes, assignment, logits }) {
    validateModes(modes);
    const [sequences, heads] = assignment.shape;
    const download = assignment.startDownload();
    return new _HeadPlan(modes, sequences, heads, { type: "device", tensor: assignment, download }, logits, download);
  }
  /**
   * Mode indices, [sequences · kvHeads]; waits for the router the first time.
   * @throws ShapeError for a decision that does not fit the plan
   */
  waitForAssignment() {
    return this.#known ??= this.#read();
  }
  /** The mode of each head of a sequence; waits as {@link waitForAssignment}. */
  waitForModes(sequence) {
    const { numKeyValueHeads } = this;
    const row = this.waitForAssignment().subarray(sequence * numKeyValueHeads, (sequence + 1) * numKeyValueHeads);
    return Array.from(row, (index) => this.modes[index]);
  }
  /**
   * A sequence's patterns as a device decides them, for a kernel that takes them from there: undefined where the host
   * knows or makes the decision, or where a mode chooses blocks by itself. Never waits.
   */
  decisionOf(sequence) {
    const { assignment } = this;
    if (assignment.type !== "device" || this.#known !== void 0 || this.modes.length > mostPatternChoices) return void 0;
    const choices = this.modes.map(patternOf);
    if (choices.some(({ type }) => type === "selected")) return void 0;
    return { type: "decision", assignment: assignment.tensor, row: sequence, choices };
  }
  /** Frees all of it, also when the backend fails at a part; the first error is thrown at the end. */
  dispose() {
    var _stack = [];
    try {
      const scope = __using(_stack, new MemoryScope());
      if (this.logits !== void 0) scope.track(this.logits);
      if (this.assignment.type === "device") scope.track(this.assignment.tensor);
      scope.track({ [Symbol.dispose]: () => this.#release() });
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  [Symbol.dispose]() {
    this.dispose();
  }
  #read() {
    const { assignment, numSequences, numKeyValueHeads, modes } = this;
    if (assignment.type === "host") return assignment.bytes;
    const bytes = assignment.type === "device" ? assignment.download.read() : flatAssignment(assignment.decide(), [numSequences, numKeyValueHeads], modes.length);
    this.#release();
    return bytes;
  }
  #release() {
    const { source } = this;
    this.source = void 0;
    source?.[Symbol.dispose]();
  }
};
function flatAssignment(rows2, [sequences, heads], modes) {
  if (rows2.length !== sequences || rows2.some((row) => row.length !== heads)) {
    throw new ShapeError(`Every sequence of a plan has the same heads: ${sequences} rows of ${heads} modes were expected.`);
  }
  const flat = new Uint8Array(sequences * heads);
  for (const [sequence, row] of rows2.entries()) {
    const outside = Array.from(row).find((index) => !(Number.isInteger(index) && index >= 0 && index < modes));
    if (outside !== void 0) throw new ShapeError(`Mode index ${outside} in a plan of ${modes} modes.`);
    flat.set(Array.from(row), sequence * heads);
  }
  return flat;
}
function validateModes(modes) {
  if (modes.length === 0) throw new ShapeError("A head plan needs at least one mode.");
  for (const mode2 of modes) attentionModeDefinition(mode2).validate(mode2);
}

// ../../packages/attention/src/routing/sparsity.ts
function countBlocks(pattern, tokens, blockSize2, selectedBlocks) {
  const causal = triangle(Math.ceil(tokens / blockSize2));
  if (pattern.type === "full") return { visited: causal, causal };
  if (pattern.type === "selected" && selectedBlocks === void 0) {
    throw new ShapeError('countBlocks: a "selected" pattern is counted from the blocks that were selected.');
  }
  if (pattern.type === "sliding") return { visited: windowBlocks2(Math.ceil(tokens / blockSize2), slidingBlocks(pattern.windowTokens, blockSize2)), causal };
  const ownBlocks = Math.ceil(tokens / pattern.blockSize);
  const visited = pattern.type === "selected" ? selectedBlocks : windowBlocks2(ownBlocks, pattern.sinkBlocks + pattern.localBlocks);
  return { visited: ownBlocks === 0 ? 0 : visited / triangle(ownBlocks) * causal, causal };
}
function slidingBlocks(windowTokens, blockSize2) {
  return 1 + Math.ceil((windowTokens - 1) / blockSize2);
}
function windowBlocks2(rows2, window) {
  const growing = Math.min(rows2, window);
  return triangle(growing) + (rows2 - growing) * window;
}
function triangle(rows2) {
  return rows2 * (rows2 + 1) / 2;
}

// ../../packages/attention/src/index.ts
registerAttentionMode(fullModeDefinition);
registerAttentionMode(streamingModeDefinition);
registerAttentionMode(xattentionModeDefinition);
registerAttentionMode(slidingModeDefinition);

// ../../packages/addon/src/kernels/pack-attention.ts
function pushAttention(operation, call, attention, decisions = false) {
  const { query, output, sequences, logSumExp } = attention;
  const [tokens, numQueryHeads, headDim] = [query.shape[0], query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape(operation, "query", query, [tokens, numQueryHeads, headDim]);
  expectShape(operation, "output", output, query.shape);
  call.tensor(query).tensor(output);
  if (logSumExp === void 0) {
    call.missing();
  } else {
    expectShape(operation, "logSumExp", logSumExp, [tokens, numQueryHeads]);
    call.tensor(logSumExp);
  }
  call.number(numQueryHeads, headDim);
  pushAttentionScores(operation, call, attention, numQueryHeads).number(sequences.length);
  for (const sequence of sequences) pushSequence(operation, call, sequence, numQueryHeads, decisions);
  return call;
}
function pushAttentionScores(operation, call, scores, numQueryHeads) {
  expectAttentionScores(operation, scores, numQueryHeads);
  const { scale: scale2, softCap: softCap2, sinkLogits } = scores;
  call.number(scale2, softCap2 ?? 0);
  return sinkLogits === void 0 ? call.missing() : call.vector(sinkLogits);
}
function pushSequence(operation, call, sequence, numQueryHeads, decisions) {
  const { start, length, cache } = sequence;
  const routing = decisions ? sequence.routing : waitForPatterns(sequence.routing);
  const heads = numPatternHeads(routing);
  const fits = heads === cache.numKeyValueHeads && numQueryHeads % cache.numKeyValueHeads === 0;
  if (!fits) throw new ShapeError(`${operation}: the heads of query, cache and patterns do not fit together.`);
  call.number(start, length, cache.length).tensor(cache.keys).tensor(cache.values).pages(cache.pages);
  if (routing.type === "decision") {
    const { assignment, row, choices } = routing;
    call.missing().number(0).tensor(assignment).number(row, choices.length, heads);
    for (const choice of choices) pushPattern(operation, call, choice, void 0);
    for (const store of cache.heads) call.store(store);
  } else {
    const { patterns, mask } = routing;
    if (mask === void 0) call.missing().number(0);
    else call.tensor(mask.visited).number(mask.queryBlocks);
    call.missing().number(0, 0, heads);
    for (const [head, store] of cache.heads.entries()) {
      pushPattern(operation, call, patterns[head], mask);
      call.store(store);
    }
  }
}
function pushPattern(operation, call, pattern, mask) {
  if (pattern.type === "selected" && mask?.blockSize !== pattern.blockSize) {
    throw new ShapeError(`${operation}: a "selected" pattern needs a mask of its block size.`);
  }
  call.number(...patternNumbers(pattern));
}

// ../../packages/addon/src/kernels/requirements.ts
function computeFloats(dtypes2) {
  return (operands) => reasonsAgainst(operands, (name2, { dtype: dtype2 }) => dtypes2.includes(dtype2) ? void 0 : `${name2} is ${dtype2}, the kernel computes with ${dtypes2.join(" and ")}`);
}
function requireSameDType(operands) {
  const dtypes2 = Object.entries(operands).map(([name2, tensor]) => `${name2} ${tensor?.dtype}`);
  const different = new Set(Object.values(operands).map((tensor) => tensor?.dtype)).size > 1;
  return different ? [`operands differ in dtype: ${dtypes2.join(", ")}`] : [];
}
function requireFloats(operands) {
  return reasonsAgainst(operands, (name2, { dtype: dtype2 }) => dtype2 === "i32" || dtype2 === "u8" ? `${name2} is ${dtype2}, floats are needed` : void 0);
}
var noReasons = [];
function reasonsAgainst(operands, problemOf) {
  let reasons;
  for (const name2 in operands) {
    const tensor = operands[name2];
    const problem = tensor === void 0 ? void 0 : problemOf(name2, tensor);
    if (problem !== void 0) (reasons ??= []).push(problem);
  }
  return reasons ?? noReasons;
}
function requireRows(caches) {
  return caches.some(({ pages }) => pages !== void 0) ? ["the cache lies in pages, the kernel reads rows"] : [];
}
function requirePlainWeight(weight) {
  return weight.blockLayout === void 0 ? [] : ["the weight is in blocks: load it unpacked, as bf16 or f32"];
}

// ../../packages/addon/src/kernels/attention-kernels.ts
function registerAttentionKernels(backend2) {
  const { addon, kernels } = backend2;
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  kernels.register(hybridAttention, {
    name: "tiles",
    supports: ({ query, output, sequences }) => [
      ...requireComputeFloats({ query, output }),
      ...sequences.flatMap(({ cache }) => requireComputeFloats({ "the cache": cache.keys }))
    ],
    run(call) {
      backend2.call("hybridAttention", addon.hybridAttention, pushAttention("hybridAttention", new CallArguments(), call, true));
    }
  });
  kernels.register(cacheAppend, {
    name: "rows",
    supports: ({ keys: keys2, values, cache }) => requireComputeFloats({ keys: keys2, values, "the cache": cache.keys }),
    run({ keys: keys2, values, cache }) {
      const { numKeyValueHeads, headDim, length, heads } = cache;
      expectShape("cacheAppend", "keys", keys2, [-1, numKeyValueHeads, headDim]);
      expectShape("cacheAppend", "values", values, keys2.shape);
      const call = new CallArguments().tensor(keys2).tensor(values).tensor(cache.keys).tensor(cache.values);
      call.pages(cache.pages).number(length, numKeyValueHeads);
      for (const store of heads) call.store(store);
      backend2.call("cacheAppend", addon.cacheAppend, call);
    }
  });
  kernels.register(copySpans, {
    name: "rows",
    supports: () => [],
    run({ source, destination, spans }) {
      if (spans.length % 3 !== 0) throw new ShapeError(`copySpans: ${spans.length} numbers are not whole triples.`);
      const call = new CallArguments().tensor(source).tensor(destination).number(spans.length / 3, ...spans);
      backend2.call("copySpans", addon.copySpans, call);
    }
  });
  kernels.register(xattentionEstimate, {
    name: "antidiagonals",
    supports: ({ query, cache }) => requireComputeFloats({ query, "the cache": cache.keys }),
    run({ query, cache, keyValueHeads, mode: mode2, scale: scale2 = cache.headDim ** -0.5, softCap: softCap2, roundToBFloat16 = false }) {
      const [tokens, numQueryHeads] = [query.shape[0], query.shape[1] ?? -1];
      expectShape("xattentionEstimate", "query", query, [tokens, numQueryHeads, cache.headDim]);
      expectAttentionScores("xattentionEstimate", { scale: scale2, softCap: softCap2 }, numQueryHeads);
      if (tokens !== cache.length) throw new ShapeError("xattentionEstimate: it needs the queries of every key.");
      const blocks = Math.ceil(tokens / mode2.blockSize);
      const visited = backend2.allocate([numQueryHeads * blocks, blocks], "u8");
      try {
        var _stack = [];
        try {
          const gathered = __using(_stack, cache.pages === void 0 ? void 0 : gatherHeads(backend2, cache, keyValueHeads));
          const call = new CallArguments().tensor(query).tensor(gathered ?? cache.keys).tensor(visited);
          call.number(numQueryHeads, cache.headDim, tokens, mode2.stride, mode2.blockSize, mode2.threshold, scale2, softCap2 ?? 0);
          call.flag(roundToBFloat16).number(numQueryHeads / cache.numKeyValueHeads, keyValueHeads.length);
          for (const [index, head] of keyValueHeads.entries()) {
            const store = cache.heads[head];
            call.number(head).store(gathered === void 0 ? store : { ...store, firstSlot: index * tokens, numSlots: tokens });
          }
          backend2.call("xattentionEstimate", addon.xattentionEstimate, call);
          return createBlockMask(visited, mode2.blockSize, numQueryHeads);
        } catch (_) {
          var _error = _, _hasError = true;
        } finally {
          __callDispose(_stack, _error, _hasError);
        }
      } catch (error) {
        visited.dispose();
        throw error;
      }
    }
  });
}
function gatherHeads(backend2, cache, keyValueHeads) {
  const { length, pages } = cache;
  const spans = [];
  for (const [index, head] of keyValueHeads.entries()) {
    for (let position = 0; position < length; position += pages.pageTokens) {
      const row = rowOf(cache, cache.heads[head], position, length);
      const [rows2, at] = [Math.min(pages.pageTokens, length - position), index * length + position];
      const last = spans.length - 3;
      const follows = last >= 0 && spans[last] + spans[last + 2] === row && spans[last + 1] + spans[last + 2] === at;
      if (follows) spans[last + 2] += rows2;
      else spans.push(row, at, rows2);
    }
  }
  const gathered = backend2.allocate([keyValueHeads.length * length, cache.headDim], cache.keys.dtype);
  try {
    backend2.kernels.run(copySpans, { source: cache.keys, destination: gathered, spans: Int32Array.from(spans) });
    return gathered;
  } catch (error) {
    gathered.dispose();
    throw error;
  }
}

// ../../packages/addon/src/kernels/packed-kernel.ts
function registerPacked(backend2, operation, native, kernel) {
  if (native === void 0) return;
  backend2.kernels.register(operation, {
    name: kernel.name,
    supports: (call) => kernel.supports(call),
    run: (call) => backend2.call(operation.name, native, kernel.pack(call))
  });
}

// ../../packages/addon/src/kernels/expert-kernels.ts
function registerExpertKernels(backend2) {
  registerExpertWeights(backend2);
  const { addon } = backend2;
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  const name2 = "rows";
  registerPacked(backend2, routeExperts, addon.routeExperts, {
    name: name2,
    supports: () => [],
    pack(call) {
      expectRoute(call);
      return new CallArguments().tensor(call.logits).tensor(call.chosen).tensor(call.weights).flag(call.normalized);
    }
  });
  registerPacked(backend2, groupByExpert, addon.groupByExpert, {
    name: name2,
    supports: () => [],
    pack({ chosen, groups }) {
      expectShape("groupByExpert", "chosen", chosen, [-1, -1]);
      expectGroups("groupByExpert", groups, chosen.numRows);
      expectShape("groupByExpert", "slots", groups.slots, chosen.shape);
      return new CallArguments().tensor(chosen).groups(groups);
    }
  });
  registerPacked(backend2, dispatchRows, addon.dispatchRows, {
    name: name2,
    supports: ({ input, output }) => [...requireComputeFloats({ input }), ...requireSameDType({ input, output })],
    pack({ input, groups, output }) {
      expectGroups("dispatchRows", groups, input.numRows);
      expectShape("dispatchRows", "output", output, [groups.rows.numElements, input.rowLength]);
      return new CallArguments().tensor(input).groups(groups).tensor(output);
    }
  });
  registerPacked(backend2, combineRows, addon.combineRows, {
    name: name2,
    supports: ({ input, output }) => requireComputeFloats({ input, output }),
    pack({ input, groups, weights, output, accumulate = false }) {
      expectGroups("combineRows", groups, output.numRows);
      expectShape("combineRows", "input", input, [groups.rows.numElements, output.rowLength]);
      if (weights !== void 0) expectShape("combineRows", "weights", weights, groups.slots.shape);
      return new CallArguments().tensor(input).tensor(output).groups(groups).optionalTensor(weights).flag(accumulate);
    }
  });
  registerPacked(backend2, expertLinear, addon.expertLinear, {
    name: "panels",
    supports: ({ input, bias, output }) => [...requireComputeFloats({ input, output }), ...requireFloats({ bias })],
    pack(call) {
      expectExpertLinear(call);
      const { input, weight, offsets, bias, output } = call;
      return new CallArguments().tensor(input).experts(weight).vector(offsets).optionalTensor(bias).tensor(output);
    }
  });
  registerPacked(backend2, routeExpertsBackward, addon.routeExpertsBackward, {
    name: name2,
    supports: () => [],
    pack({ logits, normalized, chosen, weightsGradient, logitsGradient }) {
      expectRoute({ logits, normalized, chosen, weights: weightsGradient });
      expectShape("routeExpertsBackward", "logitsGradient", logitsGradient, logits.shape);
      return new CallArguments().tensor(logits).tensor(chosen).tensor(weightsGradient).tensor(logitsGradient).flag(normalized);
    }
  });
  registerPacked(backend2, combineRowsBackward, addon.combineRowsBackward, {
    name: name2,
    supports: ({ input, outputGradient, inputGradient }) => requireComputeFloats({ input, outputGradient, inputGradient }),
    pack({ input, groups, weights, outputGradient, inputGradient, weightsGradient }) {
      expectGroups("combineRowsBackward", groups, outputGradient.numRows);
      expectShape("combineRowsBackward", "input", input, [groups.rows.numElements, outputGradient.rowLength]);
      expectShape("combineRowsBackward", "inputGradient", inputGradient, input.shape);
      for (const [operand, tensor] of Object.entries({ weights, weightsGradient })) {
        if (tensor !== void 0) expectShape("combineRowsBackward", operand, tensor, groups.slots.shape);
      }
      const call = new CallArguments().tensor(input).tensor(outputGradient).tensor(inputGradient).groups(groups);
      return call.optionalTensor(weights).optionalTensor(weightsGradient);
    }
  });
  registerPacked(backend2, expertLinearInputGradient, addon.expertLinearInputGradient, {
    name: "panels",
    supports: ({ outputGradient, inputGradient }) => requireComputeFloats({ outputGradient, inputGradient }),
    pack({ outputGradient, offsets, weight, inputGradient }) {
      expectShape("expertLinearInputGradient", "outputGradient", outputGradient, [-1, weight.outFeatures]);
      expectShape("expertLinearInputGradient", "offsets", offsets, [weight.numExperts + 1]);
      expectShape("expertLinearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, weight.inFeatures]);
      return new CallArguments().tensor(outputGradient).experts(weight).vector(offsets).tensor(inputGradient);
    }
  });
}
function registerExpertWeights(backend2) {
  const { addon, kernels } = backend2;
  const { packedDTypes } = backend2.traits;
  kernels.register(allocateExperts, {
    name: "panels",
    supports: ({ dtype: dtype2 }) => packedDTypes.includes(dtype2) ? [] : [`weights are packed as ${packedDTypes.join(" or ")}, not ${dtype2}`],
    run({ numExperts, outFeatures, inFeatures, dtype: dtype2 }) {
      const bytes = addon.packedWeightBytes(Float64Array.of(outFeatures, inFeatures, dtypeCode(dtype2)));
      return new ExpertWeight(backend2, backend2.allocateStorage(numExperts * bytes), numExperts, outFeatures, inFeatures, dtype2);
    }
  });
  kernels.register(packExpert, {
    name: "panels",
    supports: ({ weights }) => weights.flatMap((weight, index) => requireFloats({ [`weight ${index}`]: weight })),
    run(call) {
      expectExpert(call);
      const { experts: experts4, expert, weights } = call;
      const packed = new CallArguments().expert(experts4, expert).number(weights.length);
      for (const weight of weights) packed.tensor(weight);
      backend2.call("packExpert", addon.packLinear, packed);
    }
  });
}

// ../../packages/addon/src/kernels/float-kernels.ts
function registerFloatKernels(backend2) {
  const { addon, kernels } = backend2;
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  const name2 = "rows";
  kernels.register(rmsNorm, {
    name: name2,
    supports: ({ input, output }) => requireComputeFloats({ input, output }),
    run({ input, weight, epsilon, output }) {
      expectShape("rmsNorm", "weight", weight, [input.rowLength]);
      expectShape("rmsNorm", "output", output, input.shape);
      backend2.call("rmsNorm", addon.rmsNorm, new CallArguments().tensor(input).vector(weight).tensor(output).number(epsilon));
    }
  });
  kernels.register(headNorm, {
    name: name2,
    supports: ({ heads }) => requireComputeFloats({ heads }),
    run({ heads, weight, epsilon }) {
      const headDim = heads.shape[2] ?? -1;
      expectShape("headNorm", "heads", heads, [-1, -1, headDim]);
      expectShape("headNorm", "weight", weight, [headDim]);
      backend2.call("headNorm", addon.headNorm, new CallArguments().tensor(heads).vector(weight).number(epsilon));
    }
  });
  kernels.register(layerNorm, {
    name: name2,
    supports: ({ input, weight, bias, output }) => [...requireComputeFloats({ input, output }), ...requireFloats({ weight, bias })],
    run({ input, weight, bias, epsilon, output }) {
      expectShape("layerNorm", "weight", weight, [input.rowLength]);
      if (bias !== void 0) expectShape("layerNorm", "bias", bias, [input.rowLength]);
      expectShape("layerNorm", "output", output, input.shape);
      const call = new CallArguments().tensor(input).vector(weight);
      if (bias === void 0) call.missing();
      else call.vector(bias);
      backend2.call("layerNorm", addon.layerNorm, call.tensor(output).number(epsilon));
    }
  });
  kernels.register(rotary, {
    name: name2,
    supports: ({ heads }) => requireComputeFloats({ heads }),
    run({ heads, positions, cosine, sine, inverse = false, pairs = "halves" }) {
      const headDim = heads.shape[2] ?? -1;
      expectShape("rotary", "heads", heads, [-1, -1, headDim]);
      expectShape("rotary", "positions", positions, [heads.shape[0]]);
      turnedHalf(headDim, cosine);
      expectShape("rotary", "sine", sine, cosine.shape);
      const call = new CallArguments().tensor(heads).vector(positions).tensor(cosine).tensor(sine);
      backend2.call("rotary", addon.rotary, call.number(headDim).flag(inverse).flag(pairs === "neighbours"));
    }
  });
  kernels.register(gatedActivation, {
    name: name2,
    supports: ({ gate, up, output }) => [...requireComputeFloats({ gate }), ...requireSameDType({ gate, up, output })],
    run({ gate, up, activation, output }) {
      expectShape("gatedActivation", "up", up, gate.shape);
      expectShape("gatedActivation", "output", output, gate.shape);
      const call = new CallArguments().tensor(gate).tensor(up).tensor(output);
      backend2.call("gatedActivation", addon.gatedActivation, call.gate(activation));
    }
  });
  kernels.register(activate, {
    name: name2,
    supports: ({ input, output }) => [...requireComputeFloats({ input }), ...requireSameDType({ input, output })],
    run({ input, activation, output }) {
      expectShape("activate", "output", output, input.shape);
      backend2.call("activate", addon.activate, new CallArguments().tensor(input).tensor(output).activation(activation));
    }
  });
  kernels.register(embedding, {
    name: name2,
    supports: ({ table: table2, output }) => requireFloats({ table: table2, output }),
    run({ ids, table: table2, scale: factor = 1, output }) {
      expectShape("embedding", "ids", ids, [-1]);
      expectShape("embedding", "output", output, [ids.numRows, table2.rowLength]);
      backend2.call("embedding", addon.embedding, new CallArguments().vector(ids).tensor(table2).tensor(output).number(factor));
    }
  });
  kernels.register(add, {
    name: name2,
    supports: ({ a, b, output }) => [...requireComputeFloats({ a }), ...requireSameDType({ a, b, output })],
    run({ a, b, scale: factor = 1, output }) {
      expectShape("add", "b", b, a.shape);
      expectShape("add", "output", output, a.shape);
      backend2.call("add", addon.add, new CallArguments().tensor(a).tensor(b).tensor(output).number(factor));
    }
  });
  kernels.register(scale, {
    name: name2,
    supports: ({ input, output }) => requireComputeFloats({ input, output }),
    run({ input, factor, softCap: softCap2, output }) {
      expectShape("scale", "output", output, input.shape);
      if (softCap2 !== void 0) expectSoftCap("scale", softCap2);
      backend2.call("scale", addon.scale, new CallArguments().tensor(input).tensor(output).number(factor, softCap2 ?? 0));
    }
  });
  kernels.register(cast, {
    name: name2,
    supports: ({ input, output }) => requireFloats({ input, output }),
    run({ input, output }) {
      expectShape("cast", "output", output, input.shape);
      backend2.call("cast", addon.cast, new CallArguments().tensor(input).tensor(output));
    }
  });
}

// ../../packages/addon/src/kernels/linear-kernels.ts
function registerLinearKernels(backend2) {
  const { addon, kernels } = backend2;
  const { packedDTypes } = backend2.traits;
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  kernels.register(packLinear, {
    name: "panels",
    supports: ({ weights, dtype: dtype2 }) => [
      ...packedDTypes.includes(dtype2) ? [] : [`weights are packed as ${packedDTypes.join(" or ")}, not ${dtype2}`],
      ...weights.flatMap((weight, index) => requireFloats({ [`weight ${index}`]: weight }))
    ],
    run({ weights, dtype: dtype2 }) {
      const first = weights[0];
      if (first === void 0) throw new ShapeError("packLinear: no weight given.");
      const inFeatures = first.shape[1] ?? -1;
      for (const weight of weights) expectShape("packLinear", "weight", weight, [-1, inFeatures]);
      const outFeatures = weights.reduce((sum3, weight) => sum3 + weight.numRows, 0);
      const shape = Float64Array.of(outFeatures, inFeatures, dtypeCode(dtype2));
      const storage = backend2.allocateStorage(addon.packedWeightBytes(shape));
      const packed = new LinearWeight(backend2, storage, outFeatures, inFeatures, dtype2);
      try {
        const call = new CallArguments().weight(packed).number(weights.length);
        for (const weight of weights) call.tensor(weight);
        backend2.call("packLinear", addon.packLinear, call);
      } catch (error) {
        packed.dispose();
        throw error;
      }
      return packed;
    }
  });
  kernels.register(linear, {
    name: "panels",
    supports: ({ input, weight, bias, output }) => [
      ...requireComputeFloats({ input, output }),
      ...requireFloats({ bias }),
      ...requirePlainWeight(weight)
    ],
    run({ input, weight, bias, output, accumulate = false }) {
      expectShape("linear", "input", input, [-1, weight.inFeatures]);
      expectShape("linear", "output", output, [input.numRows, weight.outFeatures]);
      if (bias !== void 0) expectShape("linear", "bias", bias, [weight.outFeatures]);
      const call = new CallArguments().tensor(input).weight(weight);
      if (bias === void 0) call.missing();
      else call.vector(bias);
      backend2.call("linear", addon.linear, call.tensor(output).flag(accumulate));
    }
  });
}

// ../../packages/addon/src/kernels/preparation-kernels.ts
function registerPreparationKernels(backend2) {
  const { addon, kernels } = backend2;
  const name2 = "rows";
  kernels.register(rotaryTables, {
    name: name2,
    supports: () => [],
    run({ frequencies, scale: scale2, cosine, sine }) {
      expectShape("rotaryTables", "cosine", cosine, [-1, frequencies.numElements]);
      expectShape("rotaryTables", "sine", sine, cosine.shape);
      const call = new CallArguments().vector(frequencies).tensor(cosine).tensor(sine).number(scale2);
      backend2.call("rotaryTables", addon.rotaryTables, call);
    }
  });
  kernels.register(fillNormal, {
    name: name2,
    supports: ({ output }) => requireFloats({ output }),
    run({ output, seed, deviation: deviation2 }) {
      backend2.call("fillNormal", addon.fillNormal, new CallArguments().tensor(output).number(seed | 0, deviation2));
    }
  });
  kernels.register(firstNotFinite, {
    name: name2,
    supports: ({ input }) => requireFloats({ input }),
    run({ input, output }) {
      expectShape("firstNotFinite", "output", output, [1]);
      backend2.call("firstNotFinite", addon.firstNotFinite, new CallArguments().tensor(input).vector(output));
    }
  });
  kernels.register(countVisitedBlocks, {
    name: name2,
    supports: () => [],
    run({ mask, counts }) {
      expectShape("countVisitedBlocks", "counts", counts, [mask.numQueryHeads]);
      if (counts.dtype !== "i32") throw new ShapeError(`countVisitedBlocks: counts are i32, found ${counts.dtype}.`);
      backend2.call("countVisitedBlocks", addon.countVisitedBlocks, new CallArguments().tensor(mask.visited).vector(counts));
    }
  });
}

// ../../packages/router/src/operations/router-pooling.ts
function pooledRanges(pooling, start, end, sequence = 0) {
  if (end <= start) throw new ShapeError(`Router pooling: sequence ${sequence} is empty.`);
  if (pooling.kind === "mean") return [[start, end]];
  if (pooling.kind === "boundary") {
    return [
      [start, Math.min(end, start + pooling.tokens)],
      [Math.max(start, end - pooling.tokens), end]
    ];
  }
  const ranges = (pooling.ranges[sequence] ?? []).filter(([first, last]) => first !== last);
  const outside = ranges.find(([first, last]) => !(first >= start && first < last && last <= end));
  if (outside !== void 0) {
    throw new ShapeError(`Router pooling: rows ${outside[0]} to ${outside[1]} leave sequence ${sequence} (${start} to ${end}).`);
  }
  if (ranges.length === 0) throw new ShapeError(`Router pooling: sequence ${sequence} has no rows to average.`);
  return ranges;
}
function poolKeys(keys2, ranges) {
  const width = keys2.rowLength;
  const sum3 = new Float64Array(width);
  for (const [start, end] of ranges) {
    const rows2 = readFloats(keys2.rows(start, end));
    for (let i = 0; i < rows2.length; i++) sum3[i % width] += rows2[i];
  }
  const count = countRows(ranges);
  return sum3.map((value) => value / count);
}
function countRows(ranges) {
  return ranges.reduce((count, [start, end]) => count + end - start, 0);
}

// ../../packages/router/src/learned/pooled-queries.ts
function pooledQueries(queries2, offsets, pooling) {
  const { backend: backend2 } = queries2;
  const [, numHeads, headDim] = queries2.shape;
  const ranges = offsets.slice(1).map((end, sequence) => pooledRanges(pooling, offsets[sequence], end, sequence));
  const bounds = [0];
  for (const each of ranges) bounds.push(bounds.at(-1) + countRows(each));
  const copy = backend2.allocate([bounds.at(-1), numHeads, headDim], queries2.dtype);
  try {
    let row = 0;
    for (const [start, end] of ranges.flat()) {
      backend2.kernels.run(cast, { input: queries2.rows(start, end), output: copy.rows(row, row + end - start) });
      row += end - start;
    }
    const rows2 = copy.reshape([copy.numRows * numHeads, 1, headDim]);
    return { rows: rows2, offsets: bounds.map((bound) => bound * numHeads), [Symbol.dispose]: () => copy.dispose() };
  } catch (error) {
    copy.dispose();
    throw error;
  }
}

// ../../packages/router/src/learned/router-weights.ts
function routerParameters(router) {
  return routerLinears(router).flatMap(({ weight, bias }) => [weight, bias]);
}
function routerLinears({ taskMlp, routerMlp }) {
  return [...taskMlp, ...routerMlp];
}
function routerMlpsOf(tensors) {
  const linear2 = (index) => ({ weight: tensors[2 * index], bias: tensors[2 * index + 1] });
  return { taskMlp: [linear2(0), linear2(1)], routerMlp: [linear2(2), linear2(3), linear2(4)] };
}
function routerWeightsOf(tensors) {
  const mlps = routerMlpsOf(tensors);
  return {
    ...mlps,
    headDim: mlps.taskMlp[0].weight.shape[1],
    decides: mlps.taskMlp[1].weight.numRows === mlps.taskMlp[0].weight.shape[1] ? "heads" : "layer",
    classes: mlps.routerMlp[2].weight.numRows,
    parameters: tensors.reduce((sum3, { numElements }) => sum3 + numElements, 0),
    [Symbol.dispose]: () => tensors.forEach((tensor) => tensor.dispose())
  };
}
var routerLinearNames = [
  "cls_feat_extractor.0",
  "cls_feat_extractor.2",
  "cls_router_head_agnostic.0",
  "cls_router_head_agnostic.2",
  "cls_router_head_agnostic.4"
];
function hasRouterWeights(source, prefix) {
  return source.has(`${prefix}${routerLinearNames[0]}.weight`);
}
function loadRouterWeights(source, prefix, backend2, headDim, toFloat32) {
  const tensors = [];
  const read = (name2, shape) => {
    if (!source.has(name2)) throw new MissingTensorError(name2, source.path);
    const entry = source.entry(name2);
    const fits = entry.shape.length === shape.length && shape.every((size2, i) => size2 === void 0 || size2 === entry.shape[i]);
    if (!fits) {
      const expected = shape.map((size2) => size2 ?? "any").join(", ");
      throw new ShapeError(`${name2} must be [${expected}], found [${entry.shape.join(", ")}].`);
    }
    const tensor = backend2.upload(toFloat32(source.read(name2), entry.type), entry.shape, "f32");
    tensors.push(tensor);
    return tensor;
  };
  const linear2 = (index, outFeatures, inFeatures) => {
    const { numRows } = read(`${prefix}${routerLinearNames[index]}.weight`, [outFeatures, inFeatures]);
    read(`${prefix}${routerLinearNames[index]}.bias`, [numRows]);
    return numRows;
  };
  try {
    const taskWidth = linear2(0, void 0, headDim);
    const features = linear2(1, void 0, taskWidth);
    if (features !== headDim && features !== 2 * headDim) {
      throw new UnsupportedRouterError(
        `${prefix}${routerLinearNames[1]} gives ${features} features; a router of heads gives ${headDim}, one of whole layers ${2 * headDim}.`
      );
    }
    const routerWidth = linear2(2, void 0, features);
    linear2(3, headDim, routerWidth);
    const classes2 = linear2(4, void 0, headDim);
    if (classes2 !== 2) {
      throw new UnsupportedRouterError(
        `${prefix}* has ${classes2} output class(es); the softmax variant with 2 is supported.`,
        "The sigmoid variant adds random noise when it evaluates, so its decisions cannot be reproduced."
      );
    }
    return routerWeightsOf(tensors);
  } catch (error) {
    for (const tensor of tensors) tensor.dispose();
    throw error;
  }
}

// ../../packages/router/src/operations/reference-router-mlp.ts
function hasActivation(layer) {
  return layer !== 1 && layer !== 4;
}
function hostLinear({ weight, bias }) {
  return { weight: readFloats(weight), bias: readFloats(bias) };
}
function applyLinear({ weight, bias }, x) {
  return Float64Array.from(bias, (b, row) => {
    let sum3 = b;
    for (let i = 0; i < x.length; i++) sum3 += weight[row * x.length + i] * x[i];
    return sum3;
  });
}

// ../../packages/router/src/operations/router-logits-backward.ts
var routerLogitsBackward = defineOperation("routerLogitsBackward", (call) => {
  const { keys: keys2, offsets, weights, logitsGradient, keysGradient } = call;
  const [tokens, heads, headDim] = [keys2.shape[0], keys2.shape[1] ?? -1, weights.headDim];
  expectShape("routerLogitsBackward", "keys", keys2, [tokens, heads, headDim]);
  expectShape("routerLogitsBackward", "logitsGradient", logitsGradient, [offsets.length - 1, heads, weights.classes]);
  if (keysGradient !== void 0) expectShape("routerLogitsBackward", "keysGradient", keysGradient, keys2.shape);
  const targets = routerLinears(call.weightGradients);
  for (const [index, { weight, bias }] of routerLinears(weights).entries()) {
    expectShape("routerLogitsBackward", `weight gradient ${index}`, targets[index].weight, weight.shape);
    expectShape("routerLogitsBackward", `bias gradient ${index}`, targets[index].bias, bias.shape);
  }
  const layers = routerLinears(weights).map(hostLinear);
  const sums = layers.map(({ weight, bias }) => ({ weight: new Float64Array(weight.length), bias: new Float64Array(bias.length) }));
  const gradient = readFloats(logitsGradient);
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    const ranges = pooledRanges(call.pooling, offsets[sequence], offsets[sequence + 1], sequence);
    const pooled = poolKeys(keys2, ranges);
    const pooledGradient = newFloats(keys2, heads * headDim);
    for (let head = 0; head < heads; head++) {
      const at = (sequence * heads + head) * weights.classes;
      const output = Float64Array.from(gradient.subarray(at, at + weights.classes));
      const input = pooled.slice(head * headDim, (head + 1) * headDim);
      pooledGradient.set(headBackward(layers, sums, input, output), head * headDim);
    }
    if (keysGradient !== void 0) spread(keysGradient, ranges, pooledGradient);
  }
  for (const [index, { weight, bias }] of targets.entries()) {
    addTo(weight, sums[index].weight);
    addTo(bias, sums[index].bias);
  }
});
function headBackward(layers, sums, pooled, outputGradient) {
  const inputs2 = [pooled];
  const linear2 = [];
  for (const [index, layer] of layers.entries()) {
    linear2.push(applyLinear(layer, inputs2[index]));
    inputs2.push(hasActivation(index) ? linear2[index].map((value) => value / (1 + Math.exp(-value))) : linear2[index]);
  }
  let gradient = outputGradient;
  for (let index = layers.length - 1; index >= 0; index--) {
    const before = linear2[index];
    if (hasActivation(index)) gradient = gradient.map((value, i) => value * siluSlope(before[i]));
    const input = inputs2[index];
    const { weight } = layers[index];
    const next = new Float64Array(input.length);
    for (let row = 0; row < gradient.length; row++) {
      sums[index].bias[row] += gradient[row];
      for (let i = 0, at = row * input.length; i < input.length; i++) {
        sums[index].weight[at + i] += gradient[row] * input[i];
        next[i] += gradient[row] * weight[at + i];
      }
    }
    gradient = next;
  }
  return gradient;
}
function siluSlope(x) {
  const sigmoid2 = 1 / (1 + Math.exp(-x));
  return sigmoid2 * (1 + x * (1 - sigmoid2));
}
function spread(keysGradient, ranges, pooledGradient) {
  const count = countRows(ranges);
  for (const [start, end] of ranges) {
    const rows2 = readFloats(keysGradient.rows(start, end));
    for (let i = 0; i < rows2.length; i++) rows2[i] += pooledGradient[i % pooledGradient.length] / count;
    writeFloats(keysGradient.rows(start, end), rows2);
  }
}
function addTo(target, sums) {
  const values = readFloats(target);
  for (let i = 0; i < values.length; i++) values[i] += sums[i];
  writeFloats(target, values);
}

// ../../packages/router/src/operations/router-logits.ts
var routerLogitsGradient = {
  inputs: ({ keys: keys2, weights }) => [keys2, ...routerParameters(weights)],
  outputs: ({ output }) => [output],
  keepsInputs: (call) => routerLogitsGradient.inputs(call),
  backward({ keys: keys2, offsets, weights, pooling, output }, gradients) {
    const logitsGradient = gradients.incoming(output);
    if (logitsGradient === void 0) return;
    gradients.backend.kernels.run(routerLogitsBackward, {
      keys: keys2,
      offsets,
      weights,
      pooling,
      logitsGradient,
      weightGradients: routerMlpsOf(routerParameters(weights).map((tensor) => gradients.addable(tensor))),
      ...gradients.wants(keys2) ? { keysGradient: gradients.addable(keys2) } : {}
    });
  }
};
var routerLogits = defineOperation("routerLogits", referenceRouterLogits, {
  gradient: routerLogitsGradient
});
function referenceRouterLogits(call) {
  const { keys: keys2, offsets, weights, output, decision } = call;
  const [tokens, heads, headDim] = [keys2.shape[0], keys2.shape[1] ?? -1, weights.headDim];
  expectShape("routerLogits", "keys", keys2, [tokens, heads, headDim]);
  expectShape("routerLogits", "output", output, [offsets.length - 1, heads, weights.classes]);
  const round2 = call.rounding === "bfloat16" ? (value) => fromBFloat16(toBFloat16(value)) : (value) => value;
  const layers = routerLinears(weights).map(hostLinear);
  const logits = [];
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    const ranges = pooledRanges(call.pooling, offsets[sequence], offsets[sequence + 1], sequence);
    const pooled = poolKeys(keys2, ranges).map(round2);
    for (let head = 0; head < heads; head++) {
      let x = pooled.slice(head * headDim, (head + 1) * headDim);
      for (const [index, layer] of layers.entries()) {
        x = applyLinear(layer, x).map(round2);
        if (hasActivation(index)) x = x.map((value) => round2(value / (1 + Math.exp(-value))));
      }
      logits.push(...x);
    }
  }
  writeFloats(output, logits);
  if (decision === void 0) return;
  expectDecision(decision, output.shape);
  const rounded = readFloats(output);
  const modes = Uint8Array.from({ length: rounded.length / 2 }, (_, head) => rounded[2 * head + 1] - rounded[2 * head] > decision.threshold ? 0 : 1);
  decision.assignment.backend.write(decision.assignment, modes);
}
function expectDecision({ assignment }, [sequences, heads, classes2]) {
  if (classes2 !== 2) throw new ShapeError(`routerLogits: a decision is between two classes; the router has ${classes2}.`);
  expectShape("routerLogits", "the assignment", assignment, [sequences, heads]);
  if (assignment.dtype !== "u8") throw new ShapeError(`routerLogits: the assignment is ${assignment.dtype}; it must be u8.`);
}

// ../../packages/router/src/learned/learned-router.ts
var LearnedRouter = class {
  constructor(options) {
    this.options = options;
    this.modes = [options.retrievalMode, options.sparseMode];
  }
  options;
  name = "learned";
  modes;
  /** Parameters of all layers. */
  get parameters() {
    return this.options.layers.reduce((sum3, layer) => sum3 + (layer?.parameters ?? 0), 0);
  }
  /** As its weights say. */
  get decidesWholeLayers() {
    return this.options.layers[0]?.decides === "layer";
  }
  /** The kernel decides about heads, and attention can take the decision from the device; about a layer the host does. */
  route(input) {
    var _stack = [];
    try {
      if (this.decidesWholeLayers && input.share !== void 0) throw this.#wholeLayersOnly();
      if (this.decidesWholeLayers) return this.#routeLayer(input);
      const { backend: backend2, keys: keys2, offsets } = input;
      const scope = __using(_stack, new MemoryScope());
      const assignment = scope.track(backend2.allocate([offsets.length - 1, keys2.shape[1]], "u8"));
      const logits = scope.track(this.#logits(input, assignment));
      const plan = HeadPlan.onDevice({ modes: this.modes, assignment, logits });
      scope.move();
      return plan;
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  score(input) {
    var _stack = [];
    try {
      const scores = __using(_stack, this.startScore(input));
      return scores.read();
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  startScore(input) {
    var _stack = [];
    try {
      const logits = __using(_stack, this.#logits(input));
      return this.#pendingScores(logits, this.decidesWholeLayers ? input.keys.shape[1] : 1);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  #routeLayer(input) {
    var _stack = [];
    try {
      const [sequences, heads] = [input.offsets.length - 1, input.keys.shape[1]];
      const scope = __using(_stack, new MemoryScope());
      const logits = scope.track(this.#logits(input));
      const source = scope.track(this.#pendingScores(logits, heads));
      const decide = () => {
        const scores = source.read();
        return Array.from({ length: sequences }, (_2, row) => Uint8Array.from(scores.subarray(row * heads, (row + 1) * heads), (score) => score > 0 ? 0 : 1));
      };
      const plan = HeadPlan.pending({ modes: this.modes, shape: [sequences, heads], decide, source, logits });
      scope.move();
      return plan;
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  describe() {
    if (this.decidesWholeLayers) throw this.#wholeLayersOnly();
    const { retrievalMode, sparseMode, tieRule = "float32" } = this.options;
    return { kind: "learned", retrievalMode, sparseMode, tieRule };
  }
  #wholeLayersOnly() {
    return new UnsupportedRouterError("Routers that decide about whole layers (Flux Attention) average over all heads, which one of several ranks does not have.", "Use one card with them.");
  }
  /** Nothing to give back: the weights are their owner's. */
  [Symbol.dispose]() {
  }
  /** @param assignment gets what the logits decide */
  #logits({ backend: backend2, layer, keys: keys2, queries: queries2, offsets }, assignment) {
    const weights = this.options.layers[layer];
    if (weights === void 0) throw new UnsupportedRouterError(`The router has no weights for layer ${layer}.`);
    const rounding = this.options.tieRule ?? "float32";
    const pooling = this.options.pooling ?? { kind: "boundary", tokens: 100 };
    const heads = weights.decides === "layer" ? 1 : keys2.shape[1];
    const output = backend2.allocate([offsets.length - 1, heads, weights.classes], "f32");
    try {
      if (weights.decides === "layer") {
        var _stack = [];
        try {
          if (queries2 === void 0) throw new UnsupportedRouterError("A router of whole layers decides by the queries; it was given keys alone.");
          const pooled = __using(_stack, pooledQueries(queries2, offsets, pooling));
          backend2.kernels.run(routerLogits, { keys: pooled.rows, offsets: pooled.offsets, weights, pooling: { kind: "mean" }, rounding, output });
          return output;
        } catch (_) {
          var _error = _, _hasError = true;
        } finally {
          __callDispose(_stack, _error, _hasError);
        }
      }
      const decision = assignment === void 0 ? {} : { decision: { assignment, threshold: this.#widestTie } };
      backend2.kernels.run(routerLogits, { keys: keys2, offsets, weights, pooling, rounding, output, ...decision });
      return output;
    } catch (error) {
      output.dispose();
      throw error;
    }
  }
  /** @param heads that share each decision */
  #pendingScores(logits, heads) {
    const download = logits.startDownload();
    return {
      read: () => this.#scores(hostArray(download.read(), "f32"), heads),
      [Symbol.dispose]: () => download.dispose()
    };
  }
  /** Lead of class 1 (retrieval) over class 0; 0 is a tie and goes to the sparse mode. */
  #scores(values, heads) {
    return Float32Array.from({ length: values.length / 2 * heads }, (_, head) => {
      const at = 2 * Math.floor(head / heads);
      const lead = values[at + 1] - values[at];
      return Math.abs(lead) <= this.#widestTie ? 0 : lead;
    });
  }
  /** Leads of either class up to this are ties. */
  get #widestTie() {
    return this.options.tieRule === "bfloat16" ? widestRoundedTie : 0;
  }
};
function tiesWhenRounded(lead) {
  const rounded = (value) => fromBFloat16(toBFloat16(value));
  return rounded(1 / (1 + Math.exp(-lead))) === rounded(1 / (1 + Math.exp(lead)));
}
var widestRoundedTie = (() => {
  let [tie, lead] = [0, 1];
  for (; ; ) {
    const middle = (tie + lead) / 2;
    if (middle === tie || middle === lead) return tie;
    if (tiesWhenRounded(middle)) tie = middle;
    else lead = middle;
  }
})();

// ../../packages/router/src/router.ts
function startScore(router, input) {
  if (router.startScore !== void 0) return router.startScore(input);
  const scores = router.score(input);
  return { read: () => scores, [Symbol.dispose]: () => {
  } };
}

// ../../packages/router/src/learned/sparsity-dial.ts
var SparsityDial = class {
  constructor(options) {
    this.options = options;
    const { target, router } = options;
    if (!(target >= 0 && target <= 1)) throw new ShapeError(`Target sparsity must be between 0 and 1, found ${target}.`);
    if (router.decidesWholeLayers === true) {
      throw new UnsupportedRouterError(
        "This model's routers decide about whole layers (Flux Attention); a target sparsity moves single heads.",
        "Leave the target sparsity out, or choose a router of heads."
      );
    }
    this.name = `${router.name} at ${target}`;
    this.modes = router.modes;
  }
  options;
  name;
  modes;
  route(input) {
    var _stack = [];
    try {
      const { layer, keys: keys2, offsets, share } = input;
      const [sequences, heads] = [offsets.length - 1, keys2.shape[1]];
      const all = share?.numHeads ?? heads;
      const quota = this.expectedSparseHeads(this.options.numLayers, all)[layer] ?? 0;
      const scope = __using(_stack, new MemoryScope());
      const source = scope.track(startScore(this.options.router, input));
      const decide = () => {
        const own = source.read();
        const scores = share === void 0 ? own : share.gather(own);
        return Array.from({ length: sequences }, (_2, sequence) => {
          const row = lowestHeads(scores.subarray(sequence * all, (sequence + 1) * all), quota);
          return share === void 0 ? row : share.heads.map((head) => row[head]);
        });
      };
      const plan = HeadPlan.pending({ modes: this.modes, shape: [sequences, heads], decide, source });
      scope.move();
      return plan;
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  expectedSparseHeads(_numLayers, numKeyValueHeads) {
    const { target, numLayers, routedLayers: routedLayers2 } = this.options;
    if (routedLayers2 === void 0) return layerQuotas(this.options, numKeyValueHeads);
    const quotas = layerQuotas({ target, numLayers: routedLayers2.length }, numKeyValueHeads);
    return Array.from({ length: numLayers }, (_, layer) => quotas[routedLayers2.indexOf(layer)] ?? 0);
  }
  describe() {
    const { router, ...options } = this.options;
    const inner2 = router.describe?.();
    if (inner2 === void 0) throw new UnsupportedRouterError(`Router "${router.name}" cannot be asked on several ranks.`, "Use one card with it.");
    return { kind: "dial", router: inner2, ...options };
  }
  /** The wrapped router stays its owner's. */
  [Symbol.dispose]() {
  }
};
function layerQuotas({ target, numLayers }, heads) {
  const share = Math.round(target * numLayers * heads) / numLayers;
  let exact = 0;
  let given = 0;
  return Array.from({ length: numLayers }, () => {
    exact += share;
    const quota = Math.min(heads, Math.round(exact + 1e-9) - given);
    given += quota;
    return quota;
  });
}
function lowestHeads(scores, quota) {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b] || a - b);
  const row = new Uint8Array(scores.length);
  for (const head of order.slice(0, quota)) row[head] = 1;
  return row;
}

// ../../packages/router/src/static/constant-router.ts
var ConstantRouter = class {
  /** @param retrievalMode when `mode` is a sparse one: the mode it is measured against, so that MSR counts it. */
  constructor(mode2, retrievalMode) {
    this.mode = mode2;
    this.retrievalMode = retrievalMode;
    this.modes = retrievalMode === void 0 ? [mode2] : [retrievalMode, mode2];
    this.#index = this.modes.length - 1;
  }
  mode;
  retrievalMode;
  name = "constant";
  modes;
  #index;
  route({ keys: keys2, offsets }) {
    const row = new Uint8Array(keys2.shape[1]).fill(this.#index);
    return HeadPlan.fromHost(this.modes, Array.from({ length: offsets.length - 1 }, () => row));
  }
  expectedSparseHeads(numLayers, numKeyValueHeads) {
    return Array.from({ length: numLayers }, () => this.#index === 0 ? 0 : numKeyValueHeads);
  }
  describe() {
    const { mode: mode2, retrievalMode } = this;
    return { kind: "constant", mode: mode2, ...retrievalMode === void 0 ? {} : { retrievalMode } };
  }
  [Symbol.dispose]() {
  }
};

// ../../packages/router/src/static/static-router.ts
var StaticRouter = class {
  /** @throws ShapeError for a sparsity outside 0 to 1. */
  constructor(options) {
    this.options = options;
    const { list, retrievalMode, sparseMode, sparsity = list.sparsity, routedLayers: routedLayers2 } = options;
    this.modes = [retrievalMode, sparseMode];
    this.assignment = bestHeads(list.scores, sparsity, routedLayers2);
    const order = bestFirst(list.scores, routedLayers2);
    const kept = keptHeads(order.length, sparsity);
    const scores = list.scores.map((row) => new Float32Array(row.length));
    for (const [rank2, { layer, head }] of order.entries()) scores[layer][head] = kept - rank2 - 0.5;
    this.#scores = scores;
  }
  options;
  name = "static";
  modes;
  /** [layer][kvHead]: 0 retrieval, 1 sparse. */
  assignment;
  /** [layer][kvHead]: by rank over the model, so that scores of any size keep their order and the threshold is at 0. */
  #scores;
  route(input) {
    const { offsets } = input;
    const row = ownOf(this.#row(this.assignment, input), input);
    return HeadPlan.fromHost(this.modes, Array.from({ length: offsets.length - 1 }, () => row));
  }
  score(input) {
    const { offsets } = input;
    const one = ownOf(this.#row(this.#scores, input), input);
    const all = new Float32Array(one.length * (offsets.length - 1));
    for (let start = 0; start < all.length; start += one.length) all.set(one, start);
    return all;
  }
  expectedSparseHeads() {
    return this.assignment.map((row) => row.reduce((sum3, mode2) => sum3 + mode2, 0));
  }
  describe() {
    return { kind: "static", ...this.options };
  }
  [Symbol.dispose]() {
  }
  /** What a list has for a layer. */
  #row(rows2, { layer, keys: keys2, share }) {
    const row = rows2[layer];
    const heads = share?.numHeads ?? keys2.shape[1];
    if (row === void 0 || row.length !== heads) {
      throw new HeadListError(
        `The head list has ${this.assignment.length} layers of ${this.assignment[0].length} heads; layer ${layer} of the model has ${heads}.`
      );
    }
    return row;
  }
};
function ownOf(row, { share }) {
  return share === void 0 ? row : Float32Array.from(share.heads, (head) => row[head]);
}
function bestHeads(scores, sparsity, routedLayers2) {
  const order = bestFirst(scores, routedLayers2);
  const assignment = scores.map((row) => new Uint8Array(row.length));
  for (const { layer, head } of order.slice(keptHeads(order.length, sparsity))) assignment[layer][head] = 1;
  return assignment;
}
function bestFirst(scores, routedLayers2) {
  const heads = scores.flatMap((row, layer) => routedLayers2?.includes(layer) === false ? [] : row.map((score, head) => ({ layer, head, score })));
  return heads.sort((a, b) => b.score - a.score || a.layer - b.layer || a.head - b.head);
}
function keptHeads(heads, sparsity) {
  if (!(sparsity >= 0 && sparsity <= 1)) throw new ShapeError(`Sparsity must be between 0 and 1, found ${sparsity}.`);
  return Math.floor((1 - sparsity) * heads + 1e-9);
}

// ../../packages/router/src/router-description.ts
function describedRouter(description, learned) {
  switch (description.kind) {
    case "constant":
      return new ConstantRouter(description.mode, description.retrievalMode);
    case "static":
      return new StaticRouter(description);
    case "learned":
      return learned(description);
    case "dial": {
      const router = describedRouter(description.router, learned);
      if (!("score" in router)) throw new UnsupportedRouterError(`Router "${router.name}" does not score heads, so that a dial has nothing to move.`);
      return new SparsityDial({ ...description, router });
    }
  }
}

// ../../packages/router/src/static/random-head-list.ts
function randomHeadList({ numLayers, numKeyValueHeads, seed, sparsity = 0.5 }) {
  const scores = Array.from(
    { length: numLayers },
    (_, layer) => Array.from({ length: numKeyValueHeads }, (_2, head) => Number(uniformNumber(seed, layer * numKeyValueHeads + head).toPrecision(6)))
  );
  return { version: 1, description: `Random heads, seed ${seed}.`, scores, sparsity };
}

// ../../packages/addon/src/kernels/router-kernels.ts
function registerRouterKernels(backend2) {
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  backend2.kernels.register(routerLogits, {
    name: "heads",
    supports: ({ keys: keys2 }) => requireComputeFloats({ keys: keys2 }),
    run({ keys: keys2, offsets, weights, pooling, rounding, output, decision }) {
      const [heads, sequences] = [keys2.shape[1] ?? -1, offsets.length - 1];
      expectShape("routerLogits", "keys", keys2, [-1, heads, weights.headDim]);
      expectShape("routerLogits", "output", output, [sequences, heads, weights.classes]);
      const call = new CallArguments().tensor(keys2).tensor(output).number(heads, weights.headDim);
      call.flag(rounding === "bfloat16");
      if (decision === void 0) {
        call.missing().number(0);
      } else {
        expectDecision(decision, output.shape);
        call.tensor(decision.assignment).number(decision.threshold);
      }
      for (const { weight, bias } of [...weights.taskMlp, ...weights.routerMlp]) call.tensor(weight).vector(bias);
      call.number(sequences);
      for (let sequence = 0; sequence < sequences; sequence++) {
        const ranges = pooledRanges(pooling, offsets[sequence], offsets[sequence + 1], sequence);
        call.number(ranges.length, ...ranges.flat());
      }
      backend2.call("routerLogits", backend2.addon.routerLogits, call);
    }
  });
}

// ../../packages/addon/src/kernels/sampling-kernels.ts
function registerSamplingKernels(backend2) {
  const { addon, kernels, traits } = backend2;
  const problems = (logits) => traits.samplingProblems?.(logits.rowLength) ?? [];
  const { sampleTokens: sample, logProbabilities: tell } = addon;
  if (sample === void 0 || tell === void 0) return;
  kernels.register(sampleTokens, {
    name: "rows",
    supports: ({ logits }) => problems(logits),
    run(asked) {
      expectSampleShapes(asked);
      const call = new CallArguments().tensor(asked.logits).vector(asked.output);
      for (const { sampling, seen, counts, bias, mask } of asked.rows) {
        const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, uniform } = sampling;
        call.number(temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, uniform);
        call.optional(seen).optional(counts).optional(bias).optional(mask);
      }
      backend2.call("sampleTokens", sample, call);
    }
  });
  kernels.register(logProbabilities, {
    name: "rows",
    supports: ({ logits }) => problems(logits),
    run(asked) {
      expectLogProbabilityShapes(asked);
      const call = new CallArguments().tensor(asked.logits).vector(asked.tokens).tensor(asked.values);
      backend2.call("logProbabilities", tell, call.optional(asked.topTokens).number(...asked.top));
    }
  });
}

// ../../packages/addon/src/kernels/training-attention-kernels.ts
function registerTrainingAttentionKernels(backend2) {
  const { addon } = backend2;
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  registerPacked(backend2, dualAttention, addon.dualAttention, {
    name: "tiles",
    supports: ({ query, fullOutput, sparseOutput, sequences }) => [
      ...requireComputeFloats({ query, fullOutput, sparseOutput }),
      ...sequences.flatMap(({ cache }) => requireComputeFloats({ "the cache": cache.keys })),
      ...requireRows(sequences.map(({ cache }) => cache))
    ],
    pack({ query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences, ...scores }) {
      const [call, full] = [new CallArguments(), sequences.map(retrievalSide)];
      pushAttention("dualAttention", call, { query, output: fullOutput, logSumExp: fullLogSumExp, sequences: full, ...scores });
      return pushAttention("dualAttention", call, { query, output: sparseOutput, logSumExp: sparseLogSumExp, sequences, ...scores });
    }
  });
  registerPacked(backend2, attentionBackward, addon.attentionBackward, {
    name: "tiles",
    supports: ({ query, output, outputGradient, queryGradient, sequences, cacheGradients }) => [
      ...requireComputeFloats({ query, output, outputGradient, queryGradient }),
      ...sequences.flatMap(({ cache }) => requireComputeFloats({ "the cache": cache.keys })),
      ...requireRows(sequences.map(({ cache }) => cache)),
      ...cacheGradients.flatMap(
        ({ keys: keys2, values }) => requireComputeFloats({ "the gradient of the keys": keys2, "the gradient of the values": values })
      )
    ],
    pack(backward) {
      const { query, output, logSumExp, outputGradient, queryGradient, sequences, cacheGradients } = backward;
      const call = pushAttention("attentionBackward", new CallArguments(), { query, output, logSumExp, sequences, ...attentionScoresOf(backward) });
      for (const [name2, tensor] of Object.entries({ outputGradient, queryGradient })) {
        expectShape("attentionBackward", name2, tensor, query.shape);
        call.tensor(tensor);
      }
      call.flag(backward.accumulate ?? false).flag(backward.deterministic ?? false);
      expectCacheGradients(sequences, cacheGradients);
      for (const { keys: keys2, values } of cacheGradients) call.tensor(keys2).tensor(values);
      return call;
    }
  });
}

// ../../packages/addon/src/kernels/training-float-kernels.ts
function registerTrainingFloatKernels(backend2) {
  const { addon } = backend2;
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  const name2 = "rows";
  registerPacked(backend2, linearInputGradient, addon.linearInputGradient, {
    name: "panels",
    supports: ({ outputGradient, weight, inputGradient }) => [
      ...requireComputeFloats({ outputGradient, inputGradient }),
      ...requirePlainWeight(weight)
    ],
    pack({ outputGradient, weight, inputGradient, accumulate = false }) {
      expectShape("linearInputGradient", "outputGradient", outputGradient, [-1, weight.outFeatures]);
      expectShape("linearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, weight.inFeatures]);
      return new CallArguments().tensor(outputGradient).weight(weight).tensor(inputGradient).flag(accumulate);
    }
  });
  for (const [operation, native] of [[rmsNormBackward, addon.rmsNormBackward], [layerNormBackward, addon.layerNormBackward]]) {
    registerPacked(backend2, operation, native, {
      name: name2,
      supports: ({ input, weight, outputGradient, inputGradient }) => [
        ...requireComputeFloats({ input, outputGradient, inputGradient }),
        ...requireFloats({ weight })
      ],
      pack({ input, weight, epsilon, outputGradient, inputGradient, accumulate = false }) {
        expectShape(operation.name, "weight", weight, [input.rowLength]);
        expectShape(operation.name, "outputGradient", outputGradient, input.shape);
        expectShape(operation.name, "inputGradient", inputGradient, input.shape);
        const call = new CallArguments().tensor(input).vector(weight).number(epsilon);
        return call.tensor(outputGradient).tensor(inputGradient).flag(accumulate);
      }
    });
  }
  registerPacked(backend2, headNormBackward, addon.headNormBackward, {
    name: name2,
    supports: ({ heads, weight, outputGradient, inputGradient }) => [
      ...requireComputeFloats({ heads, outputGradient, inputGradient }),
      ...requireFloats({ weight })
    ],
    pack({ heads, weight, epsilon, outputGradient, inputGradient }) {
      const headDim = heads.shape[2] ?? -1;
      expectShape("headNormBackward", "heads", heads, [-1, -1, headDim]);
      expectShape("headNormBackward", "weight", weight, [headDim]);
      expectShape("headNormBackward", "outputGradient", outputGradient, heads.shape);
      expectShape("headNormBackward", "inputGradient", inputGradient, heads.shape);
      return new CallArguments().tensor(heads).vector(weight).number(epsilon).tensor(outputGradient).tensor(inputGradient);
    }
  });
  registerPacked(backend2, gatedActivationBackward, addon.gatedActivationBackward, {
    name: name2,
    supports: ({ gate, up, outputGradient, gateGradient: gateGradient2, upGradient }) => [
      ...requireComputeFloats({ gate }),
      ...requireSameDType({ gate, up, outputGradient, gateGradient: gateGradient2, upGradient })
    ],
    pack({ gate, up, activation, outputGradient, gateGradient: gateGradient2, upGradient }) {
      const call = new CallArguments().tensor(gate);
      for (const [operand, tensor] of Object.entries({ up, outputGradient, gateGradient: gateGradient2, upGradient })) {
        expectShape("gatedActivationBackward", operand, tensor, gate.shape);
        call.tensor(tensor);
      }
      return call.gate(activation);
    }
  });
  registerPacked(backend2, activateBackward, addon.activateBackward, {
    name: name2,
    supports: ({ input, outputGradient, inputGradient }) => [
      ...requireComputeFloats({ input }),
      ...requireSameDType({ input, outputGradient, inputGradient })
    ],
    pack({ input, activation, outputGradient, inputGradient }) {
      expectShape("activateBackward", "outputGradient", outputGradient, input.shape);
      expectShape("activateBackward", "inputGradient", inputGradient, input.shape);
      return new CallArguments().tensor(input).tensor(outputGradient).tensor(inputGradient).activation(activation);
    }
  });
  registerPacked(backend2, scaleBackward, addon.scaleBackward, {
    name: name2,
    supports: ({ input, outputGradient, inputGradient }) => requireComputeFloats({ input, outputGradient, inputGradient }),
    pack({ input, factor, softCap: softCap2, outputGradient, inputGradient }) {
      expectShape("scaleBackward", "outputGradient", outputGradient, input.shape);
      expectShape("scaleBackward", "inputGradient", inputGradient, input.shape);
      expectSoftCap("scaleBackward", softCap2);
      return new CallArguments().tensor(input).tensor(outputGradient).tensor(inputGradient).number(factor, softCap2);
    }
  });
  registerPacked(backend2, crossEntropy, addon.crossEntropy, {
    name: name2,
    supports: ({ logits, logitsGradient }) => requireComputeFloats({ logits, logitsGradient }),
    pack({ logits, targets, losses, logitsGradient, gradientScale = 1 }) {
      expectShape("crossEntropy", "logits", logits, [-1, -1]);
      expectShape("crossEntropy", "targets", targets, [logits.numRows]);
      expectShape("crossEntropy", "losses", losses, [logits.numRows]);
      const call = new CallArguments().tensor(logits).vector(targets).vector(losses);
      if (logitsGradient === void 0) return call.missing().number(gradientScale);
      expectShape("crossEntropy", "logitsGradient", logitsGradient, logits.shape);
      return call.tensor(logitsGradient).number(gradientScale);
    }
  });
}

// ../../packages/addon/src/kernels/training-gate-kernels.ts
function registerTrainingGateKernels(backend2) {
  const { addon } = backend2;
  const requireComputeFloats = computeFloats(backend2.traits.computeDTypes);
  registerPacked(backend2, gateMix, addon.gateMix, {
    name: "rows",
    supports: ({ fullOutput, sparseOutput, output }) => [
      ...requireComputeFloats({ fullOutput }),
      ...requireSameDType({ fullOutput, sparseOutput, output })
    ],
    pack({ fullOutput, sparseOutput, gates, offsets, output }) {
      expectGated("gateMix", { fullOutput, sparseOutput, output }, gates, offsets);
      return gated(fullOutput, sparseOutput, gates, offsets).tensor(output);
    }
  });
  registerPacked(backend2, gateGradient, addon.gateGradient, {
    name: "rows",
    supports: ({ outputGradient, fullOutput, sparseOutput }) => [
      ...requireComputeFloats({ fullOutput, outputGradient }),
      ...requireSameDType({ fullOutput, sparseOutput })
    ],
    pack({ outputGradient, fullOutput, sparseOutput, offsets, gateGradient: gradient }) {
      expectGated("gateGradient", { fullOutput, sparseOutput, outputGradient }, gradient, offsets);
      return gated(fullOutput, sparseOutput, gradient, offsets).tensor(outputGradient);
    }
  });
  const { cacheGather: gather } = addon;
  if (gather !== void 0) {
    backend2.kernels.register(cacheGather, {
      name: "rows",
      supports: ({ cache, keys: keys2, values }) => [
        ...requireComputeFloats({ "the cache": cache.keys, keys: keys2, values }),
        ...requireRows([cache])
      ],
      run({ cache, keys: keys2, values }) {
        const { numKeyValueHeads, headDim, length, heads } = cache;
        for (const [name2, source, target] of [["keys", cache.keys, keys2], ["values", cache.values, values]]) {
          if (target === void 0) continue;
          expectShape("cacheGather", name2, target, [-1, numKeyValueHeads, headDim]);
          const call = new CallArguments().tensor(source).tensor(target).number(length, numKeyValueHeads);
          for (const store of heads) call.store(store);
          backend2.call("cacheGather", gather, call);
        }
      }
    });
  }
  registerPacked(backend2, routerLogitsBackward, addon.routerLogitsBackward, {
    name: "heads",
    supports: ({ keys: keys2, keysGradient }) => requireComputeFloats({ keys: keys2, keysGradient }),
    pack({ keys: keys2, offsets, weights, pooling, logitsGradient, weightGradients, keysGradient }) {
      const operation = "routerLogitsBackward";
      const [heads, sequences] = [keys2.shape[1] ?? -1, offsets.length - 1];
      expectShape(operation, "keys", keys2, [-1, heads, weights.headDim]);
      expectShape(operation, "logitsGradient", logitsGradient, [sequences, heads, weights.classes]);
      const call = new CallArguments().tensor(keys2).tensor(logitsGradient);
      if (keysGradient === void 0) {
        call.missing();
      } else {
        expectShape(operation, "keysGradient", keysGradient, keys2.shape);
        call.tensor(keysGradient);
      }
      call.number(heads, weights.headDim);
      const gradients = linears(weightGradients);
      for (const [index, { weight, bias }] of linears(weights).entries()) {
        const gradient = gradients[index];
        expectShape(operation, `weight gradient ${index}`, gradient.weight, weight.shape);
        expectShape(operation, `bias gradient ${index}`, gradient.bias, bias.shape);
        call.tensor(weight).vector(bias).tensor(gradient.weight).vector(gradient.bias);
      }
      call.number(sequences);
      for (let sequence = 0; sequence < sequences; sequence++) {
        const ranges = pooledRanges(pooling, offsets[sequence], offsets[sequence + 1], sequence);
        call.number(ranges.length, ...ranges.flat());
      }
      return call;
    }
  });
}
function linears({ taskMlp, routerMlp }) {
  return [...taskMlp, ...routerMlp];
}
function expectGated(operation, outputs, gates, offsets) {
  const { fullOutput } = outputs;
  for (const [name2, tensor] of Object.entries(outputs)) expectShape(operation, name2, tensor, fullOutput.shape);
  expectShape(operation, "gates", gates, [offsets.length - 1, -1]);
  if (fullOutput.shape.length !== 3 || fullOutput.shape[1] % gates.shape[1] !== 0) {
    const shape = fullOutput.shape.join(", ");
    throw new ShapeError(`${operation}: [${shape}] has no whole group of query heads for ${gates.shape[1]} gates.`);
  }
}
function gated(full, sparse, gates, offsets) {
  return new CallArguments().tensor(full).tensor(sparse).tensor(gates).number(offsets.length - 1, ...offsets);
}

// ../../packages/addon/src/kernels/index.ts
function registerNativeKernels(backend2) {
  registerFloatKernels(backend2);
  registerLinearKernels(backend2);
  registerExpertKernels(backend2);
  registerAttentionKernels(backend2);
  registerRouterKernels(backend2);
  registerPreparationKernels(backend2);
  registerSamplingKernels(backend2);
  registerTrainingFloatKernels(backend2);
  registerTrainingGateKernels(backend2);
  registerTrainingAttentionKernels(backend2);
}

// ../../packages/addon/src/reserved-tensor.ts
var ReservedTensor = class {
  constructor(backend2, maximumRows, rowLength, dtype2) {
    this.backend = backend2;
    this.maximumRows = maximumRows;
    this.rowLength = rowLength;
    this.dtype = dtype2;
    const { addon } = backend2;
    const handle = addon.reserve(Float64Array.of(maximumRows * this.#rowBytes));
    this.#storage = new ReservedStorage(handle, () => void addon.release(Float64Array.of(handle)));
    this.#tensor = this.#view(0);
  }
  backend;
  maximumRows;
  rowLength;
  dtype;
  keepsAddress = true;
  #pieces = new MemoryScope();
  #storage;
  #tensor;
  get tensor() {
    return this.#tensor;
  }
  grow(rows2) {
    const added = rows2 - this.#tensor.numRows;
    if (added <= 0) return;
    if (rows2 > this.maximumRows) throw new ShapeError(`${rows2} rows are more than the ${this.maximumRows} that were reserved.`);
    const piece = this.backend.claim(added * this.#rowBytes, () => {
      this.backend.addon.grow(Float64Array.of(this.#storage.handle, rows2 * this.#rowBytes));
    });
    this.#pieces.track({ [Symbol.dispose]: () => piece.dispose() });
    this.#storage.byteLength = rows2 * this.#rowBytes;
    this.#tensor = this.#view(rows2);
  }
  clear() {
    if (this.#storage.byteLength === 0) return;
    this.backend.addon.clear(Float64Array.of(this.#storage.handle));
    this.#storage.byteLength = 0;
    this.#tensor = this.#view(0);
    this.#pieces.dispose();
  }
  [Symbol.dispose]() {
    try {
      this.#storage.dispose();
    } finally {
      this.#pieces.dispose();
    }
  }
  get #rowBytes() {
    return this.rowLength * dtypeByteSize(this.dtype);
  }
  #view(rows2) {
    return new Tensor(this.backend, this.#storage, [rows2, this.rowLength], this.dtype, 0, this.rowLength, false);
  }
};
var ReservedStorage = class {
  constructor(handle, release) {
    this.release = release;
    this.#handle = handle;
  }
  release;
  byteLength = 0;
  #handle;
  get handle() {
    return this.#handle;
  }
  get disposed() {
    return this.#handle === void 0;
  }
  dispose() {
    if (this.#handle === void 0) return;
    this.#handle = void 0;
    this.release();
  }
};

// ../../packages/addon/src/native-backend.ts
var NativeBackend = class {
  constructor(addon, traits) {
    this.traits = traits;
    this.name = traits.name;
    this.device = traits.device;
    this.#account = new MemoryAccount(this.name, this.device.memoryBytes);
    this.addon = guardAddon(addon, (operation, error) => this.#failure(operation, error));
    if (traits.weightsAreRows === true) this.emptyWeight = (outFeatures, inFeatures, dtype2) => this.#emptyWeight(outFeatures, inFeatures, dtype2);
    const { readFile } = this.addon;
    if (readFile !== void 0) {
      this.readFile = (tensor, descriptor, position) => readFile(new CallArguments().tensor(tensor).number(descriptor, position).pack());
    }
    if (addon.reserve !== void 0) {
      this.reserve = (maximumRows, rowLength, dtype2) => new ReservedTensor(this, maximumRows, rowLength, dtype2);
    }
    registerNativeKernels(this);
  }
  traits;
  name;
  device;
  kernels = new KernelRegistry(this);
  /** The addon behind its guard: its functions throw OutOfMemoryError, ShapeError or DeviceError. */
  addon;
  /** Only where the addon can: elsewhere growing copies. */
  reserve;
  #account;
  allocate(shape, dtype2) {
    for (const size2 of shape) {
      if (!Number.isSafeInteger(size2) || size2 < 0) throw new ShapeError(`[${shape.join(", ")}] is not a shape.`);
    }
    const length = shape.reduce((product, size2) => product * size2, 1);
    return new Tensor(this, this.allocateStorage(length * dtypeByteSize(dtype2)), shape, dtype2);
  }
  /** Raw memory: packed weights, and what tensors look into. @throws OutOfMemoryError */
  allocateStorage(byteLength) {
    return this.#account.allocate(
      byteLength,
      () => unlessOutOfMemory(() => this.addon.allocate(Float64Array.of(byteLength))),
      (handle) => this.addon.release(Float64Array.of(handle))
    );
  }
  #emptyWeight(outFeatures, inFeatures, dtype2) {
    const storage = this.allocateStorage(outFeatures * inFeatures * dtypeByteSize(dtype2));
    return {
      weight: new LinearWeight(this, storage, outFeatures, inFeatures, dtype2),
      rows: new Tensor(this, storage, [outFeatures, inFeatures], dtype2, 0, inFeatures, false)
    };
  }
  /** Counts memory that `make` gets from the addon, until the storage is disposed. @throws OutOfMemoryError */
  claim(byteLength, make) {
    return this.#account.allocate(
      byteLength,
      () => unlessOutOfMemory(() => {
        make();
        return true;
      })
    );
  }
  upload(data, shape, dtype2) {
    const tensor = this.allocate(shape, dtype2);
    try {
      this.write(tensor, data);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }
  write(tensor, data) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.length !== tensor.numElements * dtypeByteSize(tensor.dtype)) {
      throw new ShapeError(`${bytes.length} bytes do not fill a ${tensor.dtype} tensor of ${tensor.numElements}.`);
    }
    this.addon.write(new CallArguments().tensor(tensor).pack(), bytes);
  }
  download(tensor) {
    const bytes = new Uint8Array(tensor.numElements * dtypeByteSize(tensor.dtype));
    this.addon.read(new CallArguments().tensor(tensor).pack(), bytes);
    return bytes;
  }
  startDownload(tensor) {
    const { addon } = this;
    if (tensor.numElements * dtypeByteSize(tensor.dtype) > (addon.pendingReadBytes ?? -1)) {
      return PendingDownload.ready(this.#account, this.download(tensor));
    }
    const storage = this.#account.allocate(
      0,
      () => addon.startRead(new CallArguments().tensor(tensor).pack()),
      (read) => addon.releaseRead(Float64Array.of(read))
    );
    return new PendingDownload(storage, () => addon.finishRead(Float64Array.of(storage.handle)));
  }
  /** Runs a native kernel, of the addon or not. @throws ShapeError, OutOfMemoryError, DeviceError */
  call(operation, kernel, call) {
    const values = call.pack();
    try {
      kernel(values);
    } catch (error) {
      throw this.#failure(operation, error);
    }
  }
  #failure(operation, error) {
    return deviceFailure(this.name, operation, error, (bytes) => this.#account.outOfMemory(bytes));
  }
  fence() {
    const { addon } = this;
    const number = addon.recordFence?.(new Float64Array(0));
    if (number === void 0) return reachedFence;
    const reached = () => addon.fenceReached(Float64Array.of(number));
    return {
      async wait() {
        for (let turn = 0; !reached(); turn++) await (turn < 500 ? setImmediate() : setTimeout(1));
      }
    };
  }
  async synchronize() {
    this.addon.synchronize?.();
  }
  memory() {
    return this.#account.report();
  }
  resetPeak() {
    this.#account.resetPeak();
  }
  setMemoryLimit(bytes) {
    this.#account.setLimit(bytes);
  }
  [Symbol.dispose]() {
  }
};
function unlessOutOfMemory(work) {
  try {
    return work();
  } catch (error) {
    if (OutOfMemoryError.isInstance(error)) return void 0;
    throw error;
  }
}

// ../../packages/distributed/src/find-addon.ts
function findAddon({ name: name2, exports: exports3, build }) {
  const path2 = fileURLToPath2(new URL(`../build/Release/${name2}.node`, import.meta.url));
  const loaded = loadAddon({ path: path2, exports: exports3, build });
  return loaded.addon === void 0 ? loaded : { addon: guardAddon(loaded.addon, communicatorFailure) };
}
function communicatorFailure(_operation, error) {
  return new CommunicatorError(error instanceof Error ? error.message : String(error), { cause: error });
}

// ../../packages/distributed/src/mpi/mpi-addon.ts
var exports = [
  "initialize",
  "barrier",
  "broadcast",
  "allReduceSum",
  "allGather",
  "exchangeNow",
  "sumNow",
  "finalize",
  "abort"
];
var installation = "Install an MPI with its headers and build again: `apt-get install openmpi-bin libopenmpi-dev`, then `pnpm build`.";
function loadMpi() {
  const build = "`pnpm build` makes it where an MPI is found";
  const { addon, problem } = findAddon({ name: "elastic_attention_mpi", exports, build });
  if (addon === void 0) throw new CommunicatorUnavailableError("MPI", [problem], installation);
  return addon;
}

// ../../packages/distributed/src/ranks/blocking-ranks.ts
var rankCalls = { gather: 1, sum: 2, settle: 3 };
var BlockingRanks = class {
  constructor(meeting) {
    this.meeting = meeting;
    this.name = meeting.name;
    this.rank = meeting.rank;
    this.size = meeting.size;
  }
  meeting;
  name;
  rank;
  size;
  #left = false;
  allGather(bytes) {
    const all = this.meeting.exchange(rankCalls.gather, bytes);
    if (all === void 0) throw new RankFailedError();
    return all;
  }
  allReduceSum(values) {
    if (!this.meeting.sum(values)) throw new RankFailedError();
  }
  settle(bytes) {
    for (; ; ) {
      const all = this.meeting.exchange(rankCalls.settle, bytes);
      if (all !== void 0) return all;
    }
  }
  [Symbol.dispose]() {
    if (this.#left) return;
    this.#left = true;
    this.meeting.leave();
  }
};

// ../../packages/distributed/src/ranks/mpi-ranks.ts
var mpiKind = "mpi";
function joinMpi(settings) {
  const addon = loadMpi();
  const { rank: rank2, size: size2 } = addon.initialize();
  if (rank2 !== settings.rank || size2 !== settings.size) {
    throw new CommunicatorError(`MPI says rank ${rank2} of ${size2}, the launcher's environment ${settings.rank} of ${settings.size}.`);
  }
  return new BlockingRanks({
    name: "MPI",
    rank: rank2,
    size: size2,
    exchange: (call, bytes) => addon.exchangeNow(call, bytes),
    sum: (values) => addon.sumNow(rankCalls.sum, values),
    leave: () => addon.finalize()
  });
}

// ../../packages/distributed/src/ranks/shared-memory-ranks.ts
var exports2 = ["open", "exchange", "sum", "close"];
var startSeconds = 120;
var sharedMemoryKind = "shared memory";
function joinSharedMemory({ name: name2, rank: rank2, size: size2 }) {
  if (name2 === void 0 || !/^[\w.-]{1,200}$/.test(name2)) throw new CommunicatorError(`A group in shared memory has a name, found ${JSON.stringify(name2)}.`);
  const { addon, problem } = findAddon({ name: "elastic_attention_ranks", exports: exports2, build: "`pnpm build` makes it" });
  if (addon === void 0) throw new CommunicatorUnavailableError(sharedMemoryKind, [problem], "Build this package again: `pnpm build`, which needs cmake, make and g++.");
  const group = addon.open(name2, rank2, size2, startSeconds);
  return new BlockingRanks({
    name: sharedMemoryKind,
    rank: rank2,
    size: size2,
    exchange: (call, bytes) => addon.exchange(group, call, bytes),
    sum: (values) => addon.sum(group, values),
    leave: () => addon.close(group)
  });
}

// ../../packages/distributed/src/ranks/register-rank-groups.ts
function registerRankGroups() {
  registerRankGroup(sharedMemoryKind, joinSharedMemory);
  registerRankGroup(mpiKind, joinMpi);
}

// ../../packages/cpu/src/block-layout.ts
var blockFormats = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"];
var nibbles = /* @__PURE__ */ new Set(["Q4_0", "Q4_1", "Q4_K"]);
var withMinimum = /* @__PURE__ */ new Set(["Q4_1", "Q5_1", "Q4_K", "Q5_K"]);
function partsOf(formats) {
  return {
    bytes: formats.some((format) => !nibbles.has(format)),
    minimums: formats.some((format) => withMinimum.has(format)),
    halves: formats.includes("Q6_K")
  };
}
function blockLayoutOf(formats) {
  const { bytes, minimums: minimums2, halves } = partsOf(formats);
  return 8 + (bytes ? 1 : 0) + (minimums2 ? 2 : 0) + (halves ? 4 : 0);
}
function packedBytes(formats, outFeatures, inFeatures) {
  const { bytes, minimums: minimums2, halves } = partsOf(formats);
  const record = 32 * 32 / (bytes ? 1 : 2) + (halves ? 2 : 1) * (minimums2 ? 2 : 1) * 32 * 4;
  return Math.ceil(outFeatures / 32) * (inFeatures / 32) * record;
}
var cpuBlockWeights = { formats: blockFormats, packedBytes };

// ../../packages/cpu/src/cpu-backend.ts
import { totalmem as totalmem2 } from "node:os";

// ../../packages/cpu/src/instruction-set.ts
var instructionSets = ["plain", "avx2", "avx512", "avx512-bf16", "amx"];
var names = {
  // Every 64-bit ARM processor has NEON, and the plain kernels are compiled to it.
  plain: process.arch === "arm64" ? "NEON" : "plain",
  avx2: "AVX2",
  avx512: "AVX-512",
  "avx512-bf16": "AVX-512 BF16",
  amx: "AMX"
};
function instructionSetName(level) {
  return names[level];
}
function availableInstructionSets(addon) {
  return instructionSets.slice(0, addon.detectedInstructionSet() + 1);
}
var levelVariable = "ELASTIC_ATTENTION_CPU_LEVEL";
function usableLevel(addon, wanted) {
  const named2 = wanted ?? (process.env[levelVariable] || void 0);
  const available = availableInstructionSets(addon);
  if (named2 === void 0) return { level: available.at(-1), code: available.length - 1 };
  const code = available.findIndex((level) => level === named2);
  if (code >= 0) return { level: available[code], code };
  const option = wanted === void 0 ? levelVariable : "instructionSet";
  const problem = instructionSets.some((level) => level === named2) ? `This processor does not have the level ${named2}` : `There is no level ${JSON.stringify(named2)}`;
  const source = wanted === void 0 ? `, which ${levelVariable} asks for` : "";
  throw new InvalidOptionError(`${problem}${source}.`, option, `This processor has: ${available.join(", ")}.`);
}

// ../../packages/cpu/src/block-kernels.ts
function registerBlockKernels(backend2, addon) {
  backend2.kernels.register(packBlocks, {
    name: "blocks",
    supports: ({ weights }) => weights.flatMap(({ format }) => blockFormats.includes(format) ? [] : [`weights are computed on as ${blockFormats.join(", ")}, not ${format}`]),
    run({ weights }) {
      const { outFeatures, inFeatures } = joinedShape(weights);
      const layout = blockLayoutOf(weights.map(({ format }) => format));
      const shape = [outFeatures, inFeatures, layout];
      const packed = new LinearWeight(backend2, backend2.allocateStorage(addon.blockWeightBytes(Float64Array.from(shape))), outFeatures, inFeatures, "f32", layout);
      const sources = [];
      try {
        const call = packedArguments(packed).number(weights.length);
        for (const { format, rows: rows2, bytes } of weights) {
          const source = backend2.upload(bytes, [rows2, rows2 === 0 ? 0 : bytes.length / rows2], "u8");
          sources.push(source);
          call.tensor(source).number(blockFormats.indexOf(format));
        }
        backend2.call("packBlocks", addon.packBlocks, call);
        return packed;
      } catch (error) {
        packed.dispose();
        if (/not finite/.test(error.message)) {
          const names2 = weights.flatMap(({ name: name2 }) => name2 ?? []).join(", ");
          throw new ModelConfigError(`${names2 === "" ? "A weight in blocks" : names2} holds a scale that is not finite.`, "The checkpoint is damaged; download it again.");
        }
        throw error;
      } finally {
        for (const source of sources) source.dispose();
      }
    }
  });
  backend2.kernels.register(linear, {
    name: "blocks",
    supports: ({ input, weight, bias, output }) => [
      ...weight.blockLayout === void 0 ? ["the weight is not in blocks"] : [],
      ...[input, output].flatMap(({ dtype: dtype2 }) => dtype2 === "f32" || dtype2 === "bf16" ? [] : [`input and output are f32 or bf16, not ${dtype2}`]),
      ...requireFloats({ bias })
    ],
    run({ input, weight, bias, output, accumulate = false }) {
      expectShape("linear", "input", input, [-1, weight.inFeatures]);
      expectShape("linear", "output", output, [input.numRows, weight.outFeatures]);
      if (bias !== void 0) expectShape("linear", "bias", bias, [weight.outFeatures]);
      const call = packedArguments(weight).tensor(input);
      if (bias === void 0) call.missing();
      else call.vector(bias);
      backend2.call("linear", addon.linearBlocks, call.tensor(output).flag(accumulate));
    }
  });
}
function packedArguments(weight) {
  weight.assertAlive();
  const { storage, outFeatures, inFeatures, blockLayout } = weight;
  const { byteLength } = storage;
  return new CallArguments().number(storage.handle, 0, 1, byteLength, byteLength, dtypeU8, outFeatures, inFeatures, blockLayout);
}
var dtypeU8 = 4;

// ../../packages/cpu/src/cpu-backend.ts
var CpuBackend = class extends NativeBackend {
  /** The level that its kernels run at. */
  instructionSet;
  blockWeights = cpuBlockWeights;
  /** @throws InvalidOptionError for a level that this processor does not have */
  constructor(addon, options) {
    const { threads } = options;
    const { code, level } = usableLevel(addon, options.instructionSet);
    const context = guardCall("cpu", "createContext", () => addon.createContext(Float64Array.of(threads, code)));
    super(context, {
      name: "cpu",
      device: {
        description: `${instructionSetName(level)} kernels on ${threads} thread${threads === 1 ? "" : "s"}`,
        parallelism: threads,
        memoryBytes: usableMemory(),
        workSizes: hostWorkSizes
      },
      computeDTypes: ["f32", "bf16"],
      packedDTypes: ["f32", "bf16"]
    });
    this.instructionSet = level;
    registerBlockKernels(this, this.addon);
  }
};
function usableMemory() {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem2()) : totalmem2();
}

// ../../packages/cpu/src/cpu-provider.ts
import { availableParallelism as availableParallelism2 } from "node:os";

// ../../packages/cpu/src/cpu-addon.ts
function addonFile() {
  return findAddonFile({ name: "cpu", from: import.meta.url, build: "run `pnpm build`, which needs cmake, make and g++" });
}
function findAddon2() {
  return loadAddon({
    ...addonFile(),
    exports: [...requiredExports, "detectedInstructionSet", "createContext", "blockWeightBytes", "packBlocks", "linearBlocks"]
  });
}
function loadAddon2() {
  const { addon, problem } = findAddon2();
  if (addon !== void 0) return addon;
  throw new BackendUnavailableError("cpu", [problem], "Run `elastic-attention doctor` to see the state of every backend.");
}

// ../../packages/cpu/src/cpu-provider.ts
var cpuProvider = {
  name: "cpu",
  workSizes: hostWorkSizes,
  options: ["instructionSet"],
  blockWeights: cpuBlockWeights,
  async available() {
    const { problem } = findAddon2();
    return problem === void 0 ? [] : [problem];
  },
  async create(options) {
    const { instructionSet } = options;
    return createCpuBackend({
      ...options.threads === void 0 ? {} : { threads: options.threads },
      ...instructionSet === void 0 ? {} : { instructionSet }
    });
  }
};
function createCpuBackend(options = {}) {
  const threads = options.threads ?? availableParallelism2();
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= 4096)) {
    throw new InvalidOptionError(`threads must be between 1 and 4096, found ${threads}.`, "threads");
  }
  return new CpuBackend(loadAddon2(), { ...options, threads });
}

// ../../packages/transformer/src/decode/sample-on-host.ts
var host = new ReferenceBackend();
function sampleOnHost({ logits, rows: rows2, output }) {
  var _stack = [];
  try {
    const copies = __using(_stack, new HostCopies());
    const tokens = copies.of(output);
    const copied = rows2.map((row) => ({ ...row, seen: copies.of(row.seen), counts: copies.of(row.counts), bias: copies.of(row.bias), mask: copies.of(row.mask) }));
    host.kernels.run(sampleTokens, { logits: copies.of(logits), rows: copied, output: tokens });
    copies.writeBack(output);
    for (const { seen, counts } of rows2) for (const changed of [seen, counts]) copies.writeBack(changed);
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function tellOnHost({ logits, tokens, top, values, topTokens }) {
  var _stack = [];
  try {
    const copies = __using(_stack, new HostCopies());
    const [copiedValues, copiedTokens] = [copies.of(values), copies.of(topTokens)];
    host.kernels.run(logProbabilities, { logits: copies.of(logits), tokens: copies.of(tokens), top, values: copiedValues, topTokens: copiedTokens });
    copies.writeBack(values);
    copies.writeBack(topTokens);
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
var HostCopies = class {
  #scope = new MemoryScope();
  #copies = /* @__PURE__ */ new Map();
  of(tensor) {
    if (tensor === void 0) return void 0;
    const copy = this.#scope.track(host.upload(tensor.download(), tensor.shape, tensor.dtype));
    this.#copies.set(tensor, copy);
    return copy;
  }
  writeBack(tensor) {
    if (tensor !== void 0) tensor.backend.write(tensor, this.#copies.get(tensor).download());
  }
  [Symbol.dispose]() {
    this.#scope.dispose();
  }
};

// ../../packages/transformer/src/decode/sample-logits.ts
function sampleLogits(logits, samplers) {
  var _stack = [];
  try {
    const { backend: backend2 } = logits;
    const scope = __using(_stack, new MemoryScope());
    for (const sampler of samplers) sampler.prepare();
    const output = scope.track(backend2.allocate([logits.numRows], "i32"));
    const call = { logits, rows: samplers.map(({ row }) => row), output };
    if (backend2.kernels.find(sampleTokens, call) === void 0) sampleOnHost(call);
    else backend2.kernels.run(sampleTokens, call);
    const told = askLogProbabilities(scope, logits, output, samplers);
    const tokens = hostArray(output.download(), "i32");
    const probabilities = told === void 0 ? [] : readLogProbabilities(told);
    for (const [row, sampler] of samplers.entries()) if (tokens[row] !== -1) sampler.drawn(probabilities[row]);
    const broken = tokens.indexOf(-1);
    if (broken >= 0) throw new NoFiniteLogitError(broken, tokens);
    return tokens;
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function askLogProbabilities(scope, logits, tokens, samplers) {
  const { backend: backend2, numRows } = logits;
  const top = samplers.map(({ topLogProbabilities }) => Math.min(topLogProbabilities ?? -1, logits.rowLength));
  const most = Math.max(...top);
  if (most < 0) return void 0;
  const values = scope.track(backend2.allocate([numRows, 1 + most], "f32"));
  const topTokens = most === 0 ? void 0 : scope.track(backend2.allocate([numRows, most], "i32"));
  const call = { logits, tokens, top, values, topTokens };
  if (backend2.kernels.find(logProbabilities, call) === void 0) tellOnHost(call);
  else backend2.kernels.run(logProbabilities, call);
  return call;
}
function readLogProbabilities({ top, values, topTokens }) {
  const numbers = values.toFloat32();
  const tokens = topTokens === void 0 ? new Int32Array(0) : hostArray(topTokens.download(), "i32");
  return top.map((count, row) => {
    if (count < 0) return void 0;
    const [first, firstToken] = [row * values.rowLength, row * (values.rowLength - 1)];
    const likely = Array.from({ length: count }, (_, index) => ({ token: tokens[firstToken + index], logProbability: numbers[first + 1 + index] }));
    return { logProbability: numbers[first], top: likely.filter(({ token }) => token >= 0) };
  });
}

// ../../packages/transformer/src/decoder-model.ts
import { setImmediate as setImmediate3 } from "node:timers/promises";

// ../../packages/transformer/src/decode/cached-decode-attention.ts
function cachedDecodeAttention({ backend: backend2, batch }, layer) {
  return {
    *attend(query, output, scores) {
      const sequences = batch.caches.map((cache, index) => {
        const [start, end] = [batch.offsets[index], batch.offsets[index + 1]];
        return { start, length: end - start, cache: cache.layer(layer), routing: cache.decodePatterns(layer) };
      });
      backend2.kernels.run(hybridAttention, { query, output, sequences, ...scores });
      yield "attention";
    },
    [Symbol.dispose]() {
    }
  };
}

// ../../packages/transformer/src/layer/fused-heads.ts
function splitHeads(fused, { numQueryHeads, numKeyValueHeads, headDim }) {
  const [queries2, keys2] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  const heads = (start, count) => fused.columns(start, start + count * headDim).reshape([fused.numRows, count, headDim]);
  return {
    query: heads(0, numQueryHeads),
    key: heads(queries2, numKeyValueHeads),
    value: heads(queries2 + keys2, numKeyValueHeads)
  };
}

// ../../packages/transformer/src/layer/attend-heads.ts
function* attendHeads(pass, { queryNorm, keyNorm }, queryKeyValue) {
  const { runner, spec } = pass;
  const { query, key: plain, value } = splitHeads(queryKeyValue, spec);
  normalizeHeads(runner, spec, plain, keyNorm);
  normalizeHeads(runner, spec, query, queryNorm);
  const key = pass.beforeRotation?.(plain, query) ?? plain;
  const rotation = pass.rotation();
  if (rotation !== void 0) {
    const { rope, positions } = rotation;
    runner.run(rotary, { heads: query, positions, ...rotation.query, pairs: rope.pairs });
    runner.run(rotary, { heads: key, positions, ...rotation.key, pairs: rope.pairs });
  }
  pass.store(key, value);
  yield "cache";
  return yield* pass.attend(query);
}
function attentionScores({ attentionScale, attentionSoftCap }, { sinks }) {
  return { scale: attentionScale, softCap: attentionSoftCap, sinkLogits: sinks };
}
function normalizeHeads(runner, spec, heads, weight) {
  if (weight === void 0) return;
  const [rows2, numHeads, headDim] = heads.shape;
  const vectors = spec.queryKeyNorm === "head" ? heads : heads.reshape([rows2, 1, numHeads * headDim]);
  runner.run(headNorm, { heads: vectors, weight, epsilon: spec.norm.epsilon });
}

// ../../packages/transformer/src/model/layer-spec.ts
function innerFeatures({ intermediateSize, gated: gated2 }) {
  return (gated2 ? 2 : 1) * intermediateSize;
}
function widestFeedForward(layers) {
  return Math.max(0, ...layers.map(({ feedForward: feedForward2 }) => feedForward2.kind === "dense" ? innerFeatures(feedForward2) : 0));
}
function feedForwardParameters(spec, hiddenSize) {
  const { intermediateSize } = spec;
  const inner2 = (spec.gated ? 2 : 1) * intermediateSize;
  const matrices = hiddenSize * (inner2 + intermediateSize);
  const vectors = spec.bias ? inner2 + hiddenSize : 0;
  if (spec.kind === "dense") return { matrices, vectors };
  const { numExperts, routerBias } = spec;
  return { matrices: numExperts * (matrices + hiddenSize), vectors: numExperts * (vectors + (routerBias ? 1 : 0)) };
}

// ../../packages/transformer/src/layer/activate-inner.ts
function activateInner(runner, scratch, { intermediateSize, activation, gated: gated2 }, projected) {
  if (!gated2) {
    if (typeof activation !== "string") throw new ModelConfigError(`Activation "${activation.kind}" needs a gate.`);
    const activated2 = scratch.activation(projected);
    runner.run(activate, { input: projected, activation, output: activated2 });
    return activated2;
  }
  const [gate, up] = [projected.columns(0, intermediateSize), projected.columns(intermediateSize, 2 * intermediateSize)];
  const activated = scratch.activation(gate);
  runner.run(gatedActivation, { gate, up, activation, output: activated });
  return activated;
}

// ../../packages/transformer/src/layer/expert-feed-forward.ts
function expertFeedForward(runner, scratch, spec, weights, rows2) {
  const { logits, chosen, weights: chosenWeights2, groups, input, inner: inner2, output: result } = scratch.experts(rows2.numRows, spec);
  const { offsets } = groups;
  runner.run(linear, { input: rows2, ...weights.router, output: logits });
  runner.run(routeExperts, { logits, normalized: spec.normalizeChosen, chosen, weights: chosenWeights2 });
  runner.run(groupByExpert, { chosen, groups });
  runner.run(dispatchRows, { input: rows2, groups, output: input });
  runner.run(expertLinear, { input, offsets, ...weights.gateUp, output: inner2 });
  runner.run(expertLinear, { input: activateInner(runner, scratch, spec, inner2), offsets, ...weights.down, output: result });
  return (output, accumulate) => {
    runner.run(combineRows, { input: result, groups, weights: chosenWeights2, output, accumulate });
  };
}

// ../../packages/transformer/src/layer/normalize.ts
function normalize(runner, { kind, epsilon }, { gain, bias }, input, output) {
  if (kind === "rms") runner.run(rmsNorm, { input, weight: gain, epsilon, output });
  else runner.run(layerNorm, { input, weight: gain, ...bias === void 0 ? {} : { bias }, epsilon, output });
}

// ../../packages/transformer/src/layer/residual.ts
function addPart(runner, scratch, spec, { from, to, project, norm }) {
  const { residualScale } = spec;
  const { ranks: ranks2 } = runner;
  if (norm === void 0 && residualScale === 1 && ranks2 === void 0) {
    if (to !== from) runner.run(cast, { input: from, output: to });
    project(to, true);
    return;
  }
  const projected = scratch.partOutput(from.numRows);
  project(projected, false);
  if (ranks2 !== void 0) runner.run(allReduce, { values: projected, ranks: ranks2 });
  let part = projected;
  if (norm !== void 0) {
    part = scratch.normed(from.numRows);
    normalize(runner, spec.norm, norm, projected, part);
  }
  runner.run(add, { a: from, b: part, scale: residualScale, output: to });
}
function projectionOf(runner, input, projection) {
  return (output, accumulate) => {
    runner.run(linear, { input, ...projection, output, accumulate });
  };
}

// ../../packages/transformer/src/layer/feed-forward.ts
function feedForward(runner, scratch, spec, weights, input) {
  if (spec.kind === "experts" && weights.kind === "experts") return expertFeedForward(runner, scratch, spec, weights, input);
  if (spec.kind === "dense" && weights.kind === "dense") {
    const projected = scratch.gateUp(input.numRows, innerFeatures(spec));
    runner.run(linear, { input, ...weights.gateUp, output: projected });
    return projectionOf(runner, activateInner(runner, scratch, spec, projected), weights.down);
  }
  throw new ModelConfigError(`A layer whose spec says "${spec.kind}" has weights of a layer that is "${weights.kind}".`);
}

// ../../packages/transformer/src/layer/decoder-layer.ts
function* decoderLayer(pass, weights, layer) {
  const { spec, runner, scratch, chunks, queryKeyValue } = pass;
  const { before, between, after } = pass.stream;
  for (const [start, end] of chunks) {
    const input = partInput(runner, scratch, spec, weights.attentionNorm, before.rows(start, end));
    runner.run(linear, { input, ...weights.queryKeyValue, output: queryKeyValue.rows(start, end) });
    yield "projection";
  }
  const attended = yield* pass.attend(weights, layer);
  for (const [start, end] of chunks) {
    const from = before.rows(start, end);
    const middle = between === before ? from : between.rows(start, end);
    const to = after === between ? middle : after.rows(start, end);
    const heads = attended.rows(start, end);
    if (spec.parallelParts) {
      pass.part([from, heads], to, (...memory) => parallelParts(...memory, spec, weights, layer, { from, heads, to }));
    } else {
      const { attentionOutput, attentionOutputNorm: norm } = weights;
      addPart(runner, scratch, spec, { from, to: middle, project: projectionOf(runner, heads, attentionOutput), norm });
      pass.part([middle], to, (...memory) => feedForwardPart(...memory, spec, weights, layer, middle, to));
    }
    yield "feed-forward";
  }
}
function runDecoderLayer(pass, weights, layer) {
  for (const _ of decoderLayer(pass, weights, layer)) ;
}
function feedForwardPart(runner, scratch, spec, weights, layer, from, to) {
  const input = partInput(runner, scratch, spec, weights.mlpNorm, from);
  const project = feedForward(runner, scratch, spec.layers[layer].feedForward, weights.feedForward, input);
  addPart(runner, scratch, spec, { from, to, project, norm: weights.mlpOutputNorm });
}
function parallelParts(runner, scratch, spec, weights, layer, { from, heads, to }) {
  const input = partInput(runner, scratch, spec, weights.attentionNorm, from);
  const project = feedForward(runner, scratch, spec.layers[layer].feedForward, weights.feedForward, input);
  const { attentionOutput, attentionOutputNorm, mlpOutputNorm } = weights;
  addPart(runner, scratch, spec, { from, to, project: projectionOf(runner, heads, attentionOutput), norm: attentionOutputNorm });
  addPart(runner, scratch, spec, { from: to, to, project, norm: mlpOutputNorm });
}
function partInput(runner, scratch, spec, norm, from) {
  if (norm === void 0) return from;
  const normed = scratch.normed(from.numRows);
  normalize(runner, spec.norm, norm, from, normed);
  return normed;
}

// ../../packages/transformer/src/layer/embed-tokens.ts
function embedTokens(runner, { spec, weights }, ids, output) {
  const scale2 = roundTo(spec.embeddingScale, output.dtype);
  runner.run(embedding, { ids, table: weights.embedding, scale: scale2, output });
}
function roundTo(value, dtype2) {
  if (dtype2 === "bf16") return fromBFloat16(toBFloat16(value));
  return dtype2 === "f16" ? fromFloat16(toFloat16(value)) : Math.fround(value);
}

// ../../packages/transformer/src/memory/expert-memory.ts
function expertParts({ numExperts, expertsPerToken, ...spec }, rows2, hiddenSize, dtype2) {
  const slots = rows2 * expertsPerToken;
  return {
    logits: [[rows2, numExperts], "f32"],
    chosen: [[rows2, expertsPerToken], "i32"],
    weights: [[rows2, expertsPerToken], "f32"],
    offsets: [[numExperts + 1], "i32"],
    rows: [[slots], "i32"],
    slots: [[rows2, expertsPerToken], "i32"],
    input: [[slots, hiddenSize], dtype2],
    inner: [[slots, innerFeatures(spec)], dtype2]
  };
}
function expertTensors(allocate, spec, rows2, hiddenSize, dtype2) {
  const parts = expertParts(spec, rows2, hiddenSize, dtype2);
  const of = (name2) => allocate(parts[name2][0], parts[name2][1], name2);
  return {
    logits: of("logits"),
    chosen: of("chosen"),
    weights: of("weights"),
    groups: { offsets: of("offsets"), rows: of("rows"), slots: of("slots") },
    input: of("input"),
    inner: of("inner"),
    output: allocate(parts.input[0], dtype2, "output")
  };
}
var ExpertWorkspace = class {
  #memory = /* @__PURE__ */ new Map();
  #hiddenSize;
  #dtype;
  /** @param chunkRows most rows at a time */
  constructor(backend2, scope, layers, chunkRows, hiddenSize, dtype2) {
    this.#hiddenSize = hiddenSize;
    this.#dtype = dtype2;
    for (const [name2, [shape, type]] of largestParts(layers, chunkRows, hiddenSize, dtype2)) {
      const elements = shape.reduce((product, size2) => product * size2, 1);
      this.#memory.set(name2, scope.track(backend2.allocate([elements], type)));
    }
  }
  /** What the experts give takes the place of what they read. */
  tensors(rows2, spec) {
    const view = (shape, _dtype, name2) => {
      const elements = shape.reduce((product, size2) => product * size2, 1);
      return this.#memory.get(name2 === "output" ? "input" : name2).rows(0, elements).reshape(shape);
    };
    return expertTensors(view, spec, rows2, this.#hiddenSize, this.#dtype);
  }
};
function expertWorkspaceBytes(layers, chunkRows, hiddenSize, dtype2) {
  return largestParts(layers, chunkRows, hiddenSize, dtype2).reduce((sum3, [, part]) => sum3 + tensorByteLength(...part), 0);
}
function largestParts(layers, rows2, hiddenSize, dtype2) {
  const largest2 = /* @__PURE__ */ new Map();
  for (const { feedForward: feedForward2 } of layers) {
    if (feedForward2.kind !== "experts") continue;
    for (const [name2, part] of Object.entries(expertParts(feedForward2, rows2, hiddenSize, dtype2))) {
      const known3 = largest2.get(name2);
      if (known3 === void 0 || tensorByteLength(...known3) < tensorByteLength(...part)) largest2.set(name2, part);
    }
  }
  return [...largest2];
}

// ../../packages/transformer/src/memory/workspace.ts
var Workspace = class {
  /** The residual stream [tokens, hidden]. */
  hidden;
  /** [tokens, (queryHeads + 2 · keyValueHeads) · headDim]. */
  queryKeyValue;
  /** [tokens, queryHeads · headDim]: the query columns of `queryKeyValue`, or memory of its own. */
  attention;
  /** Row ranges of at most `chunkRows`. */
  chunks;
  /** [chunk, hidden]. */
  #normed;
  /** [chunk, features]: of the widest layer. */
  #gateUp;
  #experts;
  #scope = new MemoryScope();
  constructor(backend2, spec, dtype2, numTokens, chunkRows, keepQueries = false) {
    const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads } = spec;
    const chunk = Math.min(chunkRows, numTokens);
    this.chunks = rowChunks(numTokens, chunkRows);
    const allocate = (rows2, columns) => this.#scope.track(backend2.allocate([rows2, columns], dtype2));
    try {
      this.hidden = allocate(numTokens, hiddenSize);
      this.queryKeyValue = allocate(numTokens, (numQueryHeads + 2 * numKeyValueHeads) * headDim);
      const queries2 = numQueryHeads * headDim;
      this.attention = keepQueries ? allocate(numTokens, queries2) : this.queryKeyValue.columns(0, queries2);
      this.#normed = allocate(chunk, hiddenSize);
      this.#gateUp = allocate(chunk, widestFeedForward(spec.layers));
      this.#experts = new ExpertWorkspace(backend2, this.#scope, spec.layers, chunk, hiddenSize, dtype2);
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }
  normed(rows2) {
    return this.#normed.rows(0, rows2);
  }
  partOutput(rows2) {
    return this.#normed.rows(0, rows2);
  }
  gateUp(rows2, features) {
    return this.#gateUp.rows(0, rows2).columns(0, features);
  }
  activation(gate) {
    return gate;
  }
  experts(rows2, spec) {
    return this.#experts.tensors(rows2, spec);
  }
  [Symbol.dispose]() {
    this.#scope.dispose();
  }
};
var leastRows = 32;
function rowChunks(rows2, chunkRows) {
  const ends = Array.from({ length: Math.ceil(rows2 / chunkRows) }, (_, chunk) => Math.min((chunk + 1) * chunkRows, rows2));
  const least = Math.min(leastRows, chunkRows >> 1);
  const missing = ends.length > 1 ? Math.max(0, least - (rows2 - ends.at(-2))) : 0;
  if (missing > 0) ends[ends.length - 2] -= missing;
  return ends.map((end, chunk) => [ends[chunk - 1] ?? 0, end]);
}

// ../../packages/transformer/src/model/rope/frequencies.ts
function inverseFrequencies(rope, length = 0) {
  const { rotatedDim } = rope;
  const plain = plainFrequencies(rope.theta, rotatedDim);
  switch (rope.type) {
    case "default":
      return plain;
    case "linear":
      return plain.map((frequency) => frequency / rope.factor);
    case "divided":
      return plain.map((frequency, pair) => frequency / rope.divisors[pair]);
    case "dynamic":
      return length > rope.originalContextLength ? plainFrequencies(dynamicBase(rope, length), rotatedDim) : plain;
    case "llama3":
      return plain.map((frequency) => llama3Frequency(frequency, rope));
    case "yarn":
      return yarnFrequencies(plain, rope);
    case "longrope": {
      const factors = length > rope.originalContextLength ? rope.longFactors : rope.shortFactors;
      return plain.map((_, pair) => 1 / Math.fround(Math.fround(factors[pair]) * power(rope.theta, pair, rotatedDim)));
    }
  }
}
function plainFrequencies(theta, rotatedDim) {
  return Float32Array.from({ length: rotatedDim / 2 }, (_, pair) => 1 / power(theta, pair, rotatedDim));
}
function power(theta, pair, rotatedDim) {
  return Math.fround(theta ** Math.fround(2 * pair / rotatedDim));
}
function dynamicBase(rope, length) {
  const { theta, factor, originalContextLength, rotatedDim } = rope;
  const stretched = factor * length / originalContextLength - (factor - 1);
  return theta * stretched ** (rotatedDim / (rotatedDim - 2));
}
function llama3Frequency(frequency, rope) {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength } = rope;
  const turns = originalContextLength * frequency / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const smooth = (turns - low) / (high - low);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}
function yarnFrequencies(plain, rope) {
  const { rotatedDim } = rope;
  const pairOfTurns = (turns) => rotatedDim * Math.log(rope.originalContextLength / (turns * 2 * Math.PI)) / (2 * Math.log(rope.theta));
  const [floor, ceil] = rope.truncate ? [Math.floor, Math.ceil] : [Number, Number];
  const first = Math.max(floor(pairOfTurns(rope.betaFast)), 0);
  const last = Math.min(ceil(pairOfTurns(rope.betaSlow)), rotatedDim - 1);
  const width = last === first ? 1e-3 : last - first;
  return plain.map((frequency, pair) => {
    const ramp = Math.min(1, Math.max(0, (pair - first) / width));
    return frequency / rope.factor * ramp + frequency * (1 - ramp);
  });
}

// ../../packages/transformer/src/model/rope/rope-spec.ts
function attentionFactor(rope) {
  return rope.type === "yarn" || rope.type === "longrope" ? rope.attentionFactor : 1;
}
function lengthDependsBeyond(rope) {
  return rope.type === "dynamic" || rope.type === "longrope" ? rope.originalContextLength : void 0;
}

// ../../packages/transformer/src/layer/rotation/rotary-rows.ts
function rotaryRows(frequencies, first, count, scaleAt) {
  const pairs = frequencies.length;
  const [cosine, sine] = [new Float32Array(count * pairs), new Float32Array(count * pairs)];
  for (let row = 0; row < count; row++) {
    const position = first + row;
    const scale2 = scaleAt(position);
    for (let pair = 0; pair < pairs; pair++) {
      const angle = Math.fround(position * frequencies[pair]);
      cosine[row * pairs + pair] = Math.cos(angle) * scale2;
      sine[row * pairs + pair] = Math.sin(angle) * scale2;
    }
  }
  return { cosine, sine };
}
function queryFactor(scaling, position) {
  if (scaling === void 0) return 1;
  return 1 + scaling.beta * Math.log(1 + Math.floor(position / scaling.originalContextLength));
}

// ../../packages/transformer/src/layer/rotation/rotary-table.ts
var RotaryTable = class {
  constructor(backend2, options) {
    this.backend = backend2;
    this.options = options;
  }
  backend;
  options;
  #cosine;
  #sine;
  /** Tables of at least so many positions. @throws OutOfMemoryError */
  tables(positions) {
    if (this.#sine === void 0 || this.#sine.tensor.numRows < positions) this.#grow(positions);
    return { cosine: this.#cosine.tensor, sine: this.#sine.tensor };
  }
  /** Bytes that the tables take now. */
  get byteLength() {
    return [this.#cosine, this.#sine].reduce((sum3, table2) => sum3 + (table2?.tensor.storage.byteLength ?? 0), 0);
  }
  [Symbol.dispose]() {
    this.#cosine?.[Symbol.dispose]();
    this.#sine?.[Symbol.dispose]();
    this.#cosine = this.#sine = void 0;
  }
  #grow(needed) {
    const { rope, contextLength: contextLength2, length } = this.options;
    const positions = tablePositions(needed, contextLength2);
    const frequencies = inverseFrequencies(rope, length);
    if (this.#cosine?.keepsAddress !== true || positions > contextLength2) this[Symbol.dispose]();
    const mostRows = Math.max(positions, contextLength2);
    this.#cosine ??= growableTensor(this.backend, mostRows, frequencies.length, "f32");
    this.#sine ??= growableTensor(this.backend, mostRows, frequencies.length, "f32");
    try {
      this.#cosine.grow(positions);
      this.#sine.grow(positions);
      this.#fill(this.#cosine.tensor, this.#sine.tensor, frequencies);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }
  #fill(cosine, sine, frequencies) {
    var _stack = [];
    try {
      const { rope, queryScaling: queryScaling2 } = this.options;
      const scale2 = attentionFactor(rope);
      const radians = __using(_stack, this.backend.upload(frequencies, [frequencies.length], "f32"));
      this.backend.kernels.run(rotaryTables, { frequencies: radians, scale: scale2, cosine, sine });
      const first = queryScaling2?.originalContextLength ?? Infinity;
      if (first >= cosine.numRows) return;
      const rows2 = rotaryRows(frequencies, first, cosine.numRows - first, (position) => scale2 * queryFactor(queryScaling2, position));
      this.backend.write(cosine.rows(first, cosine.numRows), rows2.cosine);
      this.backend.write(sine.rows(first, sine.numRows), rows2.sine);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
};
function tablePositions(needed, contextLength2) {
  return Math.max(needed, Math.min(contextLength2, Math.max(256, 2 ** Math.ceil(Math.log2(needed)))));
}

// ../../packages/transformer/src/layer/rotation/model-rotations.ts
var ModelRotations = class {
  /** @throws ModelConfigError where queries are scaled that do not turn as a whole */
  constructor(backend2, spec) {
    this.backend = backend2;
    this.spec = spec;
    const { layers, headDim, queryScaling: queryScaling2 } = spec;
    if (queryScaling2 !== void 0 && layers.some(({ rope }) => rope?.rotatedDim !== headDim)) {
      throw new ModelConfigError("Queries are scaled by their position only where whole heads are rotated.");
    }
  }
  backend;
  spec;
  #tables = /* @__PURE__ */ new Map();
  /** How a layer turns; undefined in a layer without positions. */
  ropeOf(layer) {
    return this.spec.layers[layer].rope;
  }
  /**
   * The table of a rope.
   *
   * @param length of the sequences that it is for; looked at where the angles depend on it
   */
  table(rope, side, length = 0) {
    const { contextLength: contextLength2 } = this.spec;
    const queryScaling2 = side === "query" ? this.spec.queryScaling : void 0;
    const beyond = isBeyond(rope, length);
    let tables = this.#tables.get(rope);
    if (tables === void 0) this.#tables.set(rope, tables = /* @__PURE__ */ new Map());
    const key = `${queryScaling2 === void 0 ? "" : "scaled "}${beyond ? "beyond" : "within"}`;
    let table2 = tables.get(key);
    if (table2 === void 0) {
      const options = { rope, contextLength: contextLength2, queryScaling: queryScaling2, length: beyond ? length : 0 };
      tables.set(key, table2 = new RotaryTable(this.backend, options));
    }
    return table2;
  }
  /** Bytes that the tables take now. */
  get byteLength() {
    return this.#all().reduce((sum3, { byteLength }) => sum3 + byteLength, 0);
  }
  [Symbol.dispose]() {
    for (const table2 of this.#all()) table2[Symbol.dispose]();
    this.#tables.clear();
  }
  #all() {
    return [...this.#tables.values()].flatMap((tables) => [...tables.values()]);
  }
};
function isBeyond(rope, length) {
  const original = lengthDependsBeyond(rope);
  return original !== void 0 && length > original;
}
function shareTable(rope, lengths) {
  const beyond = lengths.filter((length) => isBeyond(rope, length));
  return beyond.length === 0 || rope.type === "longrope" && beyond.length === lengths.length;
}

// ../../packages/transformer/src/layer/rotation/batch-rotations.ts
var BatchRotations = class {
  constructor(model, batch) {
    this.model = model;
    this.batch = batch;
  }
  model;
  batch;
  #own = /* @__PURE__ */ new Map();
  #scope = new MemoryScope();
  /** Of a layer; undefined where it has no positions. Asked for in every layer, as tables may grow between two slices of a prefill. */
  of(layer) {
    const { batch, model } = this;
    const rope = model.ropeOf(layer);
    if (rope === void 0) return void 0;
    const lengths = batch.rotated.map(({ length }) => length);
    if (!shareTable(rope, lengths)) return this.#ownRotation(rope);
    const longest = Math.max(0, ...lengths);
    const tables = (side) => model.table(rope, side, longest).tables(batch.longest);
    return { rope, positions: batch.positions, query: tables("query"), key: tables("key") };
  }
  [Symbol.dispose]() {
    this.#scope.dispose();
    this.#own.clear();
  }
  #ownRotation(rope) {
    let rotation = this.#own.get(rope);
    if (rotation === void 0) {
      const { backend: backend2, spec } = this.model;
      const rows2 = this.batch.positions.numRows;
      const positions = this.#scope.track(backend2.upload(Int32Array.from({ length: rows2 }, (_, row) => row), [rows2], "i32"));
      const keys2 = this.#tables(rope, rows2, "key");
      rotation = { rope, positions, key: keys2, query: spec.queryScaling === void 0 ? keys2 : this.#tables(rope, rows2, "query") };
      this.#own.set(rope, rotation);
    }
    return rotation;
  }
  #tables(rope, rows2, side) {
    const { backend: backend2, spec } = this.model;
    const scale2 = attentionFactor(rope);
    const queryScaling2 = side === "query" ? spec.queryScaling : void 0;
    const allocate = () => this.#scope.track(backend2.allocate([rows2, rope.rotatedDim / 2], "f32"));
    const tables = { cosine: allocate(), sine: allocate() };
    for (const { start, rows: count, position, length } of this.batch.rotated) {
      const frequencies = inverseFrequencies(rope, length);
      const [cosine, sine] = [tables.cosine.rows(start, start + count), tables.sine.rows(start, start + count)];
      if (position === 0 && queryScaling2 === void 0) {
        var _stack = [];
        try {
          const radians = __using(_stack, backend2.upload(frequencies, [frequencies.length], "f32"));
          backend2.kernels.run(rotaryTables, { frequencies: radians, scale: scale2, cosine, sine });
        } catch (_) {
          var _error = _, _hasError = true;
        } finally {
          __callDispose(_stack, _error, _hasError);
        }
      } else {
        const made = rotaryRows(frequencies, position, count, (at) => scale2 * queryFactor(queryScaling2, at));
        backend2.write(cosine, made.cosine);
        backend2.write(sine, made.sine);
      }
    }
    return tables;
  }
};

// ../../packages/transformer/src/layer/sequence-batch.ts
function layOut(backend2, sequences) {
  const offsets = [0];
  for (const { tokens } of sequences) offsets.push(offsets.at(-1) + tokens.length);
  const numTokens = offsets.at(-1);
  const [ids, positions] = [new Int32Array(numTokens), new Int32Array(numTokens)];
  let longest = 0;
  const rotated = [];
  for (const [index, sequence] of sequences.entries()) {
    const { tokens, cache } = sequence;
    for (let i = 0; i < tokens.length; i++) {
      ids[offsets[index] + i] = tokens[i];
      positions[offsets[index] + i] = cache.length + i;
    }
    const length = cache.length + tokens.length;
    longest = Math.max(longest, length);
    rotated.push({ start: offsets[index], rows: tokens.length, position: cache.length, length: rotaryLengthOf(sequence) });
  }
  const idsTensor = backend2.upload(ids, [numTokens], "i32");
  try {
    const positionsTensor = backend2.upload(positions, [numTokens], "i32");
    return { numTokens, caches: sequences.map(({ cache }) => cache), offsets, ids: idsTensor, positions: positionsTensor, longest, rotated };
  } catch (error) {
    idsTensor.dispose();
    throw error;
  }
}
function rotaryLengthOf({ tokens, cache, rotaryLength = 0 }) {
  return Math.max(rotaryLength, cache.length + tokens.length);
}

// ../../packages/transformer/src/layer/forward-pass.ts
function runnerOf({ backend: backend2, ranks: ranks2 }) {
  const { kernels } = backend2;
  return ranks2 === void 0 ? kernels : { run: (operation, call) => kernels.run(operation, call), ranks: ranks2 };
}
function beginForward(core, sequences, scope, keepQueries = false) {
  const { backend: backend2, spec, dtype: dtype2 } = core;
  const batch = layOut(backend2, sequences);
  scope.track(batch.ids);
  scope.track(batch.positions);
  const workspace = scope.track(new Workspace(backend2, spec, dtype2, batch.numTokens, backend2.device.workSizes.chunkRows, keepQueries));
  const rotations = scope.track(new BatchRotations(core.modelRotations, batch));
  embedTokens(backend2.kernels, core, batch.ids, workspace.hidden);
  return { ...core, batch, workspace, rotations };
}

// ../../packages/transformer/src/parallel/model-shard.ts
function shardModel(spec, size2, { placement, featureUnit: featureUnit2 = 1 } = {}) {
  requireDivisible(spec, size2);
  const { numKeyValueHeads, numQueryHeads, vocabularySize, layers } = spec;
  const [group, copies] = [numQueryHeads / numKeyValueHeads, Math.max(1, size2 / numKeyValueHeads)];
  if (placement !== void 0) requirePlacement(placement, spec, size2, copies);
  const perRank = Math.max(1, numKeyValueHeads / size2);
  return Array.from({ length: size2 }, (_, rank2) => {
    const keyValueHeads = layers.map((_2, layer) => placement?.[layer]?.[rank2] ?? indices(perRank).map((head) => Math.floor(rank2 / copies) * perRank + head));
    const [own, part] = [group / copies, rank2 % copies];
    return {
      rank: rank2,
      size: size2,
      numKeyValueHeads,
      keyValueHeads,
      queryHeads: keyValueHeads.map((heads) => heads.flatMap((head) => indices(own).map((query) => head * group + part * own + query))),
      features: layers.map(({ feedForward: feedForward2 }) => shareOf(feedForward2.intermediateSize, rank2, size2, usableUnit(feedForward2.intermediateSize, size2, featureUnit2))),
      vocabulary: shareOf(vocabularySize, rank2, size2, usableUnit(vocabularySize, size2, 1)),
      holdsFirst: part === 0
    };
  });
}
function shardSpec(spec, shard) {
  return {
    ...spec,
    shard,
    numQueryHeads: shard.queryHeads[0]?.length ?? spec.numQueryHeads,
    numKeyValueHeads: shard.keyValueHeads[0]?.length ?? spec.numKeyValueHeads,
    layers: spec.layers.map((layer, index) => {
      const [start, end] = shard.features[index];
      return { ...layer, feedForward: { ...layer.feedForward, intermediateSize: end - start } };
    }),
    // Its rows of the output projection are a matrix of their own.
    tiedEmbeddings: false
  };
}
function outputRows({ shard, vocabularySize }) {
  return shard === void 0 ? vocabularySize : shard.vocabulary[1] - shard.vocabulary[0];
}
function requireDivisible(spec, size2) {
  const { numKeyValueHeads, numQueryHeads, queryKeyNorm, layers } = spec;
  if (!(Number.isInteger(size2) && size2 >= 1)) throw refusal(`A model is shared by 1 or more ranks, found ${size2}.`);
  const group = numQueryHeads / numKeyValueHeads;
  const fits = (ranks2) => numKeyValueHeads % ranks2 === 0 || ranks2 % numKeyValueHeads === 0 && group % (ranks2 / numKeyValueHeads) === 0;
  if (!fits(size2)) {
    const possible = indices(numQueryHeads).map((index) => index + 1).filter(fits);
    throw refusal(`${numKeyValueHeads} key-value heads with ${numQueryHeads} query heads cannot be shared by ${size2} ranks.`, `Take ${possible.join(", ")}.`);
  }
  if (size2 > 1 && queryKeyNorm === "projection") {
    throw refusal("The norms of this model's queries and keys span all of its heads, which one rank does not have.", "Run it on one card.");
  }
  const narrow = layers.find(({ feedForward: feedForward2 }) => feedForward2.intermediateSize < size2);
  if (narrow !== void 0) throw refusal(`An MLP of ${narrow.feedForward.intermediateSize} features cannot be shared by ${size2} ranks.`);
}
function requirePlacement(placement, { numKeyValueHeads, numLayers }, size2, copies) {
  const perRank = numKeyValueHeads / size2;
  const isWhole = (ranks2) => {
    const all = ranks2.flat().toSorted((a, b) => a - b);
    return ranks2.length === size2 && ranks2.every((heads) => heads.length === perRank) && all.every((head, index) => head === index);
  };
  if (copies === 1 && placement.length === numLayers && placement.every(isWhole)) return;
  throw refusal(`A placement gives each of ${size2} ranks ${perRank} of the ${numKeyValueHeads} key-value heads in each of ${numLayers} layers, each head once.`);
}
function usableUnit(total, size2, least) {
  const fits = (unit3) => unit3 % least === 0 && total % unit3 === 0 && total / unit3 >= size2;
  const unit2 = [256, 64, 32, least].find(fits);
  if (unit2 !== void 0) return unit2;
  if (least === 1) return 1;
  throw refusal(`${total} features in blocks of ${least} cannot be shared by ${size2} ranks.`, "Unpack the weights (--weights unpacked), or take fewer ranks.");
}
function shareOf(total, rank2, size2, unit2) {
  const units = Math.ceil(total / unit2);
  const border = (index) => Math.min(total, Math.floor(units * index / size2) * unit2);
  return [border(rank2), border(rank2 + 1)];
}
function indices(length) {
  return Array.from({ length }, (_, index) => index);
}
function refusal(message, hint) {
  return new InvalidOptionError(message, "gpus", hint);
}

// ../../packages/transformer/src/layer/logits.ts
function projectLogits(runner, spec, weights, rows2) {
  projectUncappedLogits(runner, spec, weights, rows2);
  capLogits(runner, spec, rows2.logits, rows2.logits);
}
function projectUncappedLogits(runner, spec, { finalNorm, output }, { hidden: hidden2, normed, logits, share = logits }) {
  normalize(runner, spec.norm, finalNorm, hidden2, normed);
  runner.run(linear, { input: normed, ...output, output: share });
  if (runner.ranks !== void 0) runner.run(gatherColumns, { input: share, output: logits, ranks: runner.ranks });
}
function capLogits(runner, { logitsScale: factor, logitsSoftCap: softCap2 }, input, output) {
  if (factor !== 1 || softCap2 !== void 0) runner.run(scale, { input, factor, ...softCap2 === void 0 ? {} : { softCap: softCap2 }, output });
}
function lastRows({ batch: { caches, offsets } }, rowsPerSequence) {
  return caches.map((_, index) => [Math.max(offsets[index], offsets[index + 1] - rowsPerSequence), offsets[index + 1]]);
}
function logitsOf(pass, ranges) {
  var _stack2 = [];
  try {
    const { backend: backend2, spec, ranks: ranks2, dtype: dtype2, weights, workspace } = pass;
    const numRows = ranges.reduce((sum3, [start, end]) => sum3 + end - start, 0);
    const owned = __using(_stack2, new MemoryScope());
    const logits = owned.track(backend2.allocate([numRows, spec.vocabularySize], "f32"));
    {
      var _stack = [];
      try {
        const scratch = __using(_stack, new MemoryScope());
        const normed = scratch.track(backend2.allocate([numRows, spec.hiddenSize], dtype2));
        const share = ranks2 === void 0 ? logits : scratch.track(backend2.allocate([numRows, outputRows(spec)], "f32"));
        let at = 0;
        for (const [start, end] of ranges) {
          backend2.kernels.run(cast, { input: workspace.hidden.rows(start, end), output: normed.rows(at, at + end - start) });
          at += end - start;
        }
        projectLogits(runnerOf(pass), spec, weights, { hidden: normed, normed, logits, share });
      } catch (_) {
        var _error = _, _hasError = true;
      } finally {
        __callDispose(_stack, _error, _hasError);
      }
    }
    owned.move();
    return logits;
  } catch (_2) {
    var _error2 = _2, _hasError2 = true;
  } finally {
    __callDispose(_stack2, _error2, _hasError2);
  }
}

// ../../packages/transformer/src/decode/decode-graph.ts
var DecodeGraph = class {
  /** @throws OutOfMemoryError */
  constructor(context, slots) {
    this.context = context;
    this.slots = slots;
    const { backend: backend2, spec, dtype: dtype2, pool, ranks: ranks2 } = context;
    const { numLayers, numKeyValueHeads, vocabularySize } = spec;
    try {
      const planBytes = backend2.kernels.run(decodePlanBytes, { slots, numLayers, numKeyValueHeads });
      this.#batch = this.#scope.track(new DecodeBatch({ backend: backend2, pool, slots, numLayers, numKeyValueHeads, planBytes }));
      this.#workspace = this.#scope.track(new Workspace(backend2, spec, dtype2, slots, slots));
      this.#logits = this.#scope.track(backend2.allocate([slots, vocabularySize], "f32"));
      this.#share = ranks2 === void 0 ? this.#logits : this.#scope.track(backend2.allocate([slots, outputRows(spec)], "f32"));
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }
  context;
  slots;
  #scope = new MemoryScope();
  #batch;
  #workspace;
  #logits;
  /** A rank's columns of the logits; the logits themselves where the model is whole. */
  #share;
  #graph;
  /** The rotary tables that the graph reads; they are other tensors when they have grown, also where they lie: rows are recorded. */
  #tables;
  /**
   * One token for each sequence.
   * @returns f32 [sequences, vocabulary], a view that the next step overwrites.
   * @throws OutOfMemoryError before the step; the caches are as they were then
   */
  step(tokens, caches) {
    const { backend: backend2 } = this.context;
    const tables = this.#rotaryTables(caches.reduce((most, { length }) => Math.max(most, length + 1), 1));
    this.#batch.update(tokens, caches);
    if (this.#tables === void 0) {
      this.#run(tables);
    } else {
      const grown = tables.some(({ cosine, sine }, layer) => cosine !== this.#tables[layer].cosine || sine !== this.#tables[layer].sine);
      if (this.#graph === void 0 || grown) {
        this.#graph?.[Symbol.dispose]();
        this.#graph = void 0;
        this.#graph = backend2.capture?.(() => this.#run(tables));
      }
      if (this.#graph === void 0) this.#run(tables);
      else this.#graph.replay();
    }
    this.#tables = tables;
    for (const cache of caches) cache.countWritten(1);
    return this.#logits.rows(0, caches.length);
  }
  [Symbol.dispose]() {
    this.#graph?.[Symbol.dispose]();
    this.#graph = void 0;
    this.#scope.dispose();
  }
  /** Of each layer. */
  #rotaryTables(longest) {
    const { modelRotations, spec } = this.context;
    return spec.layers.map(({ rope }) => modelRotations.table(rope, "key").tables(longest));
  }
  #run(tables) {
    const { backend: backend2, spec, weights } = this.context;
    const { kernels } = backend2;
    const { hidden: hidden2 } = this.#workspace;
    kernels.run(planDecode, { batch: this.#batch });
    embedTokens(kernels, this.context, this.#batch.ids, hidden2);
    const pass = this.#pass(tables);
    for (const [layer, layerWeights] of weights.layers.entries()) runDecoderLayer(pass, layerWeights, layer);
    projectLogits(pass.runner, spec, weights, { hidden: hidden2, normed: this.#workspace.normed(this.slots), logits: this.#logits, share: this.#share });
  }
  /** Layers whose heads are prepared and attend by two kernels, which read what changes from step to step from the batch. */
  #pass(tables) {
    const { backend: backend2, spec } = this.context;
    const { numQueryHeads, headDim } = spec;
    const { epsilon } = spec.norm;
    const { kernels } = backend2;
    const { hidden: hidden2, queryKeyValue, attention, chunks } = this.#workspace;
    const [batch, slots, scratch] = [this.#batch, this.slots, this.#workspace];
    const runner = runnerOf(this.context);
    return {
      spec,
      runner,
      scratch,
      stream: { before: hidden2, between: hidden2, after: hidden2 },
      chunks,
      queryKeyValue,
      part: (_inputs, _output, body) => body(runner, scratch),
      *attend(weights, layer) {
        const { queryNorm, keyNorm } = weights;
        kernels.run(prepareDecode, { batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, ...tables[layer] });
        const query = queryKeyValue.columns(0, numQueryHeads * headDim).reshape([slots, numQueryHeads, headDim]);
        kernels.run(decodeAttention, { batch, layer, query, output: attention.reshape(query.shape), ...attentionScores(spec, weights) });
        yield "attention";
        return attention;
      }
    };
  }
};
function slotsFor(sequences) {
  if (sequences <= 8) return 2 ** Math.ceil(Math.log2(Math.max(1, sequences)));
  const unit2 = sequences <= 64 ? 8 : 32;
  return Math.ceil(sequences / unit2) * unit2;
}
function preparationProblems({ layers, headDim, queryKeyNorm, queryScaling: queryScaling2 }) {
  const isKnown = ({ rope }) => rope !== void 0 && rope.pairs === "halves" && rope.rotatedDim === headDim && lengthDependsBeyond(rope) === void 0;
  return [
    ...layers.every(isKnown) ? [] : ["a layer does not rotate whole heads, halves together, by angles of the position alone"],
    ...queryKeyNorm === "projection" ? ["the norms of queries and keys span several heads"] : [],
    ...queryScaling2 === void 0 ? [] : ["queries are scaled by their position"]
  ];
}
function decodeGraphNote({ capture }, spec) {
  const problems = capture === void 0 ? [] : preparationProblems(spec);
  return problems.length === 0 ? void 0 : `Decode steps run kernel by kernel and not as captured graphs, which is slower: ${problems.join("; ")}.`;
}
function decodeGraphProblems(backend2, pool, spec, dtype2) {
  if (backend2.capture === void 0) return [`the ${backend2.name} backend captures no graphs`];
  if (pool === void 0) return ["there is no page pool"];
  const preparation = preparationProblems(spec);
  if (preparation.length > 0) return preparation;
  const { numQueryHeads, numKeyValueHeads, headDim } = spec;
  const shapes = { shape: [1, numQueryHeads, headDim], dtype: dtype2 };
  const batch = { options: { pool, numKeyValueHeads } };
  const refusals = backend2.kernels.explain(decodeAttention, { batch, layer: 0, query: shapes, output: shapes, ...graphScores(spec) });
  return refusals.some(({ reasons }) => reasons.length === 0) ? [] : refusals.flatMap(({ reasons }) => reasons);
}
function graphScores({ attentionScale, attentionSoftCap, attentionSinks, numQueryHeads }) {
  const sinkLogits = attentionSinks ? { shape: [numQueryHeads], dtype: "f32" } : void 0;
  return { scale: attentionScale, softCap: attentionSoftCap, sinkLogits };
}

// ../../packages/transformer/src/decode/decode-graphs.ts
var DecodeGraphs = class {
  constructor(core) {
    this.core = core;
  }
  core;
  #graphs = /* @__PURE__ */ new Map();
  #scope = new MemoryScope();
  /**
   * The graph for a batch whose caches share a pool and hold a prompt each; undefined where none can be had.
   * @throws OutOfMemoryError
   */
  graphFor(caches) {
    const { backend: backend2, dtype: dtype2, spec } = this.core;
    const pool = caches[0]?.pool;
    if (pool === void 0 || caches.some((cache) => cache.pool !== pool || cache.length === 0)) return void 0;
    let graphs = this.#graphs.get(pool);
    if (graphs === void 0) {
      if (decodeGraphProblems(backend2, pool, spec, dtype2).length > 0) return void 0;
      this.#graphs.set(pool, graphs = /* @__PURE__ */ new Map());
    }
    const slots = slotsFor(caches.length);
    const known3 = graphs.get(slots);
    if (known3 !== void 0) return known3;
    const graph = this.#scope.track(new DecodeGraph({ ...this.core, pool }, slots));
    graphs.set(slots, graph);
    return graph;
  }
  [Symbol.dispose]() {
    this.#graphs.clear();
    this.#scope.dispose();
  }
};

// ../../packages/transformer/src/layer/cached-pass.ts
function cachedPass(pass, attentionOf) {
  const { spec, batch, workspace, rotations } = pass;
  const { hidden: hidden2, queryKeyValue } = workspace;
  const runner = runnerOf(pass);
  return {
    spec,
    runner,
    scratch: workspace,
    stream: { before: hidden2, between: hidden2, after: hidden2 },
    chunks: workspace.chunks,
    queryKeyValue,
    part: (_inputs, _output, body) => body(runner, workspace),
    *attend(weights, layer) {
      var _stack = [];
      try {
        const attention = __using(_stack, attentionOf(layer));
        const heads = {
          spec,
          runner,
          rotation: () => rotations.of(layer),
          beforeRotation(key, query) {
            attention.beforeRotation?.(key, query);
            return key;
          },
          store(key, value) {
            for (const [index, cache] of batch.caches.entries()) {
              const [start, end] = [batch.offsets[index], batch.offsets[index + 1]];
              cache.append(layer, key.rows(start, end), value.rows(start, end));
            }
          },
          *attend(query) {
            yield* attention.attend(query, workspace.attention.reshape(query.shape), attentionScores(spec, weights));
            return workspace.attention;
          }
        };
        return yield* attendHeads(heads, weights, queryKeyValue);
      } catch (_) {
        var _error = _, _hasError = true;
      } finally {
        __callDispose(_stack, _error, _hasError);
      }
    }
  };
}

// ../../packages/transformer/src/layer/check-tokens.ts
function checkTokens({ contextLength: contextLength2, vocabularySize }, sequences) {
  if (sequences.length === 0) throw new PromptError("There is no prompt.", "Give at least one sequence.");
  if (new Set(sequences.map(({ cache }) => cache)).size < sequences.length) {
    throw new ShapeError("Two sequences of a batch have one cache.", "Give each sequence a cache of its own.");
  }
  for (const { tokens, cache } of sequences) {
    if (tokens.length === 0) throw new PromptError("The prompt is empty.", "Give at least one token.");
    const total = cache.length + tokens.length;
    if (total > contextLength2) {
      throw new PromptError(
        `The sequence would have ${total} tokens; the model's context is ${contextLength2}.`,
        "Shorten the prompt or choose a model with a longer context."
      );
    }
    for (let i = 0; i < tokens.length; i++) {
      const id = tokens[i];
      if (!(Number.isInteger(id) && id >= 0 && id < vocabularySize)) {
        throw new PromptError(`Token id ${id} at position ${i} is outside the vocabulary of ${vocabularySize}.`);
      }
    }
  }
}

// ../../packages/transformer/src/layer/rotation/sequence-histories.ts
var SequenceHistories = class {
  /** Lengths beyond which all angles change, ascending. */
  #limits;
  #sequences = /* @__PURE__ */ new WeakMap();
  constructor({ layers }) {
    const limits = layers.flatMap(({ rope }) => rope?.type === "longrope" ? [rope.originalContextLength] : []);
    this.#limits = [...new Set(limits)].toSorted((a, b) => a - b);
  }
  /** Whether what a cache holds must be read again before it grows to so many tokens. */
  mustReadAgain(cache, length) {
    if (cache.length === 0) return false;
    const known3 = this.#sequences.get(cache)?.rotaryLength ?? cache.length;
    return this.#limits.some((limit) => known3 <= limit && length > limit);
  }
  /** What a cache holds. @throws PromptError for a cache that another model object filled */
  tokensOf(cache) {
    const tokens = this.#sequences.get(cache)?.tokens ?? [];
    if (tokens.length !== cache.length) {
      throw new PromptError(
        `The sequence of ${cache.length} tokens must be read again to outgrow the model's original context length, and its tokens are not known.`,
        "Prefill it as a whole, in a new cache."
      );
    }
    return tokens;
  }
  /** Remembers tokens that have been added to a cache, its last ones, and the length that their angles were chosen for. */
  add(cache, tokens, rotaryLength) {
    const longest = this.#limits.at(-1);
    if (longest === void 0) return;
    const before = cache.length - tokens.length;
    const known3 = before === 0 ? [] : this.#sequences.get(cache)?.tokens ?? [];
    if (known3.length > before) known3.length = before;
    const keeps = known3.length === before && rotaryLength <= longest;
    if (keeps) for (let i = 0; i < tokens.length; i++) known3.push(tokens[i]);
    this.#sequences.set(cache, { tokens: keeps ? known3 : [], rotaryLength });
  }
  /** A copy of a cache holds the same tokens. */
  fork(from, copy) {
    const history = this.#sequences.get(from);
    if (history !== void 0) this.#sequences.set(copy, { ...history, tokens: history.tokens.slice() });
  }
};

// ../../packages/transformer/src/loading/load-weights.ts
import { setImmediate as setImmediate2 } from "node:timers/promises";

// ../../packages/transformer/src/loading/expected-tensors.ts
function* expectedTensors(adapter, spec) {
  const { hiddenSize, vocabularySize, norm } = spec;
  yield { role: "embedding", layer: 0, shape: [vocabularySize, hiddenSize], bias: false };
  if (!spec.tiedEmbeddings) yield { role: "output", layer: 0, shape: [outputRows(spec), hiddenSize], bias: false };
  yield { role: "finalNorm", layer: 0, shape: [hiddenSize], bias: norm.bias };
  for (let layer = 0; layer < spec.numLayers; layer++) {
    for (const role of layerNorms(spec)) yield { role, layer, shape: [hiddenSize], bias: norm.bias };
    for (const [role, length] of headVectors(spec)) yield { role, layer, shape: [length], bias: false };
    for (const matrix of attentionMatrices(adapter, spec)) yield { layer, ...matrix };
    for (const matrix of feedForwardMatrices(adapter, spec, layer)) yield { layer, ...matrix };
  }
}
function layerNorms({ normPlaces, parallelParts: parallelParts2 }) {
  const before = normPlaces === "after" ? [] : parallelParts2 ? ["attentionNorm"] : ["attentionNorm", "mlpNorm"];
  return normPlaces === "before" ? before : [...before, "attentionOutputNorm", "mlpOutputNorm"];
}
function headVectors(spec) {
  const { headDim, numQueryHeads, numKeyValueHeads, queryKeyNorm, attentionSinks } = spec;
  const [queries2, keys2] = queryKeyNorm === "head" ? [1, 1] : [numQueryHeads, numKeyValueHeads];
  return [
    ...queryKeyNorm === "none" ? [] : [["queryNorm", queries2 * headDim], ["keyNorm", keys2 * headDim]],
    ...attentionSinks ? [["sinks", numQueryHeads]] : []
  ];
}
function attentionMatrices({ fused = [] }, spec) {
  const { hiddenSize, headDim, queryKeyValueBias: bias } = spec;
  const [queries2, keys2] = [spec.numQueryHeads * headDim, spec.numKeyValueHeads * headDim];
  const output = { role: "attentionOutput", shape: [hiddenSize, queries2], bias: spec.attentionOutputBias };
  if (fused.includes("queryKeyValue")) return [{ role: "queryKeyValue", shape: [queries2 + 2 * keys2, hiddenSize], bias }, output];
  return [
    { role: "query", shape: [queries2, hiddenSize], bias },
    { role: "key", shape: [keys2, hiddenSize], bias },
    { role: "value", shape: [keys2, hiddenSize], bias },
    output
  ];
}
function feedForwardMatrices({ fused = [], expertLayout = "each" }, { hiddenSize, layers }, layer) {
  const { feedForward: feedForward2 } = layers[layer];
  const { intermediateSize, gated: gated2, bias } = feedForward2;
  if (feedForward2.kind === "experts") {
    const router = { role: "expertRouter", shape: [feedForward2.numExperts, hiddenSize], bias: feedForward2.routerBias };
    const expertRoles = gated2 ? ["expertGate", "expertUp"] : ["expertUp"];
    const matrices = (expert) => [
      ...expertRoles.map((role) => ({ role, expert, shape: [intermediateSize, hiddenSize], bias })),
      { role: "expertDown", expert, shape: [hiddenSize, intermediateSize], bias }
    ];
    return expertLayout === "joined" ? [router] : [router, ...Array.from({ length: feedForward2.numExperts }, (_, expert) => matrices(expert)).flat()];
  }
  const down = { role: "down", shape: [hiddenSize, intermediateSize], bias };
  if (gated2 && fused.includes("gateUp")) return [{ role: "gateUp", shape: [innerFeatures(feedForward2), hiddenSize], bias }, down];
  const roles = gated2 ? ["gate", "up"] : ["up"];
  return [...roles.map((role) => ({ role, shape: [intermediateSize, hiddenSize], bias })), down];
}
var joinedRoles = /* @__PURE__ */ new Set(["key", "value", "up"]);
function packedTensors(adapter, spec) {
  const packed = [];
  let joins;
  for (const { role, layer, expert, shape } of expectedTensors(adapter, spec)) {
    const [outFeatures, inFeatures] = shape;
    const isHead = role === "output" || role === "embedding" && spec.tiedEmbeddings;
    if (inFeatures === void 0 || expert !== void 0 || role === "embedding" && !isHead) continue;
    const name2 = adapter.weightName(role, layer);
    const before = packed.at(-1);
    if (before !== void 0 && joins !== void 0 && joinedRoles.has(role)) {
      packed[packed.length - 1] = { ...before, names: [...before.names, name2], outFeatures: before.outFeatures + outFeatures };
    } else {
      packed.push({ names: [name2], outFeatures, inFeatures, routes: role === "expertRouter" });
    }
    joins = role === "query" || role === "key" || role === "gate" ? role : void 0;
  }
  return packed;
}

// ../../packages/transformer/src/loading/host-floats.ts
function hostFloats(bytes, type) {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (type) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    default: {
      const format = weightFormats.get(type);
      if (format === void 0) throw new ModelConfigError(`Weights of type ${type} cannot be read; expected F32, BF16 or F16.`);
      const values = new Float32Array(byteLength / format.blockBytes * format.blockSize);
      format.dequantize(bytes, values);
      return values;
    }
  }
}
function findNotFinite(bytes, type) {
  const { buffer, byteOffset, byteLength } = bytes;
  if (type === "BF16" || type === "F16") {
    const exponent2 = type === "BF16" ? 32640 : 31744;
    const patterns = new Uint16Array(buffer, byteOffset, byteLength / 2);
    for (let i = 0; i < patterns.length; i++) if ((patterns[i] & exponent2) === exponent2) return i;
    return -1;
  }
  if (type === "F32") {
    const patterns = new Uint32Array(buffer, byteOffset, byteLength / 4);
    for (let i = 0; i < patterns.length; i++) if ((patterns[i] & 2139095040) === 2139095040) return i;
  }
  return -1;
}

// ../../packages/transformer/src/loading/rows/unpack-rows.ts
import { readSync as readSync2 } from "node:fs";
var sliceElements = 1 << 18;
var SliceBuffers = class {
  #bytes = new Uint8Array(0);
  #floats = new Float32Array(0);
  #halves = new Uint16Array(0);
  bytes(length) {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }
  floats(length) {
    if (this.#floats.length < length) this.#floats = new Float32Array(length);
    return this.#floats.subarray(0, length);
  }
  halves(length) {
    if (this.#halves.length < length) this.#halves = new Uint16Array(length);
    return this.#halves.subarray(0, length);
  }
};
function unpackRows(target, checkpoint, name2, buffers = new SliceBuffers()) {
  const { type, shape } = checkpoint.entry(name2);
  const format = weightFormat(type, name2);
  const { backend: backend2, dtype: dtype2 } = target;
  const [numRows, rowLength] = [shape[0], shape.slice(1).reduce((product, size2) => product * size2, 1)];
  const rowBytes = weightByteLength(format, rowLength);
  const sliceRows = Math.max(1, Math.min(numRows, Math.floor(sliceElements / rowLength)));
  for (let row = 0; row < numRows; row += sliceRows) {
    const end = Math.min(row + sliceRows, numRows);
    const length = (end - row) * rowLength;
    const part = buffers.floats(length);
    format.dequantize(readSlice(checkpoint, name2, row * rowBytes, end * rowBytes, buffers), part);
    const output = dtype2 === "f32" ? void 0 : buffers.halves(length);
    if (!(output === void 0 ? allFinite(part) : round(part, output, dtype2))) {
      throw notFinite(name2, row * rowLength + part.findIndex((value) => !Number.isFinite(value)));
    }
    backend2.write(target.rows(row, end), output ?? part);
  }
}
function readSlice(checkpoint, name2, start, end, buffers) {
  const place = checkpoint.locate(name2);
  if (place === void 0) return checkpoint.read(name2, { start, end });
  const bytes = buffers.bytes(end - start);
  for (let done = 0; done < bytes.length; ) {
    const count = readSync2(place.descriptor, bytes, done, bytes.length - done, place.position + start + done);
    if (count === 0) throw new ModelConfigError(`${checkpoint.path} ends within ${name2}.`, "The checkpoint was changed while it was read; download it again.");
    done += count;
  }
  return bytes;
}
function notFinite(name2, index) {
  return new ModelConfigError(`${name2} holds a value that is not finite (element ${index}).`, "The checkpoint is damaged; download it again.");
}
var exponent = 2139095040;
var carry = 8388608;
function allFinite(values) {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  let carried = 0;
  for (let i = 0; i < patterns.length; i++) carried |= (patterns[i] & exponent) + carry;
  return carried >= 0;
}
function round(values, output, dtype2) {
  if (dtype2 === "f16") {
    for (let i = 0; i < values.length; i++) output[i] = toFloat16(values[i]);
    return allFinite(values);
  }
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  let carried = 0;
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i];
    carried |= (pattern & exponent) + carry;
    output[i] = pattern + 32767 + (pattern >>> 16 & 1) >>> 16;
  }
  return carried >= 0;
}

// ../../packages/transformer/src/loading/joined-experts.ts
function joinedExperts(checkpoint, adapter, { hiddenSize, layers }, layer, role) {
  const { feedForward: feedForward2 } = layers[layer];
  if (feedForward2.kind !== "experts") throw new ModelConfigError(`Layer ${layer} has no experts.`);
  const { numExperts, intermediateSize, gated: gated2, bias } = feedForward2;
  const sizes = role === "expertGateUp" ? { outFeatures: innerFeatures(feedForward2), inFeatures: hiddenSize } : { outFeatures: hiddenSize, inFeatures: intermediateSize };
  return new JoinedExperts(checkpoint, adapter.weightName(role, layer), { numExperts, ...sizes, alternating: role === "expertGateUp" && gated2, bias });
}
var JoinedExperts = class {
  /** @throws MissingTensorError, ShapeError */
  constructor(checkpoint, name2, shape) {
    this.checkpoint = checkpoint;
    this.name = name2;
    this.shape = shape;
    const { numExperts, outFeatures, inFeatures } = shape;
    if (!this.#isPacked) {
      expectEntry(checkpoint, name2, [numExperts, inFeatures, outFeatures]);
      return;
    }
    if (inFeatures % 32 !== 0) throw new ShapeError(`${name2}_blocks: MXFP4 needs rows of a multiple of 32, found ${inFeatures}.`);
    expectEntry(checkpoint, `${name2}_blocks`, [numExperts, outFeatures, inFeatures / 32, 16]);
    expectEntry(checkpoint, `${name2}_scales`, [numExperts, outFeatures, inFeatures / 32]);
    for (const part of ["blocks", "scales"]) {
      const { type } = checkpoint.entry(`${name2}_${part}`);
      if (type !== "U8") throw new ModelConfigError(`${name2}_${part} is ${type}; MXFP4 is kept as U8.`);
    }
  }
  checkpoint;
  name;
  shape;
  /** [out, in] of one expert. */
  get size() {
    return [this.shape.outFeatures, this.shape.inFeatures];
  }
  /** The matrix of one expert, [out, in], float32. @throws ModelConfigError where it is not finite */
  matrix(expert) {
    const { outFeatures, inFeatures } = this.shape;
    const values = new Float32Array(outFeatures * inFeatures);
    if (this.#isPacked) {
      const rows2 = new Float32Array(values.length);
      dequantizeMxfp4(this.#part(`${this.name}_blocks`, expert), this.#part(`${this.name}_scales`, expert), rows2);
      for (let out = 0; out < outFeatures; out++) {
        values.set(rows2.subarray(out * inFeatures, (out + 1) * inFeatures), this.#row(out) * inFeatures);
      }
    } else {
      const columns = hostFloats(this.#part(this.name, expert), this.checkpoint.entry(this.name).type);
      for (let out = 0; out < outFeatures; out++) {
        const row = this.#row(out) * inFeatures;
        for (let i = 0; i < inFeatures; i++) values[row + i] = columns[i * outFeatures + out];
      }
    }
    const index = findNotFinite(new Uint8Array(values.buffer), "F32");
    if (index >= 0) throw notFinite(`${this.name} (expert ${expert})`, index);
    return values;
  }
  /** @throws MissingTensorError, ShapeError where there should be biases */
  checkBiases() {
    const { numExperts, outFeatures, bias } = this.shape;
    if (bias) expectEntry(this.checkpoint, `${this.name}_bias`, [numExperts, outFeatures]);
  }
  /** The biases of all experts, [experts, out], in the order of the matrices' rows. */
  biases() {
    const { outFeatures } = this.shape;
    const name2 = `${this.name}_bias`;
    const source = hostFloats(this.checkpoint.read(name2), this.checkpoint.entry(name2).type);
    const index = findNotFinite(new Uint8Array(source.buffer, source.byteOffset, source.byteLength), "F32");
    if (index >= 0) throw notFinite(name2, index);
    const values = new Float32Array(source.length);
    for (let i = 0; i < values.length; i++) values[Math.floor(i / outFeatures) * outFeatures + this.#row(i % outFeatures)] = source[i];
    return values;
  }
  get #isPacked() {
    return this.checkpoint.has(`${this.name}_blocks`);
  }
  /** Where an output of the file belongs. */
  #row(out) {
    if (!this.shape.alternating) return out;
    return out % 2 * (this.shape.outFeatures / 2) + Math.floor(out / 2);
  }
  /** Bytes of one expert of a tensor. */
  #part(name2, expert) {
    const bytes = this.checkpoint.entry(name2).byteLength / this.shape.numExperts;
    return this.checkpoint.read(name2, { start: expert * bytes, end: (expert + 1) * bytes });
  }
};
function expectEntry(checkpoint, name2, expected) {
  const { shape } = checkpoint.entry(name2);
  if (shape.length !== expected.length || shape.some((size2, i) => size2 !== expected[i])) {
    throw new ShapeError(
      `${name2} is [${shape.join(", ")}], but config.json asks for [${expected.join(", ")}].`,
      "The config does not belong to these weights."
    );
  }
}

// ../../packages/transformer/src/loading/shape-keys.ts
var [hidden, queries, keys, inner] = ["hidden_size", "num_attention_heads and head_dim", "num_key_value_heads and head_dim", "intermediate_size"];
var shapeKeys = {
  embedding: ["vocab_size", hidden],
  output: ["vocab_size", hidden],
  query: [queries, hidden],
  key: [keys, hidden],
  value: [keys, hidden],
  queryKeyValue: ["num_attention_heads, num_key_value_heads and head_dim", hidden],
  attentionOutput: [hidden, queries],
  queryNorm: ["head_dim"],
  keyNorm: ["head_dim"],
  sinks: ["num_attention_heads"],
  gate: [inner, hidden],
  up: [inner, hidden],
  gateUp: [inner, hidden],
  down: [hidden, inner],
  finalNorm: [hidden],
  attentionNorm: [hidden],
  attentionOutputNorm: [hidden],
  mlpNorm: [hidden],
  mlpOutputNorm: [hidden]
};
function contradictedKeys(role, found, expected) {
  const names2 = shapeKeys[role];
  if (names2 === void 0 || found.length !== expected.length) return void 0;
  const wrong = expected.flatMap((size2, i) => size2 === found[i] || names2[i] === void 0 ? [] : [names2[i]]);
  return wrong.length === 0 ? void 0 : [...new Set(wrong)].join(" and ");
}

// ../../packages/transformer/src/model/model-spec.ts
function computeDType({ checkpointDType }) {
  return checkpointDType === "f32" ? "f32" : "bf16";
}
function routedLayers({ layers }) {
  return layers.flatMap(({ window }, layer) => window === void 0 ? [layer] : []);
}
function normVectors({ bias }) {
  return bias ? 2 : 1;
}
function normsPerLayer({ normPlaces, parallelParts: parallelParts2 }) {
  const before = normPlaces === "after" ? 0 : parallelParts2 ? 1 : 2;
  return before + (normPlaces === "before" ? 0 : 2);
}
function layerParameters(spec, layer) {
  const { hiddenSize, numQueryHeads, numKeyValueHeads, headDim, norm, queryKeyNorm } = spec;
  const [queries2, keys2] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  const headNorms = queryKeyNorm === "none" ? 0 : queryKeyNorm === "head" ? 2 * headDim : queries2 + keys2;
  const biases = (spec.queryKeyValueBias ? queries2 + 2 * keys2 : 0) + (spec.attentionOutputBias ? hiddenSize : 0);
  const feedForward2 = feedForwardParameters(spec.layers[layer].feedForward, hiddenSize);
  return {
    matrices: hiddenSize * (2 * queries2 + 2 * keys2) + feedForward2.matrices,
    vectors: normsPerLayer(spec) * normVectors(norm) * hiddenSize + headNorms + biases + (spec.attentionSinks ? numQueryHeads : 0) + feedForward2.vectors
  };
}

// ../../packages/transformer/src/memory/weight-memory.ts
function predictWeightBytes(spec, dtype2) {
  let matrices = (spec.vocabularySize + outputRows(spec)) * spec.hiddenSize;
  let vectors = normVectors(spec.norm) * spec.hiddenSize;
  for (const layer of spec.layers.keys()) {
    const parameters = layerParameters(spec, layer);
    matrices += parameters.matrices;
    vectors += parameters.vectors;
  }
  return dtypeByteSize(dtype2) * matrices + 4 * vectors;
}
function weightBytes({ embedding: embedding2, layers, finalNorm, output }) {
  const tensors = (...all) => all.reduce((sum3, tensor) => sum3 + (tensor?.storage.byteLength ?? 0), 0);
  const projections = (...all) => all.reduce((sum3, { weight, bias }) => sum3 + weight.byteLength + tensors(bias), 0);
  const norms2 = (...all) => all.reduce((sum3, norm) => sum3 + tensors(norm?.gain, norm?.bias), 0);
  const layerBytes = ({ queryNorm, keyNorm, sinks, queryKeyValue, attentionOutput, feedForward: feedForward2, ...layer }) => norms2(layer.attentionNorm, layer.attentionOutputNorm, layer.mlpNorm, layer.mlpOutputNorm) + tensors(queryNorm, keyNorm, sinks) + projections(queryKeyValue, attentionOutput, ...feedForwardProjections(feedForward2));
  return layers.reduce((sum3, layer) => sum3 + layerBytes(layer), tensors(embedding2) + norms2(finalNorm) + projections(output));
}
function feedForwardProjections(weights) {
  return [weights.gateUp, weights.down, ...weights.kind === "experts" ? [weights.router] : []];
}

// ../../packages/transformer/src/loading/weight-plan.ts
function chosenWeights(weights, askedDType) {
  return weights === "automatic" && askedDType === "f32" ? "unpacked" : weights;
}
var quantisations = { q8_0: "Q8_0", q4_k: "Q4_K" };
function isBlocked(type) {
  return (weightFormats.get(type)?.blockSize ?? 1) > 1;
}
var WeightPlan = class _WeightPlan {
  constructor(floatDType, quantisation, note2, formats, byteLength) {
    this.floatDType = floatDType;
    this.quantisation = quantisation;
    this.note = note2;
    this.formats = formats;
    this.byteLength = byteLength;
  }
  floatDType;
  quantisation;
  note;
  formats;
  byteLength;
  /** @throws InvalidOptionError for what the file, its shapes or the backend cannot be kept as */
  static of(options) {
    const { checkpoint, adapter, spec, dtype: dtype2, backend: backend2 } = options;
    const packed = packedTensors(adapter, spec);
    const types = new Map(packed.flatMap(({ names: names2 }) => names2.map((name2) => [name2, checkpoint.entry(name2).type])));
    const blocked = [...new Set(types.values())].filter(isBlocked);
    const missing = blocked.filter((type) => backend2.blockWeights?.formats.includes(type) !== true);
    const choice = options.weights === "automatic" ? blocked.length > 0 && missing.length === 0 ? "stored" : "unpacked" : options.weights;
    const note2 = options.weights === "automatic" && missing.length > 0 && backend2.blockWeights !== void 0 ? `The backend ${backend2.name} has no kernels for weights in ${missing.join(", ")}: the weights are unpacked to ${dtype2}.` : void 0;
    if (choice === "f32" && dtype2 !== "f32") throw refusal2(`Weights in f32 need activations in f32, not ${dtype2}.`, "Compute in f32 (--dtype f32), or keep weights as bf16.");
    const quantisation = quantisations[choice];
    if (quantisation !== void 0) requireQuantisable(options, packed, blocked, quantisation);
    if (choice === "stored" && missing.length > 0) {
      throw refusal2(
        `The backend ${backend2.name} does not compute on weights in ${missing.join(", ")} as they are stored.`,
        `Unpack them (--weights unpacked)${backend2.blockWeights === void 0 ? ", or take the cpu backend" : `, or take a file in ${backend2.blockWeights.formats.join(", ")}`}.`
      );
    }
    const floatDType = choice === "f32" || choice === "bf16" ? choice : dtype2;
    const formats = /* @__PURE__ */ new Map();
    let byteLength = predictWeightBytes(spec, dtype2);
    for (const weight of packed) {
      const of = formatsOf(weight, types, choice);
      const elements = weight.outFeatures * weight.inFeatures;
      if (of !== void 0) formats.set(weight.names[0], of);
      const bytes = of === void 0 ? elements * dtypeByteSize(floatDType) : backend2.blockWeights.packedBytes(of, weight.outFeatures, weight.inFeatures);
      byteLength += bytes - elements * dtypeByteSize(dtype2);
    }
    return new _WeightPlan(floatDType, quantisation, note2, formats, byteLength);
  }
  /** Formats of the tensors of a weight that is computed on in blocks; undefined for one of floats. */
  formatsOf(names2) {
    return this.formats.get(names2[0]);
  }
  /** The formats in words: "Q4_1, Q8_0", "bf16". */
  get text() {
    const formats = new Set([...this.formats.values()].flat());
    return formats.size === 0 ? this.floatDType : [...formats].sort().join(", ");
  }
};
function formatsOf({ names: names2, routes }, types, choice) {
  const quantisation = quantisations[choice];
  if (quantisation !== void 0) return routes ? void 0 : names2.map(() => quantisation);
  const stored = names2.map((name2) => types.get(name2));
  return choice === "stored" && stored.every(isBlocked) ? stored : void 0;
}
function requireQuantisable({ backend: backend2, spec, quantisation }, packed, blocked, format) {
  if (blocked.length > 0 || quantisation !== void 0) {
    throw refusal2(`The file is quantised already (${quantisation ?? blocked.join(", ")}): its weights cannot be quantised to ${format}.`, "Leave --weights out, or take the model that the file was made from.");
  }
  if (backend2.blockWeights?.formats.includes(format) !== true) {
    throw refusal2(`The backend ${backend2.name} does not compute on weights in ${format}.`, "Keep weights as bf16, or take the cpu backend.");
  }
  if (spec.layers.some(({ feedForward: feedForward2 }) => feedForward2.kind === "experts")) {
    throw refusal2("Experts are multiplied as floats: a model that has them cannot be quantised while it is loaded.", "Keep weights as bf16.");
  }
  const { blockSize: blockSize2 } = weightFormats.get(format);
  const uneven = packed.find(({ inFeatures, routes }) => !routes && inFeatures % blockSize2 !== 0);
  if (uneven !== void 0) {
    const hint = uneven.inFeatures % 32 === 0 && blockSize2 > 32 ? "Take q8_0, whose blocks are of 32." : "Keep weights as bf16.";
    throw refusal2(`${uneven.names[0]} has ${uneven.inFeatures} inputs, which are not whole blocks of ${blockSize2} (${format}).`, hint);
  }
}
function refusal2(message, hint) {
  return new InvalidOptionError(message, "weights", hint);
}

// ../../packages/transformer/src/loading/check-weights.ts
function checkWeights(checkpoint, adapter, spec) {
  for (const { role, layer, expert, shape, bias } of expectedTensors(adapter, spec)) {
    const name2 = adapter.weightName(role, layer, expert);
    checkTensor(checkpoint, name2, role, shape);
    if (bias) checkTensor(checkpoint, biasName(name2), role, shape.slice(0, 1));
  }
  if (adapter.expertLayout !== "joined") return;
  for (const [layer, { feedForward: feedForward2 }] of spec.layers.entries()) {
    if (feedForward2.kind !== "experts") continue;
    for (const role of ["expertGateUp", "expertDown"]) joinedExperts(checkpoint, adapter, spec, layer, role).checkBiases();
  }
}
function biasName(weight) {
  return weight.replace(/\.weight$/, ".bias");
}
function checkTensor(checkpoint, name2, role, expected) {
  const { shape, type } = checkpoint.entry(name2);
  if (shape.length !== expected.length || shape.some((size2, i) => size2 !== expected[i])) {
    const keys2 = contradictedKeys(role, shape, expected);
    throw new ShapeError(
      `${name2} is [${shape.join(", ")}], but config.json asks for [${expected.join(", ")}]${keys2 === void 0 ? "" : ` by ${keys2}`}.`,
      "The config does not belong to these weights."
    );
  }
  if (isBlocked(type) && (shape.length === 1 || role === "expertRouter")) {
    throw new ModelConfigError(
      `${checkpoint.path}: ${name2} is quantised (${type}), which only the matrices of projections and embeddings may be.`,
      "Take a file that keeps norms, biases and the routers of experts as F32."
    );
  }
  if (!weightFormats.has(type) && type !== "F64") throw new UnsupportedWeightFormatError(type, `${checkpoint.path}: ${name2}`, weightFormats.keys());
}

// ../../packages/transformer/src/loading/rows/quantise-rows.ts
var sliceElements2 = 1 << 18;
function quantiseRows(checkpoint, name2, format) {
  const { type, shape, byteLength } = checkpoint.entry(name2);
  const quantise = weightQuantisers.get(format);
  const [numRows, rowLength] = [shape[0], shape[1]];
  const [rowBytes, targetRowBytes] = [byteLength / numRows, weightByteLength(weightFormat(format, name2), rowLength)];
  const blocks = new Uint8Array(numRows * targetRowBytes);
  const sliceRows = Math.max(1, Math.floor(sliceElements2 / rowLength));
  for (let row = 0; row < numRows; row += sliceRows) {
    const end = Math.min(row + sliceRows, numRows);
    const values = hostFloats(checkpoint.read(name2, { start: row * rowBytes, end: end * rowBytes }), type);
    const broken = findNotFinite(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), "F32");
    if (broken >= 0) throw notFinite(name2, row * rowLength + broken);
    quantise(values, blocks.subarray(row * targetRowBytes, end * targetRowBytes));
  }
  return blocks;
}

// ../../packages/transformer/src/loading/weight-reader.ts
var WeightReader = class {
  constructor(options, scope, loading) {
    this.options = options;
    this.scope = scope;
    this.loading = loading;
  }
  options;
  scope;
  loading;
  #buffers = new SliceBuffers();
  /** Matrices whose values are checked where they are, and the numbers of the first broken elements. */
  #checked = [];
  /** A matrix that is looked up in, in the compute dtype. */
  table(role, shape) {
    const table2 = this.scope.track(this.options.backend.allocate(shape, this.options.dtype));
    this.#fill(table2, this.options.adapter.weightName(role, 0));
    return table2;
  }
  /** A table that is on the backend, as a weight. */
  packed(table2) {
    const { backend: backend2, plan, dtype: computed } = this.options;
    const dtype2 = plan?.floatDType ?? computed;
    const empty2 = backend2.emptyWeight?.(table2.shape[0], table2.shape[1], dtype2);
    if (empty2 === void 0) return this.scope.track(backend2.kernels.run(packLinear, { weights: [table2], dtype: dtype2 }));
    this.scope.track(empty2.weight);
    backend2.kernels.run(cast, { input: table2, output: empty2.rows });
    return empty2.weight;
  }
  /** The one tensor in which checkpoints of this family keep several matrices, as the only role to read; undefined otherwise. */
  fused(role) {
    return this.options.adapter.fused?.includes(role) === true ? [role] : void 0;
  }
  /** A norm over the hidden size. */
  norm(role, layer) {
    const gain = this.gain(role, layer);
    if (!this.options.spec.norm.bias) return { gain };
    return { gain, bias: this.#upload(this.#floats(biasName(this.options.adapter.weightName(role, layer)))) };
  }
  /** What a norm multiplies with, f32. */
  gain(role, layer) {
    const weight = this.#floats(this.options.adapter.weightName(role, layer));
    return this.#upload(this.options.spec.norm.gainFromOne ? weight.map((value) => 1 + value) : weight);
  }
  /** A vector as f32. */
  vector(role, layer) {
    return this.#upload(this.#floats(this.options.adapter.weightName(role, layer)));
  }
  /** Matrices joined along their outputs, packed, with their biases joined the same way. */
  projection(roles, layer, withBias2) {
    const names2 = roles.map((role) => this.options.adapter.weightName(role, layer));
    const weight = this.#weight(names2);
    if (!withBias2) return { weight };
    const values = names2.map((name2) => this.#floats(biasName(name2)));
    return { weight, bias: this.#upload(joinFloats(values)) };
  }
  /**
   * The matrices of a layer's experts, packed, and their biases.
   * @param joined role of the tensor that holds all of them, in checkpoints that have one
   * @param roles of the tensors of one expert in the others, joined along their outputs
   */
  experts(joined2, roles, layer, { numExperts, bias }) {
    const { backend: backend2, checkpoint, adapter, spec, dtype: dtype2 } = this.options;
    const source = adapter.expertLayout === "joined" ? joinedExperts(checkpoint, adapter, spec, layer, joined2) : void 0;
    const names2 = (expert) => roles.map((role) => adapter.weightName(role, layer, expert));
    const [outFeatures, inFeatures] = source?.size ?? [names2(0).reduce((sum3, name2) => sum3 + checkpoint.entry(name2).shape[0], 0), checkpoint.entry(names2(0)[0]).shape[1]];
    const weight = this.scope.track(backend2.kernels.run(allocateExperts, { numExperts, outFeatures, inFeatures, dtype: dtype2 }));
    for (let expert = 0; expert < numExperts; expert++) {
      var _stack = [];
      try {
        const matrices = __using(_stack, new MemoryScope());
        const weights = source === void 0 ? names2(expert).map((name2) => this.#matrix(name2, matrices)) : [matrices.track(backend2.upload(source.matrix(expert), source.size, "f32"))];
        backend2.kernels.run(packExpert, { experts: weight, expert, weights });
      } catch (_) {
        var _error = _, _hasError = true;
      } finally {
        __callDispose(_stack, _error, _hasError);
      }
    }
    if (!bias) return { weight };
    const values = source?.biases() ?? joinFloats(Array.from({ length: numExperts }, (_2, expert) => names2(expert)).flat().map((name2) => this.#floats(biasName(name2))));
    return { weight, bias: this.scope.track(backend2.upload(values, [numExperts, outFeatures], "f32")) };
  }
  /** Waits for everything that was read. @throws ModelConfigError naming the first matrix that is damaged */
  finish() {
    for (const { name: name2, found } of this.#checked) {
      const index = hostArray(found.download(), "i32")[0];
      if (index >= 0) throw notFinite(name2, index);
    }
  }
  #upload(values) {
    return this.scope.track(this.options.backend.upload(values, [values.length], "f32"));
  }
  /** Matrices as one weight in blocks, as the plan has it; undefined for weights of floats. */
  inBlocks(names2) {
    const { backend: backend2, checkpoint, plan } = this.options;
    const formats = plan?.formatsOf(names2);
    if (formats === void 0) return void 0;
    const weights = names2.map((name2, index) => {
      const { shape } = checkpoint.entry(name2);
      const [format, rows2, columns] = [formats[index], shape[0], shape[1]];
      const bytes = plan.quantisation === void 0 ? checkpoint.read(name2) : quantiseRows(checkpoint, name2, format);
      return { name: name2, format, rows: rows2, columns, bytes };
    });
    return this.scope.track(backend2.kernels.run(packBlocks, { weights }));
  }
  #weight(names2) {
    const { backend: backend2, checkpoint, plan, dtype: computed } = this.options;
    const inBlocks = this.inBlocks(names2);
    if (inBlocks !== void 0) return inBlocks;
    const dtype2 = plan?.floatDType ?? computed;
    const shapes = names2.map((name2) => checkpoint.entry(name2).shape);
    const outFeatures = shapes.reduce((sum3, shape) => sum3 + shape[0], 0);
    const empty2 = backend2.emptyWeight?.(outFeatures, shapes[0][1], dtype2);
    if (empty2 === void 0) {
      var _stack = [];
      try {
        const matrices = __using(_stack, new MemoryScope());
        const weights = names2.map((name2) => this.#matrix(name2, matrices));
        return this.scope.track(backend2.kernels.run(packLinear, { weights, dtype: dtype2 }));
      } catch (_) {
        var _error = _, _hasError = true;
      } finally {
        __callDispose(_stack, _error, _hasError);
      }
    }
    this.scope.track(empty2.weight);
    let row = 0;
    for (const [index, name2] of names2.entries()) {
      const rows2 = shapes[index][0];
      this.#fill(empty2.rows.rows(row, row + rows2), name2);
      row += rows2;
    }
    return empty2.weight;
  }
  /** Fills dense rows with a matrix, straight from the file where its type is theirs. */
  #fill(target, name2) {
    var _stack = [];
    try {
      const { backend: backend2, checkpoint } = this.options;
      const { type } = checkpoint.entry(name2);
      if (isBlocked(type)) {
        unpackRows(target, checkpoint, name2, this.#buffers);
        return;
      }
      if (elementDType(type) === target.dtype) {
        this.#read(target, name2);
        return;
      }
      const scope = __using(_stack, new MemoryScope());
      backend2.kernels.run(cast, { input: this.#matrix(name2, scope), output: target });
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /** A matrix in the float type of its file; in the compute dtype where it is kept in blocks, in f32 where its type is none of ours. */
  #matrix(name2, scope) {
    const { backend: backend2, checkpoint } = this.options;
    const { type, shape } = checkpoint.entry(name2);
    const dtype2 = isBlocked(type) ? this.options.dtype : elementDType(type);
    if (dtype2 !== "f32" && dtype2 !== "bf16" && dtype2 !== "f16") return scope.track(backend2.upload(this.#floats(name2), shape, "f32"));
    const matrix = scope.track(backend2.allocate(shape, dtype2));
    if (isBlocked(type)) unpackRows(matrix, checkpoint, name2, this.#buffers);
    else this.#read(matrix, name2);
    return matrix;
  }
  #read(target, name2) {
    const { backend: backend2, checkpoint } = this.options;
    const place = backend2.readFile === void 0 ? void 0 : checkpoint.locate(name2);
    if (backend2.readFile === void 0 || place === void 0) {
      const bytes = checkpoint.read(name2);
      const index = findNotFinite(bytes, checkpoint.entry(name2).type);
      if (index >= 0) throw notFinite(name2, index);
      backend2.write(target, bytes);
      return;
    }
    try {
      backend2.readFile(target, place.descriptor, place.position);
    } catch (error) {
      throw new ModelConfigError(
        `${name2} cannot be read: ${error.message}.`,
        "The checkpoint is damaged or was changed while it was read; download it again."
      );
    }
    const found = this.loading.track(backend2.allocate([1], "i32"));
    backend2.kernels.run(firstNotFinite, { input: target, output: found });
    this.#checked.push({ name: name2, found });
  }
  /** A small tensor as float32. */
  #floats(name2) {
    const { checkpoint } = this.options;
    const { type } = checkpoint.entry(name2);
    const values = hostFloats(checkpoint.read(name2), type);
    const index = findNotFinite(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), "F32");
    if (index >= 0) throw notFinite(name2, index);
    return values;
  }
};
function joinFloats(parts) {
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}

// ../../packages/transformer/src/loading/load-weights.ts
async function loadWeights(options, scope) {
  var _stack = [];
  try {
    const { spec, onProgress, signal } = options;
    const loading = __using(_stack, new MemoryScope());
    const reader = new WeightReader(options, scope, loading);
    checkWeights(options.checkpoint, options.adapter, spec);
    const embedding2 = reader.table("embedding", [spec.vocabularySize, spec.hiddenSize]);
    const layers = [];
    for (let layer = 0; layer < spec.numLayers; layer++) {
      signal?.throwIfAborted();
      layers.push(loadLayer(reader, spec, layer));
      onProgress?.(layer + 1, spec.numLayers);
      await setImmediate2();
    }
    const finalNorm = reader.norm("finalNorm", 0);
    const output = spec.tiedEmbeddings ? { weight: reader.inBlocks([options.adapter.weightName("embedding", 0)]) ?? reader.packed(embedding2) } : reader.projection(["output"], 0, false);
    reader.finish();
    return { embedding: embedding2, layers, finalNorm, output };
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function loadLayer(reader, spec, layer) {
  const { queryKeyValueBias, attentionOutputBias, attentionSinks, queryKeyNorm } = spec;
  const norms2 = Object.fromEntries(layerNorms(spec).map((role) => [role, reader.norm(role, layer)]));
  const headNorms = queryKeyNorm === "none" ? {} : { queryNorm: reader.gain("queryNorm", layer), keyNorm: reader.gain("keyNorm", layer) };
  return {
    ...norms2,
    ...headNorms,
    ...attentionSinks ? { sinks: reader.vector("sinks", layer) } : {},
    queryKeyValue: reader.projection(reader.fused("queryKeyValue") ?? ["query", "key", "value"], layer, queryKeyValueBias),
    attentionOutput: reader.projection(["attentionOutput"], layer, attentionOutputBias),
    feedForward: loadFeedForward(reader, spec, layer)
  };
}
function loadFeedForward(reader, spec, layer) {
  const { feedForward: feedForward2 } = spec.layers[layer];
  const { gated: gated2, bias } = feedForward2;
  if (feedForward2.kind === "experts") {
    return {
      kind: "experts",
      router: reader.projection(["expertRouter"], layer, feedForward2.routerBias),
      gateUp: reader.experts("expertGateUp", gated2 ? ["expertGate", "expertUp"] : ["expertUp"], layer, feedForward2),
      down: reader.experts("expertDown", ["expertDown"], layer, feedForward2)
    };
  }
  return {
    kind: "dense",
    gateUp: reader.projection(gated2 ? reader.fused("gateUp") ?? ["gate", "up"] : ["up"], layer, bias),
    down: reader.projection(["down"], layer, bias)
  };
}

// ../../packages/transformer/src/loading/random-weights.ts
var deviation = 0.02;
function makeRandomWeights(backend2, spec, dtype2, seed, scope) {
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads, vocabularySize } = spec;
  const queries2 = numQueryHeads * headDim;
  let drawn = seed;
  const normal = (rows2, columns) => {
    const output = backend2.allocate([rows2, columns], dtype2);
    try {
      backend2.kernels.run(fillNormal, { output, seed: drawn++, deviation });
      return output;
    } catch (error) {
      output.dispose();
      throw error;
    }
  };
  const vector = (length, value) => scope.track(backend2.upload(new Float32Array(length).fill(value), [length], "f32"));
  const projection = (outputs, inputs2, withBias2) => {
    var _stack = [];
    try {
      const matrix = __using(_stack, normal(outputs, inputs2));
      const weight = scope.track(backend2.kernels.run(packLinear, { weights: [matrix], dtype: dtype2 }));
      return withBias2 ? { weight, bias: vector(outputs, 0) } : { weight };
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  };
  const norm = () => ({ gain: vector(hiddenSize, 1), ...spec.norm.bias ? { bias: vector(hiddenSize, 0) } : {} });
  const headNorms = () => {
    if (spec.queryKeyNorm === "none") return {};
    const [queryHeads, keyHeads] = spec.queryKeyNorm === "head" ? [1, 1] : [numQueryHeads, numKeyValueHeads];
    return { queryNorm: vector(queryHeads * headDim, 1), keyNorm: vector(keyHeads * headDim, 1) };
  };
  const experts4 = (numExperts, outFeatures, inFeatures, withBias2) => {
    const weight = scope.track(backend2.kernels.run(allocateExperts, { numExperts, outFeatures, inFeatures, dtype: dtype2 }));
    for (let expert = 0; expert < numExperts; expert++) {
      var _stack = [];
      try {
        const matrix = __using(_stack, normal(outFeatures, inFeatures));
        backend2.kernels.run(packExpert, { experts: weight, expert, weights: [matrix] });
      } catch (_) {
        var _error = _, _hasError = true;
      } finally {
        __callDispose(_stack, _error, _hasError);
      }
    }
    const zeros = new Float32Array(withBias2 ? numExperts * outFeatures : 0);
    return withBias2 ? { weight, bias: scope.track(backend2.upload(zeros, [numExperts, outFeatures], "f32")) } : { weight };
  };
  const feedForwardOf2 = (feedForward2) => {
    const { intermediateSize, bias } = feedForward2;
    if (feedForward2.kind === "dense") {
      return {
        kind: "dense",
        gateUp: projection(innerFeatures(feedForward2), hiddenSize, bias),
        down: projection(hiddenSize, intermediateSize, bias)
      };
    }
    const { numExperts, routerBias } = feedForward2;
    return {
      kind: "experts",
      router: projection(numExperts, hiddenSize, routerBias),
      gateUp: experts4(numExperts, innerFeatures(feedForward2), hiddenSize, bias),
      down: experts4(numExperts, hiddenSize, intermediateSize, bias)
    };
  };
  const layer = ({ feedForward: feedForward2 }) => {
    return {
      ...Object.fromEntries(layerNorms(spec).map((role) => [role, norm()])),
      ...headNorms(),
      ...spec.attentionSinks ? { sinks: vector(numQueryHeads, 0) } : {},
      queryKeyValue: projection(queries2 + 2 * numKeyValueHeads * headDim, hiddenSize, spec.queryKeyValueBias),
      attentionOutput: projection(hiddenSize, queries2, spec.attentionOutputBias),
      feedForward: feedForwardOf2(feedForward2)
    };
  };
  return {
    embedding: scope.track(normal(vocabularySize, hiddenSize)),
    layers: spec.layers.map(layer),
    finalNorm: norm(),
    output: projection(vocabularySize, hiddenSize, false)
  };
}

// ../../packages/transformer/src/model/sliding-modes.ts
function slidingModes({ layers }) {
  return layers.map(({ window }) => window === void 0 ? void 0 : { kind: "sliding", windowTokens: window });
}

// ../../packages/transformer/src/memory/memory-prediction.ts
function predictMemory(spec, question) {
  const { dtype: dtype2, chunkRows, sequences, logitsRows = 1, pageTokens = 1 } = question;
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads, vocabularySize } = spec;
  const size2 = dtypeByteSize(dtype2);
  const rows2 = sum2(sequences, ({ tokens }) => tokens);
  const longest = Math.max(0, ...sequences.map(({ tokens }) => tokens));
  const weightBytes2 = question.weightBytes ?? predictWeightBytes(spec, dtype2);
  const tableBytes = tablePositions(longest, spec.contextLength) * rotatedDimensions(spec) * 4;
  const chunk = Math.min(rows2, chunkRows);
  const perRow = hiddenSize + (numQueryHeads + 2 * numKeyValueHeads) * headDim;
  const positionBytes = rows2 * 8;
  const activationBytes = size2 * (rows2 * perRow + chunk * (hiddenSize + widestFeedForward(spec.layers))) + expertWorkspaceBytes(spec.layers, chunk, hiddenSize, dtype2) + positionBytes + ownTableBytes(spec, sequences);
  const { keyValueBytes, mostBytes } = predictKeyValues(spec, question);
  const numLogitsRows = sum2(sequences, ({ tokens }) => Math.min(logitsRows, tokens));
  const logitsBytes = numLogitsRows * (size2 * hiddenSize + 4 * (vocabularySize + (spec.shard === void 0 ? 0 : outputRows(spec))));
  const requestBytes = activationBytes + Math.max(mostBytes, keyValueBytes + logitsBytes);
  return {
    weightBytes: weightBytes2,
    tableBytes,
    activationBytes,
    keyValueBytes,
    fullKeyValueBytes: sum2(sequences, ({ tokens, reserveTokens = 0 }) => {
      return fullKeyValueBytes({ ...spec, dtype: dtype2 }, Math.ceil((tokens + reserveTokens) / pageTokens) * pageTokens);
    }),
    requestBytes,
    peakBytes: weightBytes2 + tableBytes + requestBytes
  };
}
function predictKeyValues(spec, { dtype: dtype2, sequences, pageTokens }) {
  const perSlot = slotBytes({ ...spec, dtype: dtype2 });
  const layers = sequences.map((sequence) => layerSlots(spec, sequence, pageTokens));
  const masks = sum2(sequences, (sequence) => maskBytes(spec, sequence));
  let [settled2, most] = [0, 0];
  for (let layer = 0; layer < spec.numLayers; layer++) {
    const slots = layers.map((sequence) => sequence[layer]);
    const moving = Math.max(0, ...slots.map(({ full, dropped }) => dropped < full ? dropped : 0));
    most = Math.max(most, settled2 + perSlot * sum2(slots, ({ full }) => full) + Math.max(masks, perSlot * moving));
    settled2 += perSlot * sum2(slots, ({ dropped }) => dropped);
  }
  return { keyValueBytes: settled2, mostBytes: most };
}
function layerSlots(spec, sequence, pageTokens) {
  const { numKeyValueHeads } = spec;
  const { tokens, reserveTokens = 0, sparseMode, sparsity = 0, decode: decode2 = "routed" } = sequence;
  const all = { type: "all" };
  const retentionOf = (mode2) => attentionModeDefinition(mode2).retention(mode2);
  const sparse = decode2 === "full" || sparseMode === void 0 ? all : retentionOf(sparseMode);
  const slots = (retention, heads) => {
    const retentions = Array.from({ length: numKeyValueHeads }, (_, head) => head < heads ? retention : all);
    return predictSlots(retentions, tokens, reserveTokens, pageTokens);
  };
  const full = slots(all, 0);
  const routed = routedLayers(spec);
  const quotas = layerQuotas({ target: sparsity, numLayers: routed.length }, numKeyValueHeads);
  return slidingModes(spec).map((window, layer) => {
    const sparseHeads = sequence.sparseHeads?.[layer] ?? quotas[routed.indexOf(layer)] ?? 0;
    const dropped = window === void 0 ? slots(sparse, sparseHeads) : slots(retentionOf(window), numKeyValueHeads);
    return { full, dropped: Math.min(full, dropped) };
  });
}
function ownTableBytes({ layers }, sequences) {
  const ropes = new Set(layers.flatMap(({ rope }) => rope === void 0 ? [] : [rope]));
  const lengths = sequences.map(({ tokens }) => tokens);
  return sum2([...ropes], (rope) => shareTable(rope, lengths) ? 0 : sum2(lengths, (rows2) => rows2 * (4 * rope.rotatedDim + 4)));
}
function rotatedDimensions({ layers, queryScaling: queryScaling2 }) {
  const ropes = new Set(layers.flatMap(({ rope }) => rope === void 0 ? [] : [rope]));
  return sum2([...ropes], ({ rotatedDim }) => rotatedDim) * (queryScaling2 === void 0 ? 1 : 2);
}
function maskBytes({ numQueryHeads }, { tokens, retrievalMode, sparseMode }) {
  const sides = [retrievalMode, sparseMode].flatMap((mode2) => {
    const pattern = mode2 === void 0 ? void 0 : patternOf(mode2);
    return pattern?.type === "selected" ? [Math.ceil(tokens / pattern.blockSize)] : [];
  });
  return Math.max(0, ...sides.map((blocks) => numQueryHeads * blocks ** 2));
}
function sum2(values, of) {
  return values.reduce((total, value) => total + of(value), 0);
}

// ../../packages/transformer/src/memory/sequence-caches.ts
var SequenceCaches = class {
  constructor(backend2, spec, dtype2) {
    this.backend = backend2;
    this.spec = spec;
    this.dtype = dtype2;
  }
  backend;
  spec;
  dtype;
  #scope = new MemoryScope();
  #pool;
  /** Undefined where caches have tensors of their own. */
  get pool() {
    const { backend: backend2, dtype: dtype2, spec } = this;
    if (backend2.reserve === void 0) return void 0;
    return this.#pool ??= this.#scope.track(new PagePool({ backend: backend2, headDim: spec.headDim, dtype: dtype2 }));
  }
  /** Whether keys of one sequence serve any other: they lie in pages, and no angle depends on how long a sequence becomes. */
  get canResume() {
    return this.pool !== void 0 && this.spec.layers.every(({ rope }) => rope === void 0 || lengthDependsBeyond(rope) === void 0);
  }
  /** Bytes of pages that there is memory for and that nobody uses. */
  get unusedPageBytes() {
    const { pool } = this;
    if (pool === void 0) return 0;
    const { pagesAllocated, pagesInUse } = pool.report();
    return (pagesAllocated - pagesInUse) * pool.pageBytes;
  }
  /** An empty cache; it takes memory when tokens come. */
  create({ decode: decode2 = "routed", reserveTokens = 0, paged = true, modes } = {}) {
    const pool = paged ? this.pool : void 0;
    return new SequenceCache({ ...this.#shape, decode: decode2, reserveTokens, ...modes === void 0 ? {} : { modes }, ...pool === void 0 ? {} : { pool } });
  }
  /** A cache that goes on from a snapshot. @throws ShapeError as `SequenceCache.resume` */
  resume(snapshot, { decode: decode2 = "routed", ...options } = {}) {
    return SequenceCache.resume({ ...this.#shape, decode: decode2, ...this.pool === void 0 ? {} : { pool: this.pool } }, { snapshot, ...options });
  }
  get #shape() {
    const { backend: backend2, dtype: dtype2, spec } = this;
    const { numLayers, numKeyValueHeads, headDim } = spec;
    return { numLayers, numKeyValueHeads, headDim, fixedModes: slidingModes(spec), backend: backend2, dtype: dtype2 };
  }
  [Symbol.dispose]() {
    this.#scope.dispose();
  }
};

// ../../packages/transformer/src/parallel/rank-kernels.ts
var registered = /* @__PURE__ */ new WeakSet();
function registerRankKernels(backend2) {
  if (registered.has(backend2)) return;
  registered.add(backend2);
  backend2.kernels.register(allReduce, hostAllReduce, { priority: -1 });
  backend2.kernels.register(gatherColumns, hostGatherColumns, { priority: -1 });
}

// ../../packages/transformer/src/parallel/messages.ts
import { deserialize, serialize } from "node:v8";
function encodeMessage(message) {
  return serialize(message);
}
function decodeMessage(bytes) {
  return deserialize(bytes);
}

// ../../packages/transformer/src/parallel/gather-routing.ts
function gatherHeads2({ spec, ranks: ranks2 }, layer, routed) {
  const { shard } = spec;
  if (ranks2 === void 0 || shard === void 0) return routed;
  const own = { heads: shard.keyValueHeads[layer], routed };
  const parts = ranks2.allGather(encodeMessage(own)).map((bytes) => decodeMessage(bytes));
  return routed.map(({ assignment }, sequence) => {
    const modes = new Array(shard.numKeyValueHeads);
    const all = new Array(assignment.length === 0 ? 0 : shard.numKeyValueHeads);
    for (const { heads, routed: ofRank } of parts.toReversed()) {
      for (const [index, head] of heads.entries()) {
        modes[head] = ofRank[sequence].modes[index];
        if (all.length > 0) all[head] = ofRank[sequence].assignment[index];
      }
    }
    return { modes, assignment: all };
  });
}
function gatherCounts({ spec, ranks: ranks2 }, counts) {
  const { shard } = spec;
  if (ranks2 === void 0 || shard === void 0) return counts;
  const own = { counts: shard.holdsFirst ? counts : [] };
  const parts = ranks2.allGather(encodeMessage(own)).map((bytes) => decodeMessage(bytes));
  return counts.map(
    (layers, sequence) => layers.map((_, layer) => {
      const each = parts.flatMap((part) => part.counts[sequence]?.[layer] ?? []);
      return { visited: each.reduce((sum3, { visited }) => sum3 + visited, 0), causal: each.reduce((sum3, { causal }) => sum3 + causal, 0) };
    })
  );
}

// ../../packages/transformer/src/prefill/attention-slices.ts
var alignment = 128;
var leastRows2 = 1024;
function attentionSlices(sequences, mostPairs) {
  if (pairsAtMost(sequences) <= mostPairs) return [sequences];
  return sequences.flatMap((sequence) => {
    const { patterns, mask } = waitForPatterns(sequence.routing);
    if (mask !== void 0) return [[sequence]];
    const slices = [];
    for (let start = 0; start < sequence.length; ) {
      const end = sliceEnd(sequence, patterns, start, mostPairs);
      const { cache, length } = sequence;
      const seen = shortenedCache(cache, cache.length - length + end);
      slices.push([{ ...sequence, start: sequence.start + start, length: end - start, cache: seen }]);
      start = end;
    }
    return slices;
  });
}
function pairsAtMost(sequences) {
  return sequences.reduce((sum3, sequence) => {
    const { cache, length, routing } = sequence;
    const pairs = routing.type === "decision" ? cache.numKeyValueHeads * length * cache.length : pairsOf(sequence, routing.patterns, 0, length);
    return sum3 + pairs;
  }, 0);
}
function sliceEnd(sequence, patterns, start, mostPairs) {
  const offset = sequence.cache.length - sequence.length;
  const aligned = (row) => Math.ceil((offset + row) / alignment) * alignment - offset;
  let end = aligned(start + leastRows2);
  while (end < sequence.length) {
    const next = aligned(end + leastRows2);
    if (pairsOf(sequence, patterns, start, Math.min(next, sequence.length)) > mostPairs) break;
    end = next;
  }
  return Math.min(end, sequence.length);
}
function pairsOf({ cache, length }, patterns, start, end) {
  const middle = cache.length - length + (start + end) / 2;
  return patterns.reduce((sum3, pattern) => sum3 + (end - start) * Math.min(middle, windowOf(pattern)), 0);
}
function windowOf(pattern) {
  if (pattern.type === "sliding") return pattern.windowTokens;
  return pattern.type === "streaming" ? (pattern.sinkBlocks + pattern.localBlocks) * pattern.blockSize : Infinity;
}

// ../../packages/transformer/src/parallel/head-share.ts
function headShare({ spec, ranks: ranks2 }, layer) {
  const { shard } = spec;
  if (shard === void 0 || ranks2 === void 0) return void 0;
  const { numKeyValueHeads: numHeads } = shard;
  const heads = shard.keyValueHeads[layer];
  return {
    numHeads,
    heads,
    gather(values) {
      const parts = ranks2.allGather(encodeMessage({ heads, values })).map((bytes) => decodeMessage(bytes));
      const sequences = values.length / heads.length;
      if (parts.some((part) => part.values.length !== sequences * part.heads.length)) throw new ShapeError("The ranks were asked about different sequences.");
      const all = new Float32Array(sequences * numHeads);
      for (const part of parts.toReversed()) {
        for (const [index, head] of part.heads.entries()) {
          for (let sequence = 0; sequence < sequences; sequence++) all[sequence * numHeads + head] = part.values[sequence * part.heads.length + index];
        }
      }
      return all;
    }
  };
}

// ../../packages/transformer/src/prefill/whole-keys.ts
function wholeKeys({ backend: backend2, spec }, cache, layer, added) {
  const { kernels } = backend2;
  const { length } = cache;
  const { numKeyValueHeads, headDim } = spec;
  const keys2 = backend2.allocate([length + added.shape[0], numKeyValueHeads, headDim], added.dtype);
  try {
    cache.makeRoom(0);
    const source = cache.layer(layer);
    if (heldRanges(source).some((ranges) => ranges.length > 1)) throw new ShapeError("A router cannot be asked about a sequence whose heads have dropped tokens.");
    const held = keys2.rows(0, length).reshape([length, numKeyValueHeads * headDim]);
    for (let head = 0; head < numKeyValueHeads; head++) copyHeldRows(source, head, source.keys, held.columns(head * headDim, (head + 1) * headDim));
    turnBack(keys2.rows(0, length), spec.layers[layer].rope);
    kernels.run(cast, { input: added, output: keys2.rows(length, keys2.shape[0]) });
    return keys2;
  } catch (error) {
    keys2.dispose();
    throw error;
  }
}
function turnBack(keys2, rope) {
  var _stack = [];
  try {
    if (rope === void 0) return;
    const { backend: backend2 } = keys2;
    const rows2 = keys2.shape[0];
    const frequencies = inverseFrequencies(rope).map((frequency) => -frequency);
    const scope = __using(_stack, new MemoryScope());
    const tables = { cosine: scope.track(backend2.allocate([rows2, frequencies.length], "f32")), sine: scope.track(backend2.allocate([rows2, frequencies.length], "f32")) };
    const radians = scope.track(backend2.upload(frequencies, [frequencies.length], "f32"));
    const positions = scope.track(backend2.upload(Int32Array.from({ length: rows2 }, (_2, row) => row), [rows2], "i32"));
    backend2.kernels.run(rotaryTables, { frequencies: radians, scale: 1 / attentionFactor(rope), ...tables });
    backend2.kernels.run(rotary, { heads: keys2, positions, ...tables, pairs: rope.pairs });
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}

// ../../packages/transformer/src/prefill/layer-routing.ts
function startRouting(pass, key, query, layer) {
  var _stack2 = [];
  try {
    const { batch, backend: backend2, spec, routers } = pass;
    const { caches, offsets } = batch;
    const scope = __using(_stack2, new MemoryScope());
    const plans = [];
    const share = headShare(pass, layer);
    const isNew = caches.map((cache) => cache.modes(layer) === void 0);
    for (let first = 0, end = 1; first < caches.length; first = end, end = first + 1) {
      const router = routers[first];
      if (!isNew[first] || router === void 0) continue;
      const input = { backend: backend2, layer, ...share === void 0 ? {} : { share } };
      let plan;
      if (caches[first].length > 0) {
        var _stack = [];
        try {
          const keys2 = __using(_stack, wholeKeys(pass, caches[first], layer, key.rows(offsets[first], offsets[end])));
          plan = scope.track(router.route({ ...input, keys: keys2, offsets: [0, keys2.shape[0]] }));
        } catch (_) {
          var _error = _, _hasError = true;
        } finally {
          __callDispose(_stack, _error, _hasError);
        }
      } else {
        while (end < caches.length && isNew[end] && caches[end].length === 0 && routers[end] === router) end += 1;
        const [start, stop] = [offsets[first], offsets[end]];
        const own = offsets.slice(first, end + 1).map((offset) => offset - start);
        plan = scope.track(router.route({ ...input, keys: key.rows(start, stop), queries: query.rows(start, stop), offsets: own }));
      }
      if (plan.numSequences !== end - first || plan.numKeyValueHeads !== spec.numKeyValueHeads) {
        throw new ShapeError(
          `Router "${router.name}" gave a plan of ${plan.numSequences} sequences with ${plan.numKeyValueHeads} heads; it was asked about ${end - first} with ${spec.numKeyValueHeads}.`
        );
      }
      plans.push({ firstSequence: first, plan });
    }
    return new LayerRouting(pass, layer, plans, scope.move());
  } catch (_2) {
    var _error2 = _2, _hasError2 = true;
  } finally {
    __callDispose(_stack2, _error2, _hasError2);
  }
}
var LayerRouting = class {
  constructor(pass, layer, plans, scope) {
    this.pass = pass;
    this.layer = layer;
    this.plans = plans;
    this.scope = scope;
  }
  pass;
  layer;
  plans;
  scope;
  /**
   * The attention call's sequences. What a device decides stays there; other decisions are waited for, and nothing that
   * was issued after they were asked for. Modes that choose blocks choose them now, for the heads that are in them.
   */
  sequences(query) {
    const { caches, offsets } = this.pass.batch;
    this.#announce();
    return caches.map((cache, index) => {
      const [start, end] = [offsets[index], offsets[index + 1]];
      const common = { start, length: end - start, cache: cache.layer(this.layer) };
      const routed = this.#planOf(index);
      if (routed === void 0) return { ...common, routing: cache.decodePatterns(this.layer) };
      const decision = routed.plan.decisionOf(routed.row);
      return { ...common, routing: decision ?? this.#choose(routed.plan.waitForModes(routed.row), query.rows(start, end), common) };
    });
  }
  /** The same, decisions on a device waited for. */
  waitForSequences(sequences) {
    return sequences.map((sequence, index) => {
      if (sequence.routing.type === "patterns") return sequence;
      const { plan, row } = this.#planOf(index);
      return { ...sequence, routing: knownPatterns(plan.waitForModes(row).map(patternOf)) };
    });
  }
  /** What each sequence's heads were routed to; waits for the decisions. */
  waitForHeads() {
    const { batch, spec } = this.pass;
    return batch.caches.map((cache, index) => {
      const routed = this.#planOf(index);
      const heads = Array.from({ length: spec.numKeyValueHeads }, (_, head) => head);
      if (routed === void 0) {
        const modes = cache.modes(this.layer) ?? heads.map(() => ({ kind: "full" }));
        return { modes, assignment: spec.layers[this.layer].window === void 0 ? heads.map(() => 0) : [] };
      }
      const { plan, row } = routed;
      const assignment = plan.waitForAssignment();
      return { modes: plan.waitForModes(row), assignment: heads.map((head) => assignment[row * heads.length + head]) };
    });
  }
  [Symbol.dispose]() {
    this.scope.dispose();
  }
  /** Whoever observes is told of every plan before the attention, and so waits for it. */
  #announce() {
    const { layer } = this;
    const { observer } = this.pass;
    if (observer === void 0) return;
    for (const { firstSequence, plan } of this.plans) {
      plan.waitForAssignment();
      observer.afterRoute?.({ layer, firstSequence, plan });
    }
  }
  /** The plan that speaks of a sequence, and its row there; undefined where the cache says what its heads do. */
  #planOf(sequence) {
    const shared = this.plans.find(({ firstSequence, plan }) => sequence >= firstSequence && sequence < firstSequence + plan.numSequences);
    return shared === void 0 ? void 0 : { plan: shared.plan, row: sequence - shared.firstSequence };
  }
  #choose(modes, query, { cache }) {
    const { layer } = this;
    const { attentionScale: scale2, attentionSoftCap: softCap2 } = this.pass.spec;
    const mask = chooseBlocksOfHeads(modes, { layer, query, cache, scale: scale2, softCap: softCap2 });
    return knownPatterns(modes.map(patternOf), mask === void 0 ? void 0 : this.scope.track(mask));
  }
};

// ../../packages/transformer/src/prefill/prefill-attention.ts
var PrefillAttention = class {
  constructor(pass, layer, mostPairs, record) {
    this.pass = pass;
    this.layer = layer;
    this.mostPairs = mostPairs;
    this.record = record;
  }
  pass;
  layer;
  mostPairs;
  record;
  #routing;
  beforeRotation(key, query) {
    this.#routing = startRouting(this.pass, key, query, this.layer);
  }
  *attend(query, output, scores) {
    const { layer, pass } = this;
    const { backend: backend2, batch, observer } = pass;
    const routing = this.#routing;
    const { scale: scale2 } = scores;
    const mostPairs = this.mostPairs();
    let sequences = routing.sequences(query);
    const isWhole = pairsAtMost(sequences) <= mostPairs;
    if (!isWhole) sequences = routing.waitForSequences(sequences);
    for (const slice of isWhole ? [sequences] : attentionSlices(sequences, mostPairs)) {
      backend2.kernels.run(hybridAttention, { query, output, sequences: slice, ...scores });
      yield "attention";
    }
    for (const [sequence, { start, length, cache }] of sequences.entries()) {
      observer?.afterAttention?.({ layer, sequence, query: query.rows(start, start + length), cache, scale: scale2 });
    }
    const heads = routing.waitForHeads();
    this.record.add(gatherHeads2(pass, layer, heads), routing.waitForSequences(sequences));
    this[Symbol.dispose]();
    for (const [index, cache] of batch.caches.entries()) cache.settle(layer, heads[index].modes);
  }
  [Symbol.dispose]() {
    this.#routing?.[Symbol.dispose]();
    this.#routing = void 0;
  }
};

// ../../packages/transformer/src/prefill/visited-block-count.ts
var VisitedBlockCount = class {
  constructor(routing, tokens, numQueryHeads) {
    this.tokens = tokens;
    this.numQueryHeads = numQueryHeads;
    this.#known = waitForPatterns(routing);
    const { mask } = this.#known;
    if (mask === void 0) return;
    const { backend: backend2 } = mask.visited;
    const counts = backend2.allocate([numQueryHeads], "i32");
    try {
      backend2.kernels.run(countVisitedBlocks, { mask, counts });
    } catch (error) {
      counts.dispose();
      throw error;
    }
    this.#counts = counts;
  }
  tokens;
  numQueryHeads;
  #known;
  #counts;
  /** Waits for the device where blocks were chosen. */
  wait() {
    const { tokens, numQueryHeads } = this;
    const { patterns } = this.#known;
    const byQueryHead = this.#counts === void 0 ? void 0 : hostArray(this.#counts.download(), "i32");
    const blockSize2 = blockSizeOf(patterns);
    const group = numQueryHeads / patterns.length;
    let [visited, causal] = [0, 0];
    for (const [head, pattern] of patterns.entries()) {
      const chosen = byQueryHead?.subarray(head * group, (head + 1) * group);
      const mean = chosen === void 0 ? void 0 : Array.from(chosen).reduce((sum3, count2) => sum3 + count2, 0) / group;
      const count = countBlocks(pattern, tokens, blockSize2, mean);
      visited += count.visited;
      causal += count.causal;
    }
    return { visited, causal };
  }
  [Symbol.dispose]() {
    this.#counts?.dispose();
  }
};
function blockSizeOf(patterns) {
  for (const pattern of patterns) if ("blockSize" in pattern) return pattern.blockSize;
  return 128;
}

// ../../packages/transformer/src/prefill/routing-record.ts
var noBlocks = { visited: 0, causal: 0 };
var RoutingRecord = class {
  /** @param gatherCounts makes the blocks of all ranks' heads of those of this rank's, [sequence][layer] */
  constructor(numQueryHeads, gatherCounts2 = (counts) => counts) {
    this.numQueryHeads = numQueryHeads;
    this.gatherCounts = gatherCounts2;
  }
  numQueryHeads;
  gatherCounts;
  #layers = [];
  /** Adds a layer when its attention has been issued and what it chose is still there. One entry for each sequence. */
  add(heads, sequences) {
    const blocks = [];
    this.#layers.push({ heads, blocks });
    for (const { cache, routing } of sequences) blocks.push(new VisitedBlockCount(routing, cache.length, this.numQueryHeads));
  }
  /** What a sequence's heads were routed to in a layer that has been added, as {@link SequenceRouting.assignment} has it. */
  assignmentOf(sequence, layer) {
    return this.#layers[layer].heads[sequence].assignment;
  }
  /** One for each sequence; waits for the device where blocks were chosen. */
  waitForRouting() {
    const first = this.#layers[0]?.heads ?? [];
    const blocks = first.map((_, sequence) => this.#layers.map((layer) => layer.heads[sequence].assignment.length === 0 ? noBlocks : layer.blocks[sequence].wait()));
    const ofAll = this.gatherCounts(blocks);
    return first.map((_, sequence) => ({
      modes: this.#layers.map(({ heads }) => heads[sequence].modes),
      assignment: this.#layers.map(({ heads }) => heads[sequence].assignment),
      blocks: ofAll[sequence]
    }));
  }
  [Symbol.dispose]() {
    for (const { blocks } of this.#layers.splice(0)) for (const count of blocks) count[Symbol.dispose]();
  }
};

// ../../packages/transformer/src/prefill/prefill.ts
var rowsAtOnce = 512;
var Prefill = class {
  /** Allocates nothing yet. */
  constructor(core, settings) {
    this.core = core;
    this.settings = settings;
    this.layersTotal = core.weights.layers.length;
    this.#record = this.#scope.track(new RoutingRecord(core.spec.numQueryHeads, (counts) => gatherCounts(core, counts)));
    this.#slices = this.#run();
  }
  core;
  settings;
  /** Query-key pairs, summed over key-value heads, that one slice of the attention may take; infinite: all at once. */
  slicePairs = Infinity;
  layersTotal;
  #scope = new MemoryScope();
  #slices;
  #record;
  #layersDone = 0;
  #phase = "embedding";
  #result;
  get layersDone() {
    return this.#layersDone;
  }
  /** Modes of a sequence's heads in one of the {@link layersDone}, [kvHead]; empty in a layer whose mode the model fixes. */
  assignmentOf(sequence, layer) {
    return this.#record.assignmentOf(sequence, layer);
  }
  /** What the last slice did. */
  get phase() {
    return this.#phase;
  }
  /** Once {@link step} returned false. The logits are the caller's to dispose. */
  get result() {
    if (this.#result === void 0) throw new Error("The prefill is not done.");
    return this.#result;
  }
  /**
   * Issues the next slice. On a failure the prefill is over, its memory is back and its caches are empty.
   * @returns whether there is more to do
   * @throws OutOfMemoryError
   */
  step() {
    try {
      const slice = this.#slices.next();
      if (slice.done !== true) {
        this.#phase = slice.value;
        return true;
      }
      this.#phase = "logits";
      this.#result ??= slice.value;
      return false;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }
  /** See `Backend.fence`. */
  fence() {
    return this.core.backend.fence();
  }
  [Symbol.dispose]() {
    var _stack = [];
    try {
      const ending = __using(_stack, new MemoryScope());
      if (this.#result === void 0) for (const { cache } of this.settings.sequences) ending.track(cache);
      ending.track(this.#scope);
      ending.track({ [Symbol.dispose]: () => void this.#slices.return(void 0) });
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  #read(readLogits, pass, ranges, start) {
    var _stack = [];
    try {
      const logits = __using(_stack, logitsOf(pass, ranges));
      readLogits(logits, start);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  *#run() {
    var _stack = [];
    try {
      const { sequences, observer, logitsRows = 1, readLogits } = this.settings;
      const started = beginForward(this.core, sequences, this.#scope, observer?.afterAttention !== void 0);
      const pass = { ...started, routers: sequences.map(({ router }) => router), observer };
      yield "embedding";
      const record = this.#record;
      const layers = cachedPass(pass, (layer) => new PrefillAttention(pass, layer, () => this.slicePairs, record));
      for (const [layer, weights] of this.core.weights.layers.entries()) {
        yield* decoderLayer(layers, weights, layer);
        this.#layersDone = layer + 1;
        yield "feed-forward";
      }
      const told = toldRows(pass, sequences);
      if (readLogits !== void 0) {
        for (const [start, ranges2] of rangesAtOnce(told, rowsAtOnce)) {
          this.#read(readLogits, pass, ranges2, start);
          yield "logits";
        }
      }
      const owned = __using(_stack, new MemoryScope());
      const ranges = told.map(([first, last]) => [Math.max(first, last - logitsRows), last]);
      const logits = owned.track(logitsOf(pass, ranges));
      const routing = record.waitForRouting();
      for (const sequence of sequences) {
        const { cache, tokens } = sequence;
        const length = rotaryLengthOf(sequence);
        cache.advance(tokens.length);
        this.core.histories.add(cache, tokens, length);
      }
      this.#scope.dispose();
      owned.move();
      let end = 0;
      const views = ranges.map(([first, last]) => logits.rows(end, end += last - first));
      return { logits, sequences: routing.map((each, index) => ({ logits: views[index], routing: each })) };
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
};
function toldRows({ batch: { offsets } }, sequences) {
  return sequences.map(({ readAgain = 0 }, index) => [offsets[index] + readAgain, offsets[index + 1]]);
}
function* rangesAtOnce(ranges, rows2) {
  const total = ranges.reduce((sum3, [first, end]) => sum3 + end - first, 0);
  for (const [from, to] of rowChunks(total, rows2)) {
    const group = [];
    let before = 0;
    for (const [first, end] of ranges) {
      const [start, stop] = [Math.max(first, first + from - before), Math.min(end, first + to - before)];
      if (start < stop) group.push([start, stop]);
      before += end - first;
    }
    yield [from, group];
  }
}

// ../../packages/transformer/src/decoder-model.ts
var DecoderModel = class _DecoderModel {
  constructor(backend2, spec, dtype2, weights, scope, ranks2) {
    this.backend = backend2;
    this.spec = spec;
    this.dtype = dtype2;
    this.scope = scope;
    if (ranks2 !== void 0) registerRankKernels(backend2);
    const modelRotations = scope.track(new ModelRotations(backend2, spec));
    this.core = { backend: backend2, spec, ranks: ranks2, dtype: dtype2, weights, modelRotations, histories: new SequenceHistories(spec) };
    this.caches = scope.track(new SequenceCaches(backend2, spec, dtype2));
    this.#graphs = scope.track(new DecodeGraphs(this.core));
  }
  backend;
  spec;
  dtype;
  scope;
  /** What another forward pass over the same model shares; it stays this model's. */
  core;
  #graphs;
  /** Makes the caches of its sequences; it stays this model's. */
  caches;
  /** Reads and packs all weights; on failure or abort all memory is given back. See `loadWeights` for errors. */
  static async load(options) {
    var _stack = [];
    try {
      const scope = __using(_stack, new MemoryScope());
      const weights = await loadWeights(options, scope);
      const { backend: backend2, spec, dtype: dtype2, ranks: ranks2 } = options;
      return new _DecoderModel(backend2, spec, dtype2, weights, scope.move(), ranks2);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /** A model of some shape with random weights, made where it computes: for measurements. @throws OutOfMemoryError */
  static random({ backend: backend2, spec, ranks: ranks2, dtype: dtype2, seed = 1 }) {
    var _stack = [];
    try {
      const scope = __using(_stack, new MemoryScope());
      const weights = makeRandomWeights(backend2, spec, dtype2, seed, scope);
      return new _DecoderModel(backend2, spec, dtype2, weights, scope.move(), ranks2);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /** Bytes that the weights take on the backend. */
  get weightBytes() {
    return weightBytes(this.core.weights);
  }
  /**
   * Where sequences of this model keep their keys and values in pages. Undefined where the backend has no memory that
   * grows in place; caches then have tensors of their own.
   */
  get pagePool() {
    return this.caches.pool;
  }
  /** An empty cache for one sequence of this model; the caller disposes it. It takes memory when tokens come. */
  createCache(options = {}) {
    return this.caches.create(options);
  }
  /** A cache that goes on from the tokens of another one; the caller disposes it. @throws OutOfMemoryError, and nothing stays */
  forkCache(cache) {
    const copy = cache.fork();
    this.core.histories.fork(cache, copy);
    return copy;
  }
  /** Bytes of the keys and values of so many tokens with every head full. */
  fullKeyValueBytes(tokens) {
    return fullKeyValueBytes({ ...keyValueShape(this.spec), dtype: this.dtype }, tokens);
  }
  /**
   * Memory of a prefill of new sequences that are read together. Where a router cannot say how many heads it will make
   * sparse, the prediction takes all of them: what is needed at least.
   */
  predictMemory({ sequences, logitsRows = 1 }) {
    return predictMemory(this.spec, {
      dtype: this.dtype,
      chunkRows: this.backend.device.workSizes.chunkRows,
      pageTokens: this.pagePool?.pageTokens,
      weightBytes: this.weightBytes,
      logitsRows,
      sequences: sequences.map((sequence) => this.#question(sequence))
    });
  }
  /**
   * Runs whole prompts layer by layer. New sequences are routed; a sequence whose cache already holds tokens goes on
   * under its plan. Between layers the event loop gets a turn and `signal` is obeyed.
   *
   * On any failure the caches of all sequences are emptied.
   * @throws PromptError before any work, OutOfMemoryError, the signal's reason
   */
  async prefill({ onProgress, signal, ...settings }) {
    var _stack = [];
    try {
      const prefill = __using(_stack, this.startPrefill(settings));
      const fences = [];
      let layersDone = 0;
      while (prefill.step()) {
        signal?.throwIfAborted();
        if (prefill.layersDone === layersDone) continue;
        layersDone = prefill.layersDone;
        fences.push(prefill.fence());
        if (fences.length > 1) await fences.shift().wait();
        onProgress?.(layersDone, prefill.layersTotal);
        await setImmediate3();
        signal?.throwIfAborted();
      }
      return prefill.result;
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /**
   * A prefill to be run slice by slice; see {@link Prefill}. Nothing is computed yet.
   * @throws PromptError, OutOfMemoryError when it cannot fit whatever is routed
   */
  startPrefill(settings) {
    checkTokens(this.spec, settings.sequences);
    const sequences = settings.sequences.map((sequence) => this.#withReadAgain(sequence));
    this.#admit({ ...settings, sequences });
    for (const { cache, readAgain } of sequences) if (readAgain !== void 0) cache.forgetTokens();
    return new Prefill(this.core, { ...settings, sequences });
  }
  /**
   * One token for each sequence, all in one batch, each by its own plan.
   * @returns f32 [sequences, vocabulary]; the caller disposes it.
   */
  decode(tokens, caches) {
    var _stack = [];
    try {
      const graph = this.#graphs.graphFor(caches);
      if (graph !== void 0) return this.#stepAndCopy(graph, tokens, caches);
      const sequences = caches.map((cache, index) => ({ tokens: [tokens[index]], cache }));
      checkTokens(this.spec, sequences);
      for (const cache of caches) if (this.core.histories.mustReadAgain(cache, cache.length + 1)) this.#readAgain(cache);
      for (const cache of caches) if (cache.length > 0) cache.makeRoom(1);
      const owned = __using(_stack, new MemoryScope());
      const scope = __using(_stack, new MemoryScope());
      const pass = beginForward(this.core, sequences, scope);
      const layers = cachedPass(pass, (layer) => cachedDecodeAttention(pass, layer));
      for (const [layer, weights] of this.core.weights.layers.entries()) runDecoderLayer(layers, weights, layer);
      for (const { cache, tokens: added } of sequences) {
        cache.advance(1);
        this.core.histories.add(cache, added, cache.length);
      }
      const logits = owned.track(logitsOf(pass, lastRows(pass, 1)));
      scope.dispose();
      owned.move();
      return logits;
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /**
   * {@link decode}, and the next token of each sequence drawn by its sampler where the logits are: only the tokens come
   * back. Same seed, same text at any batch size.
   * @throws NoFiniteLogitError, OutOfMemoryError
   */
  decodeTokens(tokens, caches, samplers) {
    if (samplers.length !== caches.length) throw new ShapeError("decodeTokens: one sampler belongs to each sequence.");
    return this.readStep(tokens, caches, (logits) => sampleLogits(logits, samplers));
  }
  /** {@link decode}, for a reader whose logits f32 [sequences, vocabulary] are gone when it returns. */
  readStep(tokens, caches, read) {
    var _stack = [];
    try {
      const graph = this.#graphs.graphFor(caches);
      if (graph !== void 0) return read(this.#step(graph, tokens, caches));
      const logits = __using(_stack, this.decode(tokens, caches));
      return read(logits);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  #step(graph, tokens, caches) {
    checkTokens(this.spec, caches.map((cache, index) => ({ tokens: [tokens[index]], cache })));
    return graph.step(tokens, caches);
  }
  /** Logits that the next step does not overwrite; their memory is there before the step begins. */
  #stepAndCopy(graph, tokens, caches) {
    const copy = this.backend.allocate([caches.length, this.spec.vocabularySize], "f32");
    try {
      this.backend.kernels.run(cast, { input: this.#step(graph, tokens, caches), output: copy });
      return copy;
    } catch (error) {
      copy.dispose();
      throw error;
    }
  }
  [Symbol.dispose]() {
    this.scope.dispose();
  }
  #question({ router, sparsity, ...prompt }) {
    const { numLayers, numKeyValueHeads } = this.spec;
    const [retrievalMode, sparseMode] = router?.modes ?? [];
    const heads = this.spec.shard?.numKeyValueHeads ?? numKeyValueHeads;
    const ofModel = sparsity === void 0 ? router?.expectedSparseHeads?.(numLayers, heads) : void 0;
    const known3 = ofModel?.map((count) => Math.max(0, count - (heads - numKeyValueHeads)));
    return {
      ...prompt,
      ...retrievalMode === void 0 ? {} : { retrievalMode },
      ...sparseMode === void 0 ? {} : { sparseMode, sparseHeads: known3, sparsity: sparsity ?? 1 }
    };
  }
  /** A sequence, with the tokens in front that its cache holds where these are to be read again. */
  #withReadAgain(sequence) {
    const { tokens, cache } = sequence;
    const { histories } = this.core;
    if (!histories.mustReadAgain(cache, rotaryLengthOf(sequence))) return sequence;
    const held = histories.tokensOf(cache);
    return { ...sequence, tokens: [...held, ...Array.from(tokens)], readAgain: held.length };
  }
  /** Reads what a cache holds again, by the angles of a sequence of one token more. @throws OutOfMemoryError */
  #readAgain(cache) {
    var _stack = [];
    try {
      const tokens = this.core.histories.tokensOf(cache);
      const sequences = [{ tokens, cache, rotaryLength: tokens.length + 1 }];
      this.#admit({ sequences });
      cache.forgetTokens();
      const prefill = __using(_stack, new Prefill(this.core, { sequences }));
      while (prefill.step()) ;
      prefill.result.logits.dispose();
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /** Refuses what can be known to fail before any work. */
  #admit({ sequences, logitsRows = 1 }) {
    const prompts = sequences.map(({ tokens, cache, router }) => ({ tokens: tokens.length, decode: cache.decode, router }));
    const { requestBytes, keyValueBytes } = this.predictMemory({ sequences: prompts, logitsRows });
    const { liveBytes, limitBytes } = this.backend.memory();
    const unused = Math.min(keyValueBytes, this.caches.unusedPageBytes);
    if (liveBytes + requestBytes - unused > limitBytes) {
      const rows2 = prompts.reduce((total, { tokens }) => total + tokens, 0);
      throw new OutOfMemoryError(this.backend.name, requestBytes, liveBytes, limitBytes, `a prefill of ${rows2} tokens`);
    }
  }
};
var keyValueShape = ({ numLayers, numKeyValueHeads, headDim }) => ({ numLayers, numKeyValueHeads, headDim });

// ../../packages/transformer/src/model/config-keys.ts
var inertKeys = new Set(
  `_name_or_path name_or_path _commit_hash architectures model_type auto_map transformers_version transformers.js_config
  tokenizer_class torch_dtype dtype torchscript use_bfloat16 use_cache unsloth_version unsloth_fixed
  _attn_implementation _attn_implementation_autoset attn_implementation use_flash_attn _flash_attn_2_enabled
  return_dict return_dict_in_generate output_attentions output_hidden_states output_scores output_router_logits
  is_decoder is_llama_config tie_encoder_decoder cross_attention_hidden_size chunk_size_feed_forward pretraining_tp
  task_specific_params finetuning_task problem_type prefix id2label label2id num_labels
  initializer_range initializer_cutoff_factor gradient_checkpointing attention_dropout hidden_dropout residual_dropout
  resid_pdrop embd_pdrop attn_pdrop classifier_dropout router_aux_loss_coef router_jitter_noise aux_loss_alpha
  bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id forced_bos_token_id
  forced_eos_token_id suppress_tokens begin_suppress_tokens bad_words_ids
  max_length min_length do_sample early_stopping num_beams num_beam_groups num_return_sequences temperature top_k top_p
  typical_p repetition_penalty length_penalty diversity_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size
  exponential_decay_length_penalty remove_invalid_values cache_implementation
  seq_length model_max_length max_sequence_length num_nextn_predict_layers
  enable_lambda_task disable_linear_regularization_term use_task_emb_for_mask suggested_sparsity suggested_threshold
  enable_layerwise_sparsity layerwise_sparsity_schedule layerwise_sparsity_min_ratio layerwise_sparsity_max_ratio
  layerwise_sparsity_power layerwise_sparsity_weight erank_analysis_path topk_k pooling_seq triangle_n_last
  type finetuned`.split(/\s+/)
);
var only = (...values) => (value) => values.includes(value);
var empty = (value) => Array.isArray(value) && value.length === 0;
var never = () => false;
var same = (other, fallback) => (value, config) => value === (config.value(other) ?? fallback);
var withoutWindows = (_, config) => config.has("use_sliding_window") && !config.boolean("use_sliding_window");
var withLayerTypes = (_, config) => config.has("layer_types") || withoutWindows(_, config);
var computationKeys = {
  is_encoder_decoder: only(false),
  add_cross_attention: only(false),
  pruned_heads: (value) => typeof value === "object" && Object.keys(value).length === 0,
  tie_word_embeddings: only(false),
  // Windows and kinds of layers.
  use_sliding_window: only(false),
  // A window that no text outgrows changes nothing either.
  sliding_window: (value, config) => withoutWindows(value, config) || typeof value === "number" && value >= config.count("max_position_embeddings", Infinity),
  max_window_layers: withoutWindows,
  sliding_window_size: same("sliding_window"),
  sliding_window_pattern: withLayerTypes,
  _sliding_window_pattern: withLayerTypes,
  layer_types: (value, config) => withoutWindows(value, config) || Array.isArray(value) && value.every((type) => type === "full_attention"),
  attention_chunk_size: never,
  use_bidirectional_attention: only(false),
  no_rope_layers: (value) => Array.isArray(value) && value.every((rotated) => rotated === 1 || rotated === true),
  no_rope_layer_interval: (_, config) => config.has("no_rope_layers"),
  // Rotary embedding.
  rope_scaling: never,
  rope_parameters: never,
  rope_theta: (value, config) => config.section("rope_parameters")?.has("rope_theta") === true && config.section("rope_parameters").number("rope_theta") === value,
  rope_local_base_freq: never,
  rope_interleaved: only(false),
  partial_rotary_factor: only(1),
  rotary_pct: only(1),
  rope_percent: same("partial_rotary_factor", 0.5),
  interpolate_factor: only(1),
  llama_4_scaling_beta: only(0),
  mrope_section: never,
  use_mrope: only(false),
  alibi: only(false),
  // Biases and norms.
  attention_bias: only(false),
  attention_out_bias: only(false),
  mlp_bias: only(false),
  qkv_bias: only(false),
  use_qkv_bias: only(false),
  use_bias: only(false),
  bias: only(false),
  lm_head_bias: only(false),
  qk_norm: only(false),
  use_qk_norm: only(false),
  qk_layernorm: only(false),
  // Scores, multipliers, soft caps.
  query_pre_attn_scalar: never,
  attn_logit_softcapping: only(0),
  final_logit_softcapping: only(0),
  clip_qkv: never,
  attention_multiplier: never,
  attn_temperature_tuning: only(false),
  embedding_multiplier: only(1),
  residual_multiplier: only(1),
  logits_scaling: only(1),
  logit_scale: only(1),
  scale_emb: only(1),
  scale_depth: never,
  dim_model_base: never,
  // Shape of a layer.
  kv_channels: same("head_dim"),
  full_attn_mod: only(1),
  parallel_attn: only(false),
  use_parallel_residual: only(false),
  hidden_activation: only("silu"),
  swiglu_limit: never,
  swiglu_alpha: never,
  kv_lora_rank: only(0),
  q_lora_rank: only(0),
  num_kv_shared_layers: only(0),
  // Experts.
  num_experts: only(0),
  num_local_experts: only(0),
  n_routed_experts: only(0),
  n_shared_experts: only(0),
  num_experts_per_tok: (value, config) => value === 0 || !["num_experts", "num_local_experts", "n_routed_experts"].some((key) => config.has(key)),
  moe_intermediate_size: (_, config) => !config.has("num_experts_per_tok"),
  shared_expert_intermediate_size: only(0),
  decoder_sparse_step: only(1),
  mlp_only_layers: empty,
  norm_topk_prob: (_, config) => !config.has("num_experts_per_tok"),
  first_k_dense_replace: only(0),
  interleave_moe_layer_step: only(0),
  // Routers of the elastic layout.
  enable_ada_sparsity: only(true),
  use_softmax: only(true),
  pool_size: only(100)
};
function checkUnreadKeys(config) {
  const unknown = [];
  for (const [key, value] of config.unread()) {
    const name2 = key.slice(key.lastIndexOf(".") + 1);
    if (inertKeys.has(key) || inertKeys.has(name2)) continue;
    const neutral = Object.hasOwn(computationKeys, name2) ? computationKeys[name2] : void 0;
    if (neutral === void 0) unknown.push(key);
    else if (!neutral(value, config)) throw config.unsupported(key, value);
  }
  return unknown;
}

// ../../packages/transformer/src/model/elastic-spec.ts
var publishedSizes = { sinkTokens: 128, localTokens: 2048, blockSize: 128, stride: 16, threshold: 0.9 };
function hasElasticKeys(config) {
  return config.has("toggle_type") || config.has("retrieval_mode");
}
var publishedEvaluationThreshold = 0.8;
function elasticSizes(config) {
  return {
    sinkTokens: config.count("sink_size", 128),
    localTokens: config.count("local_window_size", 1024),
    blockSize: config.count("block_size", 128),
    stride: config.count("xattn_stride", publishedSizes.stride),
    threshold: config.number(
      "xattn_threshold",
      config.architecture.startsWith("Paw") ? publishedEvaluationThreshold : publishedSizes.threshold
    )
  };
}
function parseElastic(config) {
  if (!hasElasticKeys(config)) return void 0;
  const sizes = elasticSizes(config);
  const modes = elasticModeSettings(sizes);
  const retrieval = config.choice("retrieval_mode", ["full", "xattn"], "full");
  const toggle = config.choice("toggle_type", ["streaming", "xattn"], "streaming");
  if (config.has("pooling_mode")) config.choice("pooling_mode", ["ctx_q"]);
  parseRouterPooling(config);
  return {
    retrievalMode: retrieval === "full" ? modes.full : modes.xattention,
    sparseMode: toggle === "streaming" ? modes.streaming : modes.xattention
  };
}
function parseRouterPooling(config) {
  if (!config.has("router_pooling_tokens")) return { kind: "boundary", tokens: config.count("pool_size", 100) };
  const tokens = config.number("router_pooling_tokens");
  if (tokens === 0) return { kind: "mean" };
  return { kind: "boundary", tokens: config.count("router_pooling_tokens") };
}
function elasticModeSettings(sizes) {
  const { sinkTokens, localTokens, blockSize: blockSize2, stride, threshold } = sizes;
  return {
    full: { kind: "full" },
    streaming: { kind: "streaming", sinkTokens, localTokens, blockSize: blockSize2 },
    xattention: { kind: "xattention", stride, threshold, blockSize: blockSize2 }
  };
}
var publishedPairs = ["fa-ssa", "fa-xa", "xa-ssa"];
var publishedKinds = ["full", "streaming", "xattention"];
function elasticModes(name2, sizes) {
  const found = findElasticModes(name2, sizes);
  if (found !== void 0) return found;
  const known3 = elasticModeNames();
  const nearest = nearestName(name2, known3);
  throw new InvalidModeError(
    `mode must be one of ${known3.join(", ")}, found ${JSON.stringify(name2)}.`,
    registeredAttentionModes().includes(name2) && !publishedKinds.includes(name2) ? `"${name2}" is registered, but cannot be asked for by name: its definition has no atSizes().` : nearest === void 0 ? void 0 : `Did you mean "${nearest}"?`
  );
}
function findElasticModes(name2, sizes) {
  const modes = elasticModeSettings(sizes);
  if (name2 === "full") return { retrievalMode: modes.full, sparseMode: modes.full };
  const named2 = namedAttentionModes(sizes).map(({ kind, label, mode: mode2 }) => ({ kind, label: label.toLowerCase(), mode: mode2 }));
  const registered2 = named2.find(({ kind }) => kind === name2 && !publishedKinds.includes(kind));
  if (registered2 !== void 0) return { retrievalMode: modes.full, sparseMode: registered2.mode };
  for (const retrieval of named2) {
    const sparse = named2.find(({ label }) => name2 === `${retrieval.label}-${label}`);
    if (sparse !== void 0 && isPair(name2, retrieval.kind, sparse.kind)) return { retrievalMode: retrieval.mode, sparseMode: sparse.mode };
  }
  return void 0;
}
function isPair(name2, retrieval, sparse) {
  if (publishedPairs.some((pair) => pair === name2)) return true;
  return retrieval !== sparse && sparse !== "full" && [retrieval, sparse].some((kind) => !publishedKinds.includes(kind));
}
function elasticModeNames() {
  const registered2 = namedAttentionModes(publishedSizes).filter(({ kind }) => !publishedKinds.includes(kind));
  return [...publishedPairs, "full", ...registered2.flatMap(({ kind, label }) => [kind, `fa-${label.toLowerCase()}`])];
}

// ../../packages/transformer/src/model/model-adapter.ts
var adapters = [];
function registerModelAdapter(adapter) {
  if (!adapters.includes(adapter)) adapters.unshift(adapter);
}
function findModelAdapter(config) {
  const adapter = adapters.find((candidate) => candidate.matches(config));
  if (adapter === void 0) {
    const known3 = adapters.flatMap((candidate) => candidate.architectures).join(", ") || "none";
    throw new ModelConfigError(
      `Architecture "${config.architecture}" is not supported; supported: ${known3}.`,
      "Register an adapter with registerModelAdapter(): the contributing guide shows how."
    );
  }
  return adapter;
}

// ../../packages/transformer/src/model/quantisation-scheme.ts
var supported = ["GPTQ and AWQ of 4 bits", "FP8", "compressed-tensors of 4 or 8 bits", "GGUF"];
function readQuantisation(config) {
  const section = config.unread().get("quantization_config");
  if (typeof section !== "object" || section === null) return void 0;
  const settings = section;
  const read = readers[String(settings["quant_method"])];
  if (read === void 0) return void 0;
  const refuse = (text) => new UnsupportedWeightFormatError(text, `${config.path}: the checkpoint`, supported);
  return read(settings, refuse);
}
var readers = {
  gptq(settings, refuse) {
    const { bits, group_size: size2 = 128, desc_act: actOrder, checkpoint_format: format = "gptq", pack_dtype: words2 = "int32", dynamic } = settings;
    const text = `GPTQ (${String(bits)} bits, ${groupText(size2)}${actOrder === true ? ", act-order" : ""})`;
    if (bits !== 4) throw refuse(text);
    if (format !== "gptq" && format !== "gptq_v2") throw refuse(`GPTQ in the layout ${JSON.stringify(format)}`);
    if (words2 !== "int32") throw refuse(`GPTQ packed in ${JSON.stringify(words2)}`);
    if (!isEmpty(dynamic)) throw refuse("GPTQ with settings of its own for some layers (dynamic)");
    return { method: "gptq", text, groupSize: groupSize(size2, () => refuse(text)), zeroOffset: format === "gptq" ? 1 : 0 };
  },
  awq(settings, refuse) {
    const { bits, group_size: size2 = 128, version = "gemm", zero_point: zeros = true } = settings;
    const text = `AWQ (${String(bits)} bits, ${groupText(size2)})`;
    if (bits !== 4) throw refuse(text);
    if (String(version).toLowerCase() !== "gemm") throw refuse(`AWQ in the layout ${JSON.stringify(version)}`);
    if (zeros !== true) throw refuse("AWQ without zero points");
    return { method: "awq", text, groupSize: groupSize(size2, () => refuse(text)) };
  },
  fp8(settings, refuse) {
    const { fmt = "e4m3", scale_fmt: scaleFormat, weight_block_size: size2 } = settings;
    if (fmt !== "e4m3") throw refuse(`FP8 in the format ${JSON.stringify(fmt)}`);
    if (!isEmpty(scaleFormat) && scaleFormat !== "float") throw refuse(`FP8 with scales in ${JSON.stringify(scaleFormat)}`);
    const block = blockSize(size2, () => refuse(`FP8 in blocks of ${JSON.stringify(size2)}`));
    return { method: "fp8", text: block === void 0 ? "FP8" : `FP8 (blocks of ${block.join(" \xD7 ")})`, block };
  },
  "compressed-tensors"(settings, refuse) {
    const { format, config_groups: groups, kv_cache_scheme: cache, sparsity_config: sparsity, transform_config: transform } = settings;
    const text = `compressed-tensors (${String(format)})`;
    const kinds = { "float-quantized": ["float", 8], "int-quantized": ["int", 8], "pack-quantized": ["int", 4] };
    const [type, bits] = kinds[String(format)] ?? [];
    if (type === void 0 || typeof groups !== "object" || groups === null) throw refuse(text);
    if (!isEmpty(cache)) throw refuse(`${text} with quantised keys and values`);
    if (!isEmpty(sparsity) && sparsity["format"] !== "dense") throw refuse(`${text} with sparse weights`);
    if (!isEmpty(transform)) throw refuse(`${text} with transforms`);
    const weights = Object.values(groups).map((group) => group?.["weights"] ?? {});
    const first = weights[0] ?? {};
    const differing = weights.find((each) => ["num_bits", "type", "group_size", "strategy", "symmetric"].some((key) => each[key] !== first[key]));
    if (differing !== void 0) throw refuse(`${text} with groups of layers that differ`);
    const strategies = type === "float" ? ["tensor", "channel", "block"] : bits === 8 ? ["tensor", "channel"] : ["group", "channel"];
    const strategy = String(first["strategy"]);
    if (first["type"] !== type || first["num_bits"] !== bits || !strategies.includes(strategy)) {
      throw refuse(`${text}, ${String(first["num_bits"])} bits of ${String(first["type"])}, a scale for each ${strategy}`);
    }
    if (bits === 8 && first["symmetric"] === false) throw refuse(`${text} with zero points`);
    const block = strategy === "block" ? blockSize(first["block_structure"], () => refuse(`${text} in blocks of ${JSON.stringify(first["block_structure"])}`)) : void 0;
    return { method: "compressed-tensors", text, groupSize: strategy === "group" ? groupSize(first["group_size"], () => refuse(text)) : void 0, block };
  }
};
function isEmpty(value) {
  return value === void 0 || value === null || typeof value === "object" && Object.keys(value).length === 0;
}
function groupText(size2) {
  return size2 === -1 ? "one group a row" : `groups of ${String(size2)}`;
}
function groupSize(size2, error) {
  if (size2 === -1) return void 0;
  if (Number.isSafeInteger(size2) && size2 > 0) return size2;
  throw error();
}
function blockSize(size2, error) {
  if (size2 === void 0 || size2 === null) return void 0;
  if (Array.isArray(size2) && size2.length === 2 && size2.every((side) => Number.isSafeInteger(side) && side > 0)) return [size2[0], size2[1]];
  throw error();
}

// ../../packages/transformer/src/model/quantised-checkpoints.ts
var methodNames = {
  gptq: "GPTQ",
  awq: "AWQ",
  bitsandbytes: "bitsandbytes",
  bitnet: "BitNet",
  "compressed-tensors": "compressed-tensors",
  fp8: "FP8",
  fbgemm_fp8: "FP8 (FBGEMM)",
  finegrained_fp8: "FP8",
  mxfp4: "MXFP4",
  modelopt: "ModelOpt",
  hqq: "HQQ",
  aqlm: "AQLM",
  quanto: "Quanto",
  eetq: "EETQ",
  torchao: "TorchAO",
  vptq: "VPTQ",
  spqr: "SpQR"
};
var tensorNames = [
  [/\.g_idx$/, "GPTQ"],
  [/\.(qweight|qzeros)$/, "GPTQ or AWQ"],
  [/\.(weight_packed|weight_g_idx|weight_zero_point|weight_global_scale)$/, "compressed-tensors"],
  [/\.weight_scale_inv$/, "FP8 in blocks"],
  [/\.(weight_scale|input_scale)$/, "compressed-tensors or FP8 with scales"],
  [/\.weight\.(absmax|quant_map|nested_absmax|quant_state\.\w+)$/, "bitsandbytes (4 bits)"],
  [/\.SCB$/, "bitsandbytes (8 bits)"],
  [/_blocks$/, "MXFP4"],
  [/\.W_q$/, "HQQ"],
  [/\.(codebooks|codes)$/, "AQLM"],
  [/\.weight\.?_(data|qdata|scale)$/, "Quanto or TorchAO"]
];
function refuseQuantisation(config) {
  const unread = config.unread();
  for (const key of ["quantization_config", "compression_config", "quantization"]) {
    if (unread.has(key)) throw new UnsupportedWeightFormatError(describe(key, unread.get(key)), `${config.path}: the checkpoint`, weightFormats.keys());
  }
}
function refuseQuantisedTensors(checkpoint, unread) {
  const has = new Set(unread);
  for (const [pattern, format] of tensorNames) {
    const name2 = unread.find((each) => pattern.test(each));
    if (name2 !== void 0) throw new UnsupportedWeightFormatError(format, `${checkpoint.path}: the checkpoint, with its tensor ${name2},`, weightFormats.keys());
  }
  const packed = unread.find((name2) => name2.endsWith(".scales") && has.has(name2.replace(/\.scales$/, ".biases")));
  if (packed !== void 0) throw new UnsupportedWeightFormatError("MLX", `${checkpoint.path}: the checkpoint, with its tensor ${packed},`, weightFormats.keys());
}
function describe(key, value) {
  const settings = typeof value === "object" && value !== null ? value : {};
  const text = (name3) => typeof settings[name3] === "string" || typeof settings[name3] === "number" ? String(settings[name3]).slice(0, 40) : void 0;
  const method = text("quant_method");
  const name2 = method === void 0 ? key === "quantization" ? "MLX" : "quantised in a way that it does not name" : methodNames[method] ?? method;
  const bits = text("bits") ?? (settings["load_in_4bit"] === true ? "4" : settings["load_in_8bit"] === true ? "8" : void 0);
  const details = [
    bits === void 0 ? void 0 : `${bits} bits`,
    text("format"),
    text("group_size") === void 0 ? void 0 : settings["group_size"] === -1 ? "one group a row" : `groups of ${text("group_size")}`,
    settings["desc_act"] === true ? "act-order" : void 0,
    Array.isArray(settings["weight_block_size"]) ? `blocks of ${settings["weight_block_size"].slice(0, 2).join(" \xD7 ")}` : void 0
  ].filter((detail) => detail !== void 0);
  return details.length === 0 ? name2 : `${name2} (${details.join(", ")})`;
}

// ../../packages/transformer/src/model/interpret-config.ts
function interpretConfig(config, adapter = findModelAdapter(config)) {
  const spec = adapter.spec(config);
  elasticSizes(config);
  parseRouterPooling(config);
  if (readQuantisation(config) === void 0) refuseQuantisation(config);
  else config.disregard("quantization_config");
  return { adapter, spec, unknownKeys: checkUnreadKeys(config) };
}

// ../../packages/transformer/src/loading/recorded-checkpoint.ts
var RecordedCheckpoint = class {
  constructor(checkpoint) {
    this.checkpoint = checkpoint;
  }
  checkpoint;
  #asked = /* @__PURE__ */ new Set();
  /** Tensors that nobody has asked for, in the order of the checkpoint. */
  get unread() {
    return [...this.checkpoint.names].filter((name2) => !this.#asked.has(name2));
  }
  get path() {
    return this.checkpoint.path;
  }
  get names() {
    return this.checkpoint.names;
  }
  get byteLength() {
    return this.checkpoint.byteLength;
  }
  /** To ask whether a tensor is there is not to read it. */
  has(name2) {
    return this.checkpoint.has(name2);
  }
  entry(name2) {
    this.#asked.add(name2);
    return this.checkpoint.entry(name2);
  }
  read(name2, range) {
    this.#asked.add(name2);
    return this.checkpoint.read(name2, range);
  }
  locate(name2) {
    this.#asked.add(name2);
    return this.checkpoint.locate(name2);
  }
  close() {
  }
  [Symbol.dispose]() {
  }
};

// ../../packages/transformer/src/loading/tied-head.ts
var sliceBytes = 4 << 20;
function hasOwnHead(checkpoint, adapter, spec) {
  if (!spec.tiedEmbeddings) return false;
  const [embedding2, output] = [adapter.weightName("embedding", 0), adapter.weightName("output", 0)];
  if (output === embedding2 || !checkpoint.has(output) || !checkpoint.has(embedding2)) return false;
  const [left, right] = [checkpoint.entry(embedding2), checkpoint.entry(output)];
  if (left.type !== right.type || left.shape.join() !== right.shape.join()) return true;
  for (let start = 0; start < left.byteLength; start += sliceBytes) {
    const range = { start, end: start + sliceBytes };
    if (Buffer.compare(checkpoint.read(embedding2, range), checkpoint.read(output, range)) !== 0) return true;
  }
  return false;
}

// ../../packages/transformer/src/loading/checked-model.ts
var inertTensors = /(\.rotary_emb\.inv_freq|\.attn\.(masked_)?bias|\.attn_mask_log_alphas|\.sparsity_lambda_?\w*)$/;
function checkModel(files, adapter) {
  const { config, ggufPath } = files;
  const interpreted = interpretConfig(config, adapter);
  const modelAdapter = files.layout === void 0 ? interpreted.adapter : withLayout(interpreted.adapter, files.layout);
  const unknownKeys = ggufPath === void 0 ? interpreted.unknownKeys : files.unknownKeys;
  const checkpoint = new RecordedCheckpoint(files.checkpoint);
  const ownHead = hasOwnHead(checkpoint, modelAdapter, interpreted.spec);
  const spec = ownHead ? { ...interpreted.spec, tiedEmbeddings: false } : interpreted.spec;
  const isQuantised = config.has("quantization_config");
  try {
    checkWeights(checkpoint, modelAdapter, spec);
  } catch (error) {
    if (!isQuantised) refuseQuantisedTensors(checkpoint, checkpoint.unread);
    throw error;
  }
  const routers = Array.from({ length: spec.numLayers }, (_, layer) => modelAdapter.weightName("router", layer));
  const unreadTensors = checkpoint.unread.filter((name2) => !inertTensors.test(name2) && !routers.some((prefix) => name2.startsWith(prefix)));
  if (!isQuantised) refuseQuantisedTensors(checkpoint, unreadTensors);
  const notes = [
    ...ownHead ? [`${modelAdapter.weightName("output", 0)} is not the embedding, although tie_word_embeddings is true: it is used, as transformers does.`] : [],
    ...files.quantisation === void 0 ? [] : [`The weights are quantised as ${files.quantisation}, which has no kernels here: they are unpacked while they are loaded, and take the memory of floats.`],
    ...keyNotes(unknownKeys),
    ...tensorNotes(unreadTensors)
  ];
  return { files, adapter: modelAdapter, spec, hasOwnHead: ownHead, unknownKeys, unreadTensors, notes };
}
function withLayout(adapter, layout) {
  const { name: name2, architectures: architectures3 } = adapter;
  return { name: name2, architectures: architectures3, matches: (config) => adapter.matches(config), spec: (config) => adapter.spec(config), ...layout };
}
function keyNotes(keys2) {
  return keys2.length === 0 ? [] : [`Keys of the model that are not known here, which may change what it computes: ${shortened(keys2)}.`];
}
function tensorNotes(tensors) {
  if (tensors.length === 0) return [];
  const biases = tensors.some((name2) => name2.endsWith(".bias")) ? " Its config asks for no biases there." : "";
  return [`${tensors.length === 1 ? "1 tensor of the model is" : `${tensors.length} tensors of the model are`} not used: ${shortened(tensors)}.${biases}`];
}
function shortened(names2, shown = 8) {
  const more = names2.length > shown ? ` and ${names2.length - shown} more` : "";
  return names2.slice(0, shown).join(", ") + more;
}

// ../../packages/transformer/src/model/huggingface-layout.ts
var layerNames = {
  attentionNorm: "input_layernorm.weight",
  query: "self_attn.q_proj.weight",
  key: "self_attn.k_proj.weight",
  value: "self_attn.v_proj.weight",
  queryKeyValue: "self_attn.qkv_proj.weight",
  attentionOutput: "self_attn.o_proj.weight",
  attentionOutputNorm: "post_self_attn_layernorm.weight",
  queryNorm: "self_attn.q_norm.weight",
  keyNorm: "self_attn.k_norm.weight",
  sinks: "self_attn.sinks",
  mlpNorm: "post_attention_layernorm.weight",
  gate: "mlp.gate_proj.weight",
  up: "mlp.up_proj.weight",
  gateUp: "mlp.gate_up_proj.weight",
  down: "mlp.down_proj.weight",
  mlpOutputNorm: "post_mlp_layernorm.weight",
  router: "self_attn.mask_allocator.",
  expertRouter: "mlp.gate.weight",
  expertGate: "mlp.experts.{expert}.gate_proj.weight",
  expertUp: "mlp.experts.{expert}.up_proj.weight",
  expertGateUp: "mlp.experts.gate_up_proj",
  expertDown: "mlp.experts.{expert}.down_proj.weight"
};
function huggingFaceNames(own = {}) {
  const names2 = { ...layerNames, ...own };
  return (role, layer, expert) => {
    switch (role) {
      case "embedding":
        return "model.embed_tokens.weight";
      case "finalNorm":
        return "model.norm.weight";
      case "output":
        return "lm_head.weight";
      default:
        return `model.layers.${layer}.${names2[role].replace("{expert}", String(expert))}`;
    }
  };
}
var huggingFaceWeightName = huggingFaceNames();
var feedForwardNormNames = {
  attentionOutputNorm: "post_attention_layernorm.weight",
  mlpNorm: "pre_feedforward_layernorm.weight",
  mlpOutputNorm: "post_feedforward_layernorm.weight"
};

// ../../packages/transformer/src/model/model-config.ts
import { readFileSync as readFileSync3, statSync as statSync3 } from "node:fs";
import { dirname as dirname4, join as join4 } from "node:path";
var ModelConfig = class _ModelConfig {
  constructor(values, path2 = "config.json") {
    this.values = values;
    this.path = path2;
  }
  values;
  path;
  #read = /* @__PURE__ */ new Set();
  #sections = /* @__PURE__ */ new Map();
  /**
   * @param model a folder, or a file beside its config.json
   * @throws ModelConfigError when there is no readable config.json
   */
  static read(model) {
    const file = statSync3(model, { throwIfNoEntry: false })?.isFile() === true;
    const path2 = join4(file ? dirname4(model) : model, "config.json");
    let values;
    try {
      values = JSON.parse(readFileSync3(path2, "utf8").replace(/^\uFEFF/, ""));
    } catch (error) {
      throw new ModelConfigError(`Cannot read ${path2}: ${error.message}.`, "Name a folder with config.json and model.safetensors.");
    }
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw new ModelConfigError(`${path2} is not a JSON object.`);
    }
    return new _ModelConfig(values, path2);
  }
  get architecture() {
    const list = this.#value("architectures");
    const first = Array.isArray(list) ? list[0] : void 0;
    if (typeof first !== "string") throw new ModelConfigError(`${this.path}: architectures must name one, found ${JSON.stringify(list)}.`);
    return first;
  }
  has(key) {
    const value = this.#value(key);
    return value !== void 0 && value !== null;
  }
  /** A value as the file has it, of any kind. */
  value(key) {
    return this.#value(key);
  }
  /** Marks keys as known to change nothing, given the others: they are not told as unread. */
  disregard(...keys2) {
    for (const key of keys2) this.#read.add(key);
  }
  /** Keys with a value that nobody has asked for, those of a section that was read as "section.key", with their values. */
  unread() {
    const unread = /* @__PURE__ */ new Map();
    for (const [key, value] of Object.entries(this.values)) {
      if (value !== null && value !== void 0 && !this.#read.has(key)) unread.set(key, value);
      for (const [inner2, found] of this.#sections.get(key)?.unread() ?? []) unread.set(`${key}.${inner2}`, found);
    }
    return unread;
  }
  /** A whole number above 0. */
  count(key, fallback) {
    return this.#check(key, fallback, "a whole number above 0", (value) => Number.isSafeInteger(value) && value > 0);
  }
  number(key, fallback) {
    return this.#check(key, fallback, "a finite number", (value) => Number.isFinite(value));
  }
  boolean(key, fallback) {
    return this.#check(key, fallback, "true or false", (value) => typeof value === "boolean");
  }
  string(key, fallback) {
    return this.#check(key, fallback, "a text", (value) => typeof value === "string");
  }
  /** One of the given texts. */
  choice(key, choices, fallback) {
    return this.#check(key, fallback, `one of ${choices.join(", ")}`, (value) => choices.includes(value));
  }
  /** A list of finite numbers. */
  numbers(key) {
    return this.#check(key, void 0, "a list of numbers", (value) => Array.isArray(value) && value.every((item) => Number.isFinite(item)));
  }
  /** A list of the given texts. */
  choices(key, choices) {
    const valid = (value) => Array.isArray(value) && value.every((item) => choices.includes(item));
    return this.#check(key, void 0, `a list of ${choices.join(", ")}`, valid);
  }
  /** A finite number, undefined where the file says null; `fallback` where it says nothing. */
  numberOrNull(key, fallback) {
    if (this.has(key)) return this.number(key);
    return this.#value(key) === null ? void 0 : fallback;
  }
  /** Token ids: one number or a list; empty when absent. */
  tokenIds(key) {
    const value = this.#value(key);
    return (Array.isArray(value) ? value : [value]).filter((id) => Number.isSafeInteger(id));
  }
  /**
   * An object inside, read the same way; undefined when absent or null.
   * @param defaults what holds where it does not say
   */
  section(key, defaults = {}) {
    if (!this.has(key)) return void 0;
    const known3 = this.#sections.get(key);
    if (known3 !== void 0) return known3;
    const value = this.#check(key, void 0, "an object", (found) => typeof found === "object" && !Array.isArray(found));
    const section = new _ModelConfig({ ...defaults, ...value }, `${this.path}: ${key}`);
    this.#sections.set(key, section);
    return section;
  }
  /** Error about one key of this file. */
  error(key, expected) {
    return new ModelConfigError(`${this.path}: ${key} must be ${expected}, found ${JSON.stringify(this.values[key])}.`);
  }
  /** Error about a key that changes what the model computes in a way that is not supported here. */
  unsupported(key, value) {
    const text = JSON.stringify(value);
    const found = text.length > 100 ? `${text.slice(0, 100)}\u2026` : text;
    return new ModelConfigError(
      `${this.path}: ${key} is ${found}, which changes what the model computes and is not supported for ${this.architecture}.`,
      "Take another model; remove the key only if you know that the model was made without it."
    );
  }
  #value(key) {
    this.#read.add(key);
    return this.values[key];
  }
  #check(key, fallback, expected, valid) {
    const value = this.has(key) ? this.values[key] : fallback;
    if (!valid(value)) throw this.error(key, expected);
    return value;
  }
};

// ../../packages/transformer/src/loading/gguf/gguf-numbers.ts
function shortestFloat(value) {
  if (!Number.isFinite(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}

// ../../packages/transformer/src/loading/gguf/architecture-keys.ts
var ArchitectureKeys = class {
  constructor(metadata, architecture) {
    this.metadata = metadata;
    this.architecture = architecture;
  }
  metadata;
  architecture;
  has(key) {
    return this.metadata.has(this.#name(key));
  }
  get(key) {
    return this.metadata.get(this.#name(key));
  }
  /** A whole number, 0 or above. @throws GgufMetadataError */
  count(key, fallback) {
    return this.metadata.count(this.#name(key), fallback);
  }
  /** A whole number above 0. @throws GgufMetadataError */
  positive(key, fallback) {
    const value = this.count(key, fallback);
    if (value === 0) throw this.error(key, "must be above 0");
    return value;
  }
  /** A number above 0, or a list with one for each layer, which must be equal. @throws GgufMetadataError */
  sameInEveryLayer(key) {
    if (typeof this.get(key) !== "object") return this.positive(key);
    const values = this.metadata.numbers(this.#name(key));
    const first = values[0] ?? 0;
    if (!(first > 0) || !values.every((value) => value === first)) throw this.error(key, "must be one number above 0 for all layers");
    return first;
  }
  /** A finite number. @throws GgufMetadataError */
  float(key, fallback) {
    return shortestFloat(this.metadata.number(this.#name(key), fallback));
  }
  /** @throws GgufMetadataError */
  boolean(key, fallback) {
    return this.metadata.boolean(this.#name(key), fallback);
  }
  /** @throws GgufMetadataError */
  string(key, fallback) {
    return this.metadata.string(this.#name(key), fallback);
  }
  /** An array of true and false. @throws GgufMetadataError */
  booleans(key) {
    return this.metadata.booleans(this.#name(key));
  }
  /** Error about one key. */
  error(key, problem) {
    return this.metadata.error(this.#name(key), problem);
  }
  #name(key) {
    return `${this.architecture}.${key}`;
  }
};

// ../../packages/transformer/src/loading/gguf/sliding-layers.ts
function slidingLayers(keys2, numLayers, usual) {
  const window = keys2.count("attention.sliding_window", usual.window ?? 0);
  const slides = window === 0 ? () => false : readPattern(keys2, numLayers, usual.every);
  return {
    sliding_window: window === 0 ? null : window,
    layer_types: Array.from({ length: numLayers }, (_, layer) => slides(layer) ? "sliding_attention" : "full_attention")
  };
}
function readPattern(keys2, numLayers, usual) {
  const key = "attention.sliding_window_pattern";
  if (typeof keys2.get(key) === "object") {
    const flags = keys2.booleans(key);
    if (flags.length < numLayers) throw keys2.error(key, `must have an element for each of the ${numLayers} layers`);
    return (layer) => flags[layer];
  }
  const every = keys2.count(key, usual);
  return (layer) => every === 0 || (layer + 1) % every !== 0;
}

// ../../packages/transformer/src/loading/gguf/gguf-architectures.ts
var inputs = ["query", "key", "value"];
var optional = (roles) => ({ roles, presence: "optional" });
var always = (roles) => ({ roles, presence: "always" });
var attentionBias = optional([...inputs, "attentionOutput"]);
var mlpBias = optional(["gate", "up", "down"]);
var expertKeys = ["expert_count", "expert_used_count", "expert_feed_forward_length"];
var windowKeys = ["attention.sliding_window", "attention.sliding_window_pattern"];
var gemma = { norms: "both", gainIncludesOne: true };
var architectures = [
  { name: "llama", huggingFaceClass: "LlamaForCausalLM", rotatesNeighbours: true, layout: { attentionBias, mlpBias } },
  {
    name: "llama",
    huggingFaceClass: "MixtralForCausalLM",
    rotatesNeighbours: true,
    layout: { experts: true },
    keys: expertKeys,
    config: experts
  },
  { name: "qwen2", huggingFaceClass: "Qwen2ForCausalLM", layout: { attentionBias: always(inputs) } },
  { name: "qwen3", huggingFaceClass: "Qwen3ForCausalLM", layout: { attentionBias, queryKeyNorm: true } },
  {
    name: "qwen3moe",
    huggingFaceClass: "Qwen3MoeForCausalLM",
    layout: { attentionBias, queryKeyNorm: true, experts: true },
    keys: [...expertKeys, "expert_weights_norm"],
    config: (keys2) => ({ ...experts(keys2), moe_intermediate_size: keys2.positive("expert_feed_forward_length"), norm_topk_prob: keys2.boolean("expert_weights_norm", true) })
  },
  {
    name: "gemma2",
    huggingFaceClass: "Gemma2ForCausalLM",
    layout: gemma,
    keys: [...windowKeys, "attn_logit_softcapping", "final_logit_softcapping"],
    config: (keys2, common) => ({
      ...gemmaConfig(common, 46),
      ...slidingLayers(keys2, common.num_hidden_layers, { every: 2, window: 4096 }),
      attn_logit_softcapping: softCap(keys2, "attn_logit_softcapping", 50),
      final_logit_softcapping: softCap(keys2, "final_logit_softcapping", 30)
    })
  },
  {
    name: "gemma3",
    huggingFaceClass: "Gemma3ForCausalLM",
    layout: { ...gemma, queryKeyNorm: true },
    keys: [...windowKeys, "final_logit_softcapping", "rope.freq_base_swa"],
    config: (keys2, common) => ({
      ...gemmaConfig(common, 62),
      ...slidingLayers(keys2, common.num_hidden_layers, { every: 6 }),
      final_logit_softcapping: softCap(keys2, "final_logit_softcapping", 0),
      rope_parameters: {
        full_attention: common.rope_parameters,
        sliding_attention: { rope_type: "default", rope_theta: keys2.float("rope.freq_base_swa", 1e4) }
      }
    })
  },
  {
    name: "phi3",
    huggingFaceClass: "Phi3ForCausalLM",
    partialRotation: true,
    layout: { fused: ["queryKeyValue", "gateUp"] },
    keys: windowKeys,
    config: (keys2) => {
      const window = keys2.count("attention.sliding_window", 0);
      return { sliding_window: window === 0 ? null : window };
    }
  },
  { name: "smollm3", huggingFaceClass: "SmolLM3ForCausalLM", rotatesNeighbours: true, layout: { attentionBias, mlpBias } },
  { name: "olmo2", huggingFaceClass: "Olmo2ForCausalLM", layout: { norms: "after", queryKeyNorm: true } },
  {
    name: "granite",
    huggingFaceClass: "GraniteForCausalLM",
    rotatesNeighbours: true,
    layout: { attentionBias, mlpBias },
    keys: ["attention.scale", "embedding_scale", "residual_scale", "logit_scale"],
    config: (keys2, { head_dim }) => ({
      attention_multiplier: multiplier(keys2, "attention.scale", head_dim ** -0.5),
      embedding_multiplier: multiplier(keys2, "embedding_scale", 1),
      residual_multiplier: multiplier(keys2, "residual_scale", 1),
      logits_scaling: multiplier(keys2, "logit_scale", 1)
    })
  },
  {
    name: "gpt-oss",
    huggingFaceClass: "GptOssForCausalLM",
    layout: {
      sinks: true,
      experts: true,
      attentionBias: always([...inputs, "attentionOutput"]),
      mlpBias: always(["expertRouter", "expertGate", "expertUp", "expertDown"]),
      names: { mlpNorm: "post_attention_norm" }
    },
    keys: [...expertKeys, ...windowKeys],
    config: (keys2, common) => ({
      ...experts(keys2),
      ...slidingLayers(keys2, common.num_hidden_layers, { every: 2, window: 128 }),
      intermediate_size: keys2.positive("expert_feed_forward_length"),
      // Files have no key for it; all models of the family leave the bounds of YaRN's ramp as they are.
      ...common.rope_parameters["rope_type"] === "yarn" ? { rope_parameters: { ...common.rope_parameters, truncate: false } } : {}
    })
  },
  {
    name: "glm4",
    huggingFaceClass: "Glm4ForCausalLM",
    partialRotation: true,
    layout: { norms: "both", fused: ["gateUp"], attentionBias: optional(inputs) }
  },
  {
    name: "exaone4",
    huggingFaceClass: "Exaone4ForCausalLM",
    layout: { norms: "after", queryKeyNorm: true },
    keys: windowKeys,
    config: (keys2, common) => slidingLayers(keys2, common.num_hidden_layers, { every: 4 })
  },
  {
    name: "seed_oss",
    huggingFaceClass: "SeedOssForCausalLM",
    layout: { attentionBias: optional(inputs), names: { mlpNorm: "post_attention_norm" } }
  },
  {
    name: "cohere2",
    huggingFaceClass: "Cohere2ForCausalLM",
    layout: { norms: "parallel", attentionBias },
    keys: [...windowKeys, "logit_scale", "attention.layer_norm_epsilon"],
    config: (keys2, common) => ({
      ...slidingLayers(keys2, common.num_hidden_layers, { every: 4 }),
      layer_norm_eps: keys2.float("attention.layer_norm_epsilon"),
      logit_scale: multiplier(keys2, "logit_scale", 1)
    })
  },
  {
    name: "nemotron",
    huggingFaceClass: "NemotronForCausalLM",
    partialRotation: true,
    layout: { gated: false, gainIncludesOne: true, normBias: true, attentionBias, mlpBias: optional(["up", "down"]) },
    keys: ["attention.layer_norm_epsilon"],
    config: (keys2) => ({ hidden_act: "relu2", norm_eps: keys2.float("attention.layer_norm_epsilon") })
  }
];
var ggufArchitectureNames = [...new Set(architectures.map(({ name: name2 }) => name2))];
function findGgufArchitecture(name2, hasExperts) {
  return architectures.find((each) => each.name === name2 && (each.layout.experts ?? false) === hasExperts);
}
function experts(keys2) {
  return { num_local_experts: keys2.positive("expert_count"), num_experts_per_tok: keys2.positive("expert_used_count") };
}
function gemmaConfig({ hidden_size, num_hidden_layers, num_attention_heads, head_dim }, largest2) {
  return {
    hidden_act: void 0,
    hidden_activation: "gelu_pytorch_tanh",
    query_pre_attn_scalar: num_hidden_layers === largest2 ? Math.floor(hidden_size / num_attention_heads) : head_dim
  };
}
function softCap(keys2, key, usual) {
  const cap = keys2.float(key, usual);
  return cap === 0 ? null : cap;
}
function multiplier(keys2, key, usual) {
  const value = keys2.float(key, 0);
  return value === 0 ? usual : value;
}

// ../../packages/transformer/src/loading/gguf/gguf-rope.ts
var divisorsName = "rope_freqs.weight";
var [shortFactorsName, longFactorsName] = ["rope_factors_short.weight", "rope_factors_long.weight"];
var ropeTensorNames = [divisorsName, shortFactorsName, longFactorsName];
function ropeParameters(keys2, checkpoint, headDim, partial) {
  const rotated = keys2.positive("rope.dimension_count", headDim);
  if (!partial && rotated !== headDim) throw keys2.error("rope.dimension_count", `must be the ${headDim} of a head, as partial rotation is not supported for ${keys2.architecture}`);
  if (rotated > headDim || rotated % 2 !== 0) throw keys2.error("rope.dimension_count", `must be an even number of the ${headDim} dimensions of a head`);
  const common = { rope_theta: keys2.float("rope.freq_base", 1e4), ...partial ? { partial_rotary_factor: rotated / headDim } : {} };
  const factor = keys2.has("rope.scaling.factor") ? keys2.float("rope.scaling.factor") : keys2.float("rope.scale_linear", 0);
  if (factor < 0) throw keys2.error("rope.scaling.factor", "must not be negative");
  const unscaled = factor === 0 || factor === 1;
  const type = keys2.string("rope.scaling.type", unscaled ? "none" : "linear");
  const tensors = ropeTensorNames.filter((name2) => checkpoint.has(name2));
  if (tensors.length > 0) return { ...common, ...divided(keys2, checkpoint, rotated, type) };
  switch (type) {
    case "none":
      return { ...common, rope_type: "default" };
    case "linear":
      return unscaled ? { ...common, rope_type: "default" } : { ...common, rope_type: "linear", factor };
    case "yarn":
      return { ...common, rope_type: "yarn", ...yarnParameters(keys2, factor) };
    default:
      throw keys2.error("rope.scaling.type", "must be one of none, linear, yarn");
  }
}
function yarnParameters(keys2, factor) {
  if (factor < 1) throw keys2.error("rope.scaling.factor", "must be 1 or above for yarn");
  if (keys2.float("rope.scaling.yarn_ext_factor", 1) !== 1) throw keys2.error("rope.scaling.yarn_ext_factor", "must be 1");
  const attention = keys2.float("rope.scaling.attn_factor", keys2.float("rope.scaling.yarn_attn_factor", 1));
  return {
    factor,
    original_max_position_embeddings: keys2.count("rope.scaling.original_context_length", keys2.count("context_length")),
    attention_factor: attention * (0.1 * Math.log(factor) + 1),
    beta_fast: keys2.float("rope.scaling.yarn_beta_fast", 32),
    beta_slow: keys2.float("rope.scaling.yarn_beta_slow", 1)
  };
}
function divided(keys2, checkpoint, rotated, type) {
  const read = (name2) => readDivisors(keys2, checkpoint, name2, rotated / 2);
  if (checkpoint.has(divisorsName)) {
    if (type !== "none") throw keys2.error("rope.scaling.type", `must be "none" in a file with ${divisorsName}`);
    for (const other of [shortFactorsName, longFactorsName]) {
      if (checkpoint.has(other)) throw keys2.metadata.error(other, `must not be in a file with ${divisorsName}`);
    }
    return { rope_type: "divided", divisors: read(divisorsName) };
  }
  if (type !== "none" && type !== "longrope") throw keys2.error("rope.scaling.type", `must be "longrope" in a file with ${longFactorsName}`);
  return {
    rope_type: "longrope",
    short_factor: read(shortFactorsName),
    long_factor: read(longFactorsName),
    original_max_position_embeddings: keys2.positive("rope.scaling.original_context_length"),
    ...keys2.has("rope.scaling.attn_factor") ? { attention_factor: keys2.float("rope.scaling.attn_factor") } : {}
  };
}
function readDivisors({ metadata }, checkpoint, name2, pairs) {
  const { type, shape } = checkpoint.entry(name2);
  const divisors = shape.length === 1 && shape[0] === pairs ? Array.from(hostFloats(checkpoint.read(name2), type)) : [];
  if (divisors.length !== pairs || !divisors.every((divisor) => divisor > 0 && Number.isFinite(divisor))) {
    throw metadata.error(name2, `must be ${pairs} numbers above 0`);
  }
  return divisors;
}

// ../../packages/transformer/src/loading/gguf/gguf-config.ts
var maxExperts = 4096;
function readSizes(keys2) {
  const hiddenSize = keys2.positive("embedding_length");
  const numQueryHeads = keys2.sameInEveryLayer("attention.head_count");
  const numKeyValueHeads = keys2.has("attention.head_count_kv") ? keys2.sameInEveryLayer("attention.head_count_kv") : numQueryHeads;
  const headDim = keys2.has("attention.key_length") ? keys2.positive("attention.key_length") : hiddenSize / numQueryHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) throw keys2.error("attention.head_count", `must give heads of an even size, of ${hiddenSize} in all`);
  const valueDim = keys2.positive("attention.value_length", headDim);
  if (valueDim !== headDim) throw keys2.error("attention.value_length", `must be the ${headDim} of the keys`);
  const numExperts = keys2.count("expert_count", 0);
  if (numExperts > maxExperts) throw keys2.error("expert_count", `must be at most ${maxExperts}`);
  return { numLayers: keys2.positive("block_count"), numQueryHeads, numKeyValueHeads, headDim, numExperts };
}
function huggingFaceConfig(checkpoint, architecture, keys2, sizes, plan) {
  const { metadata } = checkpoint;
  const vocabularySize = checkpoint.entry("token_embd.weight").shape[0];
  if (keys2.count("vocab_size", vocabularySize) !== vocabularySize) throw keys2.error("vocab_size", `must be the ${vocabularySize} of token_embd.weight`);
  const tokens = metadata.arrayLength("tokenizer.ggml.tokens") ?? 0;
  if (tokens > vocabularySize) throw metadata.error("tokenizer.ggml.tokens", `must be at most the ${vocabularySize} of token_embd.weight`);
  const matrices = plan.tensors.map(({ ggufName }) => checkpoint.entry(ggufName)).filter(({ shape }) => shape.length > 1);
  const common = {
    architectures: [architecture.huggingFaceClass],
    vocab_size: vocabularySize,
    hidden_size: keys2.positive("embedding_length"),
    intermediate_size: keys2.sameInEveryLayer(keys2.has("feed_forward_length") ? "feed_forward_length" : "expert_feed_forward_length"),
    num_hidden_layers: sizes.numLayers,
    num_attention_heads: sizes.numQueryHeads,
    num_key_value_heads: sizes.numKeyValueHeads,
    head_dim: sizes.headDim,
    max_position_embeddings: keys2.positive("context_length"),
    ...architecture.keys?.includes("attention.layer_norm_epsilon") === true ? {} : { rms_norm_eps: keys2.float("attention.layer_norm_rms_epsilon") },
    hidden_act: "silu",
    rope_parameters: ropeParameters(keys2, checkpoint, sizes.headDim, architecture.partialRotation ?? false),
    tie_word_embeddings: plan.tiedEmbeddings,
    ...architecture.layout.attentionBias?.presence === "optional" ? { attention_bias: plan.attentionBias } : {},
    ...architecture.layout.mlpBias?.presence === "optional" ? { mlp_bias: plan.mlpBias } : {},
    dtype: matrices.every(({ type }) => type === "F32") ? "float32" : "bfloat16",
    bos_token_id: optionalId(metadata, "bos"),
    eos_token_id: ["eos", "eot", "eom"].map((kind) => optionalId(metadata, kind)).filter((id) => id !== null)
  };
  return { ...common, ...architecture.config?.(keys2, common) };
}
function optionalId(metadata, kind) {
  const key = `tokenizer.ggml.${kind}_token_id`;
  return metadata.has(key) && metadata.get(key) !== -1 && metadata.get(key) !== 2 ** 32 - 1 ? metadata.count(key) : null;
}

// ../../packages/transformer/src/loading/gguf/gguf-keys.ts
var readKeys = /* @__PURE__ */ new Set([
  "vocab_size",
  "context_length",
  "embedding_length",
  "block_count",
  "feed_forward_length",
  "attention.head_count",
  "attention.head_count_kv",
  "attention.key_length",
  "attention.value_length",
  "attention.layer_norm_rms_epsilon",
  "rope.dimension_count",
  "rope.freq_base",
  "rope.scale_linear",
  "rope.scaling.type",
  "rope.scaling.factor",
  "rope.scaling.attn_factor",
  "rope.scaling.original_context_length",
  "rope.scaling.yarn_ext_factor",
  "rope.scaling.yarn_attn_factor",
  "rope.scaling.yarn_beta_fast",
  "rope.scaling.yarn_beta_slow",
  // Whether a model was trained further on longer texts changes nothing in how it runs.
  "rope.scaling.finetuned"
]);
var neutralValues = {
  tensor_data_layout: ["reference", "Meta AI original pth"],
  use_parallel_residual: [false],
  expert_count: [0],
  expert_used_count: [0],
  expert_shared_count: [0],
  expert_feed_forward_length: [0],
  expert_shared_feed_forward_length: [0],
  expert_weights_scale: [0, 1],
  expert_weights_norm: [false],
  // The softmax that all supported experts have, over all or over the chosen: normalised, both are the same.
  expert_gating_func: [0, 1, 3],
  expert_group_count: [0, 1],
  expert_group_used_count: [0, 1],
  interleave_moe_layer_step: [0],
  moe_every_n_layers: [0],
  leading_dense_block_count: [0],
  nextn_predict_layers: [0],
  logit_scale: [0, 1],
  residual_scale: [0, 1],
  embedding_scale: [0, 1],
  attn_logit_softcapping: [0],
  final_logit_softcapping: [0],
  router_logit_softcapping: [0],
  swin_norm: [false],
  pooling_type: [0],
  "attention.causal": [true],
  "attention.max_alibi_bias": [0],
  "attention.clamp_kqv": [0],
  "attention.sliding_window": [0],
  "attention.sliding_window_pattern": [false, 0, 1],
  "attention.temperature_length": [0],
  "attention.temperature_scale": [0, 1],
  "attention.output_scale": [0, 1],
  "attention.scale": [0],
  "attention.layer_norm_epsilon": [],
  "attention.shared_kv_layers": [0],
  "attention.q_lora_rank": [0],
  "attention.kv_lora_rank": [0],
  "attention.key_length_mla": [0],
  "attention.value_length_mla": [0],
  "rope.dimension_sections": [],
  "rope.scaling.yarn_log_multiplier": [0]
};
var inertPrefixes = ["general.", "tokenizer.", "split.", "quantize.", "imatrix."];
var slidingKeys = {
  "attention.key_length_swa": "attention.key_length",
  "attention.value_length_swa": "attention.value_length",
  "rope.dimension_count_swa": "rope.dimension_count",
  "rope.freq_base_swa": "rope.freq_base"
};
function checkKeys(keys2, own = []) {
  const prefix = `${keys2.architecture}.`;
  const unknown = [];
  for (const name2 of keys2.metadata.keys) {
    const key = name2.startsWith(prefix) ? name2.slice(prefix.length) : void 0;
    if (key === void 0) {
      if (!inertPrefixes.some((inert) => name2.startsWith(inert))) unknown.push(name2);
    } else if (readKeys.has(key) || own.includes(key)) continue;
    else if (Object.hasOwn(neutralValues, key) || Object.hasOwn(slidingKeys, key)) {
      if (!isNeutral(keys2, key)) throw keys2.error(key, "asks for what is not supported");
    } else unknown.push(name2);
  }
  return unknown;
}
function isNeutral(keys2, key) {
  const value = keys2.get(key);
  if (neutralValues[key]?.includes(value) === true) return true;
  const same2 = slidingKeys[key];
  if (same2 !== void 0) return value === keys2.get(same2);
  return key === "attention.sliding_window" && typeof value === "number" && value >= keys2.count("context_length");
}

// ../../packages/transformer/src/loading/gguf/layer-layout.ts
var layerNames2 = {
  attentionNorm: "attn_norm",
  query: "attn_q",
  key: "attn_k",
  value: "attn_v",
  queryKeyValue: "attn_qkv",
  attentionOutput: "attn_output",
  attentionOutputNorm: "post_attention_norm",
  queryNorm: "attn_q_norm",
  keyNorm: "attn_k_norm",
  sinks: "attn_sinks",
  mlpNorm: "ffn_norm",
  gate: "ffn_gate",
  up: "ffn_up",
  gateUp: "ffn_up",
  down: "ffn_down",
  mlpOutputNorm: "post_ffw_norm",
  expertRouter: "ffn_gate_inp",
  expertGate: "ffn_gate_exps",
  expertUp: "ffn_up_exps",
  expertDown: "ffn_down_exps"
};
var separateExpertNames = {
  expertGate: "ffn_gate.{expert}",
  expertUp: "ffn_up.{expert}",
  expertDown: "ffn_down.{expert}"
};
function layerTensorName(layout, role) {
  return layout.names?.[role] ?? layerNames2[role];
}
var norms = {
  before: ["attentionNorm", "mlpNorm"],
  after: ["attentionOutputNorm", "mlpOutputNorm"],
  both: ["attentionNorm", "attentionOutputNorm", "mlpNorm", "mlpOutputNorm"],
  parallel: ["attentionNorm"]
};
var normRoles = /* @__PURE__ */ new Set([...norms.both, "queryNorm", "keyNorm", "finalNorm"]);
function isNorm(role) {
  return normRoles.has(role);
}
function isOfExperts(role) {
  return role === "expertGate" || role === "expertUp" || role === "expertDown";
}
function layerRoles({ norms: places = "before", queryKeyNorm, sinks, fused = [], gated: gated2 = true, experts: experts4 }) {
  const attention = fused.includes("queryKeyValue") ? ["queryKeyValue"] : ["query", "key", "value"];
  const gate = !gated2 ? ["up"] : fused.includes("gateUp") ? ["gateUp"] : ["gate", "up"];
  const mlp = experts4 === true ? ["expertRouter", "expertGate", "expertUp", "expertDown"] : [...gate, "down"];
  const heads = [...queryKeyNorm === true ? ["queryNorm", "keyNorm"] : [], ...sinks === true ? ["sinks"] : []];
  return [...norms[places], ...attention, "attentionOutput", ...heads, ...mlp];
}
function layerNormRoles({ norms: places = "before" }) {
  return norms[places];
}

// ../../packages/transformer/src/loading/gguf/gguf-tensor-names.ts
function planTensors({ name: name2, layout }, checkpoint, { numLayers, numExperts }) {
  const numTensors = [...checkpoint.names].length;
  if (numLayers > numTensors) throw checkpoint.metadata.error(`${name2}.block_count`, "must not be above the number of tensors");
  const tiedEmbeddings = !checkpoint.has("output.weight");
  const hasBias = (kind) => layout[kind]?.presence === "always" || layout[kind]?.roles.some((role) => checkpoint.has(`blk.0.${layerTensorName(layout, role)}.bias`)) === true;
  const [attentionBias2, mlpBias2] = [hasBias("attentionBias"), hasBias("mlpBias")];
  const biased = /* @__PURE__ */ new Set([
    ...attentionBias2 ? layout.attentionBias.roles : [],
    ...mlpBias2 ? layout.mlpBias.roles : [],
    ...layout.normBias === true ? layerNormRoles(layout) : []
  ]);
  const tensors = [
    named("embedding", 0, "token_embd.weight"),
    ...withBias(named("finalNorm", 0, "output_norm.weight"), layout.normBias === true),
    ...tiedEmbeddings ? [] : [named("output", 0, "output.weight")]
  ];
  const isSeparate = layout.experts === true && checkpoint.has(`blk.0.${separateExpertNames.expertGate.replace("{expert}", "0")}.weight`);
  if (isSeparate && numLayers * numExperts > numTensors) throw checkpoint.metadata.error(`${name2}.expert_count`, "must not be above the number of tensors");
  for (let layer = 0; layer < numLayers; layer++) {
    for (const role of layerRoles(layout)) {
      for (const tensor of isOfExperts(role) ? expertTensors2(layout, role, layer, numExperts, isSeparate) : [named(role, layer, `blk.${layer}.${layerTensorName(layout, role)}.weight`)]) {
        tensors.push(...withBias(tensor, biased.has(role)));
      }
    }
  }
  return { tensors, tiedEmbeddings, attentionBias: attentionBias2, mlpBias: mlpBias2 };
}
function expertTensors2(layout, role, layer, numExperts, isSeparate) {
  if (!isSeparate) return [{ ...named(role, layer, `blk.${layer}.${layerTensorName(layout, role)}.weight`, 0), experts: numExperts }];
  const name2 = separateExpertNames[role];
  return Array.from({ length: numExperts }, (_, expert) => named(role, layer, `blk.${layer}.${name2.replace("{expert}", String(expert))}.weight`, expert));
}
function named(role, layer, ggufName, expert) {
  return { role, ggufName, huggingFaceName: huggingFaceWeightName(role, layer, expert) };
}
function withBias(tensor, hasBias) {
  if (!hasBias) return [tensor];
  return [tensor, { ...tensor, huggingFaceName: biasName2(tensor.huggingFaceName), ggufName: biasName2(tensor.ggufName) }];
}
function biasName2(weightName2) {
  return weightName2.replace(/\.weight$/, ".bias");
}

// ../../packages/transformer/src/loading/gguf/rotated-rows.ts
function rowsInHalves(bytes, { headDim, rowBytes }) {
  const ordered = new Uint8Array(bytes.length);
  const half = headDim / 2;
  for (let head = 0; head < bytes.length; head += headDim * rowBytes) {
    for (let row = 0; row < headDim; row++) {
      const from = head + row * rowBytes;
      ordered.set(bytes.subarray(from, from + rowBytes), head + ((row & 1) * half + (row >> 1)) * rowBytes);
    }
  }
  return ordered;
}

// ../../packages/transformer/src/loading/gguf/gguf-weights.ts
var GgufWeights = class {
  /** @throws MissingTensorError, UnsupportedWeightFormatError, ShapeError: nothing has been read then */
  constructor(file, tensors, differences) {
    this.file = file;
    this.differences = differences;
    this.#tensors = new Map(tensors.map((tensor) => [tensor.huggingFaceName, tensor]));
    for (const { ggufName, huggingFaceName, experts: experts4 } of tensors) {
      const { type, shape } = file.entry(ggufName);
      weightFormat(type, `${file.path}: ${ggufName}`);
      const { headDim } = this.#rotatedRows(this.#find(huggingFaceName)) ?? {};
      if (headDim !== void 0 && shape[0] % headDim !== 0) {
        throw new ShapeError(`${file.path}: ${ggufName} has ${shape[0]} rows, which are no whole heads of ${headDim}.`);
      }
      if (experts4 !== void 0 && (shape.length < 2 || shape[0] !== experts4)) {
        throw new ShapeError(`${file.path}: ${ggufName} is [${shape.join(", ")}], not the matrices of ${experts4} experts.`);
      }
    }
  }
  file;
  differences;
  #tensors;
  get path() {
    return this.file.path;
  }
  get names() {
    return this.#names();
  }
  get byteLength() {
    return [...this.#tensors.values()].reduce((bytes, { ggufName }) => bytes + this.file.entry(ggufName).byteLength, 0);
  }
  has(name2) {
    return this.#lookUp(name2) !== void 0;
  }
  /** @throws MissingTensorError */
  entry(name2) {
    return this.#entry(this.#find(name2), name2);
  }
  /** @throws MissingTensorError, ShapeError, DisposedError */
  read(name2, range) {
    const tensor = this.#find(name2);
    const { ggufName, expert } = tensor;
    if (this.#includesOne(tensor)) return this.#withoutOne(ggufName).slice(range?.start, range?.end);
    const rotated = this.#rotatedRows(tensor);
    if (rotated !== void 0) return this.#readRotated(ggufName, rotated, range);
    if (expert === void 0) return this.file.read(ggufName, range);
    const { byteLength } = this.#entry(tensor, name2);
    const start = expert * byteLength;
    return this.file.read(ggufName, { start: start + (range?.start ?? 0), end: start + Math.min(range?.end ?? byteLength, byteLength) });
  }
  /** Undefined for rows in another order, and for norms. @throws MissingTensorError, DisposedError */
  locate(name2) {
    const tensor = this.#find(name2);
    if (this.#rotatedRows(tensor) !== void 0 || this.#includesOne(tensor)) return void 0;
    const { descriptor, position } = this.file.locate(tensor.ggufName);
    return { descriptor, position: position + (tensor.expert ?? 0) * this.#entry(tensor, name2).byteLength };
  }
  close() {
    this.file.close();
  }
  [Symbol.dispose]() {
    this.close();
  }
  *#names() {
    for (const [name2, { experts: experts4 = 1 }] of this.#tensors) {
      for (let expert = 0; expert < experts4; expert++) yield expert === 0 ? name2 : name2.replace(".experts.0.", `.experts.${expert}.`);
    }
    return void 0;
  }
  #find(name2) {
    const tensor = this.#lookUp(name2);
    if (tensor === void 0) throw new MissingTensorError(name2, this.path);
    return tensor;
  }
  #lookUp(name2) {
    const tensor = this.#tensors.get(name2);
    if (tensor !== void 0) return { ...tensor, expert: tensor.experts === void 0 ? void 0 : 0 };
    const [, before, digits, after] = /^(.*\.experts\.)(\d+)(\..*)$/.exec(name2) ?? [];
    const joined2 = this.#tensors.get(`${before}0${after}`);
    const expert = Number(digits);
    return joined2?.experts !== void 0 && expert < joined2.experts && String(expert) === digits ? { ...joined2, expert } : void 0;
  }
  #entry(tensor, name2) {
    const { type, shape, byteLength } = this.file.entry(tensor.ggufName);
    if (this.#includesOne(tensor)) return { name: name2, type: "F32", shape, byteLength: 4 * shape.reduce((product, size2) => product * size2, 1) };
    if (tensor.experts === void 0) return { name: name2, type, shape, byteLength };
    return { name: name2, type, shape: shape.slice(1), byteLength: byteLength / tensor.experts };
  }
  /** Of a norm; its bias is as it is. */
  #includesOne({ role, huggingFaceName }) {
    return this.differences.gainIncludesOne && isNorm(role) && huggingFaceName.endsWith(".weight");
  }
  #withoutOne(ggufName) {
    const gains = hostFloats(this.file.read(ggufName), this.file.entry(ggufName).type);
    return new Uint8Array(Float32Array.from(gains, (gain) => gain - 1).buffer);
  }
  #readRotated(ggufName, rotated, range) {
    if (range === void 0) return rowsInHalves(this.file.read(ggufName), rotated);
    const headBytes = rotated.headDim * rotated.rowBytes;
    const start = Math.floor(range.start / headBytes) * headBytes;
    const end = Math.ceil(range.end / headBytes) * headBytes;
    return rowsInHalves(this.file.read(ggufName, { start, end }), rotated).slice(range.start - start, range.end - start);
  }
  /** A bias has one element in each row. */
  #rotatedRows({ role, ggufName, huggingFaceName }) {
    const { rotatedHeadDim: headDim } = this.differences;
    if (headDim === void 0 || role !== "query" && role !== "key") return void 0;
    const { type, shape } = this.file.entry(ggufName);
    const rowElements = shape.length === 1 ? 1 : shape.at(-1);
    return { headDim, rowBytes: weightByteLength(weightFormat(type, huggingFaceName), rowElements) };
  }
};

// ../../packages/transformer/src/loading/gguf/open-gguf-model.ts
function openGgufModel(path2) {
  const file = GgufCheckpoint.open(path2);
  try {
    const kind = readKind(file);
    return { ...readModel(file, kind), metadata: file.metadata, unknownKeys: kind.unknownKeys };
  } catch (error) {
    file.close();
    throw error;
  }
}
function readKind({ metadata }) {
  const architecture = readArchitecture(metadata);
  const keys2 = new ArchitectureKeys(metadata, architecture.name);
  return { architecture, keys: keys2, unknownKeys: checkKeys(keys2, architecture.keys), sizes: readSizes(keys2) };
}
function readModel(file, { architecture, keys: keys2, sizes }) {
  const { layout, rotatesNeighbours = false } = architecture;
  const plan = planTensors(architecture, file, sizes);
  const checkpoint = new GgufWeights(file, plan.tensors, {
    rotatedHeadDim: rotatesNeighbours ? sizes.headDim : void 0,
    gainIncludesOne: layout.gainIncludesOne ?? false
  });
  checkTensors(file, architecture, plan);
  return {
    checkpoint,
    config: new ModelConfig(huggingFaceConfig(file, architecture, keys2, sizes, plan), file.path),
    layout: { weightName: huggingFaceWeightName, fused: layout.fused ?? [], expertLayout: "each" }
  };
}
function readArchitecture(metadata) {
  const name2 = metadata.string("general.architecture");
  const type = metadata.string("general.type", "model");
  if (type !== "model") throw metadata.error("general.type", 'must be "model"', "Name the file of the model itself.");
  if (!ggufArchitectureNames.includes(name2)) {
    throw metadata.error("general.architecture", `is not supported: must be one of ${ggufArchitectureNames.join(", ")}`, "Take another model.");
  }
  const numExperts = `${name2}.expert_count`;
  const architecture = findGgufArchitecture(name2, metadata.count(numExperts, 0) > 0);
  if (architecture === void 0) throw metadata.error(numExperts, metadata.has(numExperts) ? "asks for what is not supported" : "is missing");
  return architecture;
}
function checkTensors(file, architecture, { tensors }) {
  const used = /* @__PURE__ */ new Set([...tensors.map(({ ggufName }) => ggufName), ...ropeTensorNames]);
  const unused = [...file.names].filter((name2) => !used.has(name2));
  if (unused.length > 0) {
    const others = unused.length > 1 ? ` (and ${unused.length - 1} more)` : "";
    throw new GgufMetadataError(file.path, unused[0], `is a tensor${others} that a model of the architecture ${architecture.name} is not known to have.`);
  }
  const version = file.metadata.count("general.quantization_version", 2);
  const quantised = tensors.some(({ ggufName }) => weightFormat(file.entry(ggufName).type, ggufName).blockSize > 1);
  if (quantised && version !== 2) throw file.metadata.error("general.quantization_version", "must be 2");
}

// ../../packages/transformer/src/loading/model-files.ts
import { closeSync as closeSync2, existsSync as existsSync5, openSync as openSync2, readdirSync, readSync as readSync3, statSync as statSync4 } from "node:fs";
import { dirname as dirname5, extname, join as join5 } from "node:path";

// ../../packages/transformer/src/loading/quantised/scaled-matrices.ts
var partEndings = [
  "qweight",
  "qzeros",
  "scales",
  "g_idx",
  "weight_packed",
  "weight_scale",
  "weight_zero_point",
  "weight_shape",
  "weight_g_idx",
  "weight_scale_inv",
  "input_scale",
  "output_scale",
  "input_zero_point",
  "activation_scale"
];
function scaledMatrix(checkpoint, prefix, scheme) {
  const has = (ending) => checkpoint.has(`${prefix}.${ending}`);
  if (scheme.method === "gptq" || scheme.method === "awq") return has("qweight") ? packedByColumns(checkpoint, prefix, scheme) : void 0;
  if (has("weight_packed")) return packedByRows(checkpoint, prefix, scheme.method === "fp8" ? void 0 : scheme.groupSize);
  if (!has("weight")) return void 0;
  const { type } = checkpoint.entry(`${prefix}.weight`);
  if (!/^(F8_|I8$|U8$)/.test(type)) return void 0;
  if (type === "F8_E4M3" || type === "I8") return scaledBytes(checkpoint, prefix, type, scheme.block);
  throw new UnsupportedWeightFormatError(type, `${checkpoint.path}: ${prefix}.weight`, ["F8_E4M3", "I8"]);
}
function scaledBytes(checkpoint, prefix, type, block) {
  const weight = `${prefix}.weight`;
  const scaleName = [`${prefix}.weight_scale_inv`, `${prefix}.weight_scale`].find((name2) => checkpoint.has(name2)) ?? `${prefix}.weight_scale`;
  const [rows2, columns] = matrixShape(checkpoint, weight);
  const scaleShape = checkpoint.entry(scaleName).shape;
  const count = scaleShape.reduce((product, size2) => product * size2, 1);
  const sides = count === 1 ? [rows2, columns] : scaleShape[0] === rows2 && count === rows2 ? [1, columns] : block;
  const [blockRows, blockColumns] = sides ?? [0, 0];
  const expected = [Math.ceil(rows2 / blockRows), Math.ceil(columns / blockColumns)];
  if (sides === void 0 || count !== expected[0] * expected[1] || sides === block && scaleShape.join() !== expected.join()) {
    const allowed = block === void 0 ? `[1] or [${rows2}, 1]` : `[${expected.join(", ")}]`;
    throw new ShapeError(`${scaleName} is [${scaleShape.join(", ")}], but ${weight} is [${rows2}, ${columns}]: it must be ${allowed}.`, damaged);
  }
  const grid = { rows: rows2, columns, blockRows, blockColumns };
  return {
    shape: [rows2, columns],
    read() {
      const values = new Float32Array(rows2 * columns);
      dequantizeBytes(checkpoint.read(weight), type === "I8" ? int8Values : fp8Values, finiteScales(checkpoint, scaleName), grid, values);
      return values;
    }
  };
}
function packedByColumns(checkpoint, prefix, scheme) {
  const names2 = ["qweight", "qzeros", "scales", "g_idx"].map((ending) => `${prefix}.${ending}`);
  const [weight, zeros, scales3, index] = names2;
  const [first, second] = matrixShape(checkpoint, weight);
  const [rows2, columns] = scheme.method === "gptq" ? [second, 8 * first] : [8 * second, first];
  const groups = groupsOf(columns, scheme.groupSize, weight);
  requireShape(checkpoint, scales3, [groups, rows2]);
  requireShape(checkpoint, zeros, [groups, rows2 / 8]);
  const ordered = scheme.method === "gptq" && checkpoint.has(index);
  if (ordered) requireShape(checkpoint, index, [columns]);
  return {
    shape: [rows2, columns],
    read() {
      const stored = unpackAlongRows(words(checkpoint, zeros));
      const inOrder = scheme.method === "gptq" ? stored.map((zero) => zero + scheme.zeroOffset) : awqOrdered(stored);
      const integers = scheme.method === "gptq" ? unpackAlongColumns(words(checkpoint, weight), rows2) : transposed(awqOrdered(unpackAlongRows(words(checkpoint, weight))), columns, rows2);
      return unpacked({
        rows: rows2,
        columns,
        groups,
        integers,
        zeros: transposed(inOrder, groups, rows2),
        scales: transposed(finiteScales(checkpoint, scales3), groups, rows2),
        groupOf: ordered ? groupIndex(checkpoint, index, groups) : runsOf(columns, groups)
      });
    }
  };
}
function packedByRows(checkpoint, prefix, groupSize2) {
  const part = (ending) => `${prefix}.${ending}`;
  const [weight, zeros, index] = [part("weight_packed"), part("weight_zero_point"), part("weight_g_idx")];
  const [rows2, packedColumns] = matrixShape(checkpoint, weight);
  const columns = 8 * packedColumns;
  const groups = groupsOf(columns, groupSize2, weight);
  requireShape(checkpoint, part("weight_scale"), [rows2, groups]);
  const shifted2 = checkpoint.has(zeros);
  if (shifted2) requireShape(checkpoint, zeros, [Math.ceil(rows2 / 8), groups]);
  if (checkpoint.has(index)) requireShape(checkpoint, index, [columns]);
  if (checkpoint.has(part("weight_shape"))) requireStatedShape(checkpoint, part("weight_shape"), [rows2, columns]);
  return {
    shape: [rows2, columns],
    read() {
      return unpacked({
        rows: rows2,
        columns,
        groups,
        integers: unpackAlongRows(words(checkpoint, weight)),
        // Packed along outputs: of the last eight, those beyond the matrix are left out.
        zeros: shifted2 ? transposed(unpackAlongColumns(words(checkpoint, zeros), groups), groups, 8 * Math.ceil(rows2 / 8)).subarray(0, rows2 * groups) : new Uint8Array(rows2 * groups).fill(8),
        scales: finiteScales(checkpoint, part("weight_scale")),
        groupOf: checkpoint.has(index) ? groupIndex(checkpoint, index, groups) : runsOf(columns, groups)
      });
    }
  };
}
function unpacked(matrix) {
  const values = new Float32Array(matrix.rows * matrix.columns);
  dequantizeGroups(matrix, values);
  return values;
}
var damaged = "The checkpoint is damaged, or its config belongs to another one.";
function matrixShape(checkpoint, name2) {
  const { shape } = checkpoint.entry(name2);
  if (shape.length !== 2) throw new ShapeError(`${name2} is [${shape.join(", ")}], which is no matrix.`, damaged);
  return [shape[0], shape[1]];
}
function requireShape(checkpoint, name2, expected) {
  const { shape } = checkpoint.entry(name2);
  if (shape.join() === expected.join()) return;
  throw new ShapeError(`${name2} is [${shape.join(", ")}], but the weight that it belongs to asks for [${expected.join(", ")}].`, damaged);
}
function requireStatedShape(checkpoint, name2, expected) {
  const bytes = checkpoint.read(name2);
  const stated = checkpoint.entry(name2).type === "I64" ? Array.from(new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8), Number) : [...words(checkpoint, name2)];
  if (stated.join() === expected.join()) return;
  throw new ShapeError(`${name2} says [${stated.join(", ")}], but the packed weight is [${expected.join(", ")}].`, damaged);
}
function groupsOf(columns, groupSize2, name2) {
  if (groupSize2 === void 0) return 1;
  if (columns % groupSize2 === 0) return columns / groupSize2;
  throw new ShapeError(`${name2} has ${columns} inputs, which are not whole groups of ${groupSize2}.`, damaged);
}
function words(checkpoint, name2) {
  const { type } = checkpoint.entry(name2);
  if (type !== "I32") throw new UnsupportedWeightFormatError(type, `${checkpoint.path}: ${name2}`, ["I32"]);
  const bytes = checkpoint.read(name2);
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
function finiteScales(checkpoint, name2) {
  const scales3 = hostFloats(checkpoint.read(name2), checkpoint.entry(name2).type);
  const broken = scales3.findIndex((scale2) => !Number.isFinite(scale2));
  if (broken >= 0) throw new ModelConfigError(`${name2} holds a scale that is not finite (element ${broken}).`, "The checkpoint is damaged; download it again.");
  return scales3;
}
function runsOf(columns, groups) {
  return Int32Array.from({ length: columns }, (_, column) => Math.floor(column * groups / columns));
}
function groupIndex(checkpoint, name2, groups) {
  const index = words(checkpoint, name2);
  const outside = index.findIndex((group) => group < 0 || group >= groups);
  if (outside < 0) return index;
  throw new ModelConfigError(`${name2} names group ${index[outside]} for input ${outside}, but there are ${groups}.`, "The checkpoint is damaged; download it again.");
}

// ../../packages/transformer/src/loading/quantised/unpacked-checkpoint.ts
var UnpackedCheckpoint = class {
  /** @throws ShapeError, UnsupportedWeightFormatError: nothing but shapes has been read then */
  constructor(checkpoint, scheme) {
    this.checkpoint = checkpoint;
    const parts = /* @__PURE__ */ new Set();
    for (const name2 of checkpoint.names) {
      const match = /^(.*)\.(qweight|weight_packed|weight)$/.exec(name2);
      const prefix = match?.[1];
      const matrix = prefix === void 0 ? void 0 : scaledMatrix(checkpoint, prefix, scheme);
      if (matrix === void 0) continue;
      this.#matrices.set(`${prefix}.weight`, matrix);
      for (const ending of partEndings) parts.add(`${prefix}.${ending}`);
    }
    const plain = [...checkpoint.names].filter((name2) => !parts.has(name2) && !this.#matrices.has(name2));
    this.#names = [...plain, ...this.#matrices.keys()];
  }
  checkpoint;
  #matrices = /* @__PURE__ */ new Map();
  #names;
  #last;
  get path() {
    return this.checkpoint.path;
  }
  get names() {
    return this.#names[Symbol.iterator]();
  }
  /** As the file has them: what is there to be read. */
  get byteLength() {
    return this.checkpoint.byteLength;
  }
  has(name2) {
    return this.#matrices.has(name2) || this.checkpoint.has(name2);
  }
  entry(name2) {
    const matrix = this.#matrices.get(name2);
    if (matrix === void 0) return this.checkpoint.entry(name2);
    return { name: name2, type: "F32", shape: matrix.shape, byteLength: 4 * matrix.shape[0] * matrix.shape[1] };
  }
  read(name2, range) {
    const matrix = this.#matrices.get(name2);
    if (matrix === void 0) return this.checkpoint.read(name2, range);
    if (this.#last?.name !== name2) {
      this.#last = void 0;
      const values = matrix.read();
      this.#last = { name: name2, bytes: new Uint8Array(values.buffer) };
    }
    return range === void 0 ? this.#last.bytes : this.#last.bytes.slice(range.start, Math.min(range.end, this.#last.bytes.length));
  }
  locate(name2) {
    return this.#matrices.has(name2) ? void 0 : this.checkpoint.locate(name2);
  }
  close() {
    this.#last = void 0;
    this.checkpoint.close();
  }
  [Symbol.dispose]() {
    this.close();
  }
};

// ../../packages/transformer/src/loading/model-files.ts
function openModelFiles(path2) {
  const ggufPath = findGguf(path2);
  if (ggufPath !== void 0) {
    const { config, checkpoint: checkpoint2, layout, metadata: ggufMetadata, unknownKeys } = openGgufModel(ggufPath);
    return { directory: dirname5(ggufPath), ggufPath, ggufMetadata, config, checkpoint: checkpoint2, layout, unknownKeys, [Symbol.dispose]: () => checkpoint2.close() };
  }
  const checkpoint = SafetensorsCheckpoint.open(path2);
  try {
    const directory = statSync4(path2).isDirectory() ? path2 : dirname5(path2);
    const config = ModelConfig.read(directory);
    const scheme = readQuantisation(config);
    const quantisation = scheme === void 0 ? {} : { quantisation: scheme.text };
    const tensors = scheme === void 0 ? checkpoint : new UnpackedCheckpoint(checkpoint, scheme);
    return { directory, ggufPath, ggufMetadata: void 0, config, checkpoint: tensors, ...quantisation, layout: void 0, unknownKeys: [], [Symbol.dispose]: () => checkpoint.close() };
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}
function findGguf(path2) {
  const status = statSync4(path2, { throwIfNoEntry: false });
  if (status === void 0) return void 0;
  if (!status.isDirectory()) return extname(path2) === ".gguf" || status.isFile() && beginsAsGguf(path2) ? path2 : void 0;
  if (["model.safetensors", "model.safetensors.index.json"].some((name2) => existsSync5(join5(path2, name2)))) return void 0;
  const models = readdirSync(path2).filter((name2) => name2.endsWith(".gguf") && !/-\d{5}-of-\d{5}\.gguf$/.test(name2.replace("-00001-of-", "")));
  if (models.length > 1) {
    throw new CheckpointLayoutError(`${path2} holds ${models.length} GGUF models: ${models.slice(0, 5).join(", ")}.`, "Name one of the files.");
  }
  return models[0] === void 0 ? void 0 : join5(path2, models[0]);
}
function beginsAsGguf(path2) {
  const descriptor = openSync2(path2, "r");
  try {
    const magic2 = Buffer.alloc(4);
    return readSync3(descriptor, magic2, 0, 4, 0) === 4 && magic2.toString("latin1") === "GGUF";
  } finally {
    closeSync2(descriptor);
  }
}

// ../../packages/transformer/src/parallel/overridden.ts
function overridden(target, overrides, ignored = []) {
  return new Proxy(target, {
    get(_, key) {
      if (Object.hasOwn(overrides, key)) return overrides[key];
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set(_, key, value) {
      return ignored.includes(key) || Reflect.set(target, key, value, target);
    }
  });
}

// ../../packages/transformer/src/parallel/led-decoder.ts
function ledDecoder(decoder, leader) {
  const led = /* @__PURE__ */ new WeakMap();
  const own = (cache) => {
    const known3 = led.get(cache);
    if (known3 === void 0) throw new ShapeError("The cache was not made by this model.", "Make it with createCache of the decoder that reads it.");
    return known3;
  };
  const leadCache = (number, cache) => {
    const call = (method, argument = 0) => leader.run({ type: "cache", cache: number, method, argument }, () => method === "makeRoom" || method === "undoStep" ? cache[method](argument) : cache[method]());
    const outer2 = overridden(cache, {
      makeRoom: (tokens) => call("makeRoom", tokens),
      undoStep: (length) => call("undoStep", length),
      forgetTokens: () => call("forgetTokens"),
      dispose: () => call("dispose"),
      [Symbol.dispose]: () => call("dispose"),
      fork: () => forkCache(outer2),
      snapshot: () => void 0,
      requestCheckpoints: () => {
      },
      takeCheckpoints: () => []
    });
    led.set(outer2, { number, cache });
    return outer2;
  };
  const createCache = (options = {}) => {
    const number = leader.number();
    return leadCache(number, leader.run({ type: "create-cache", cache: number, options }, () => decoder.createCache(options)));
  };
  const forkCache = (cache) => {
    const [number, from] = [leader.number(), own(cache)];
    return leadCache(number, leader.run({ type: "fork-cache", cache: number, from: from.number }, () => decoder.forkCache(from.cache)));
  };
  const startPrefill = (settings) => {
    const { sequences, logitsRows, readLogits, observer } = settings;
    if (observer !== void 0) throw new UnsupportedRouterError("Nobody can look on while several ranks read a prompt: each has some of the heads.", "Use one card.");
    const number = leader.number();
    const routers = [...new Set(sequences.flatMap(({ router }) => router ?? []))];
    const command = {
      type: "start-prefill",
      prefill: number,
      sequences: sequences.map((sequence) => {
        const { tokens, cache, router, rotaryLength } = sequence;
        return { tokens: Int32Array.from(tokens), cache: own(cache).number, router: router === void 0 ? void 0 : routers.indexOf(router), rotaryLength };
      }),
      routers: routers.map(descriptionOf),
      logitsRows,
      readsLogits: readLogits !== void 0
    };
    const inner2 = sequences.map((sequence) => ({ ...sequence, cache: own(sequence.cache).cache }));
    const prefill = leader.run(command, () => decoder.startPrefill({ ...settings, sequences: inner2 }));
    const dispose = () => leader.run({ type: "dispose-prefill", prefill: number }, () => prefill[Symbol.dispose]());
    const step = () => {
      try {
        return leader.run({ type: "prefill-step", prefill: number }, () => prefill.step());
      } catch (error) {
        prefill[Symbol.dispose]();
        throw error;
      }
    };
    return overridden(prefill, { step, [Symbol.dispose]: dispose }, ["slicePairs"]);
  };
  const decodeBy = (tokens, caches, step) => {
    const known3 = caches.map(own);
    return leader.run({ type: "decode", tokens: Array.from(tokens), caches: known3.map(({ number }) => number) }, () => step(known3.map(({ cache }) => cache)));
  };
  const outer = overridden(decoder, {
    caches: overridden(decoder.caches, { canResume: false, create: createCache, resume: refuseResume }),
    createCache,
    forkCache,
    startPrefill,
    // Over the steps of the prefill that is started above.
    prefill: (options) => Reflect.apply(decoder.prefill, outer, [options]),
    decode: (tokens, caches) => decodeBy(tokens, caches, (inner2) => decoder.decode(tokens, inner2)),
    readStep: (tokens, caches, read) => decodeBy(tokens, caches, (inner2) => decoder.readStep(tokens, inner2, read)),
    decodeTokens: (tokens, caches, samplers) => outer.readStep(tokens, caches, (logits) => sampleLogits(logits, samplers))
  });
  return outer;
}
function descriptionOf(router) {
  const description = router.describe?.();
  if (description !== void 0) return description;
  throw new UnsupportedRouterError(`Router "${router.name}" decides on one rank only: it says nothing that another rank could make it from.`, "Use one card with it, or give it a describe().");
}
var refuseResume = () => {
  throw new ShapeError("Several ranks do not resume sequences from snapshots.");
};

// ../../packages/transformer/src/parallel/sharded-checkpoint.ts
import { readSync as readSync4 } from "node:fs";
var manyPieces = 16;
var ShardedCheckpoint = class {
  constructor(whole, parts) {
    this.whole = whole;
    this.parts = parts;
  }
  whole;
  parts;
  #pieces = /* @__PURE__ */ new Map();
  get path() {
    return this.whole.path;
  }
  get names() {
    return this.whole.names;
  }
  get byteLength() {
    return this.whole.byteLength;
  }
  has(name2) {
    return this.whole.has(this.#source(name2));
  }
  /** @throws MissingTensorError; InvalidOptionError where the part cuts a block of a quantised tensor */
  entry(name2) {
    return this.#piecesOf(name2)?.entry ?? this.whole.entry(this.#source(name2));
  }
  read(name2, range) {
    if (this.parts.once.has(name2)) {
      const { byteLength } = this.entry(name2);
      return new Uint8Array(range === void 0 ? byteLength : range.end - range.start);
    }
    const pieces = this.#piecesOf(name2);
    const source = this.#source(name2);
    if (pieces === void 0) return this.whole.read(source, range);
    const { start, end } = range ?? { start: 0, end: pieces.entry.byteLength };
    if (!(start >= 0 && start <= end && end <= pieces.entry.byteLength)) throw new ShapeError(`Bytes ${start} to ${end} of ${name2} are outside its ${pieces.entry.byteLength}.`);
    const bytes = new Uint8Array(end - start);
    const copy = this.#reader(source, pieces);
    for (let piece = pieceAt(pieces.places, start); piece < pieces.starts.length && pieces.places[piece] < end; piece++) {
      const [first, last] = [Math.max(start, pieces.places[piece]), Math.min(end, pieces.places[piece + 1])];
      if (first < last) copy(pieces.starts[piece] + first - pieces.places[piece], bytes.subarray(first - start, last - start));
    }
    return bytes;
  }
  locate(name2) {
    if (this.parts.once.has(name2)) return void 0;
    const pieces = this.#piecesOf(name2);
    const place = this.whole.locate(this.#source(name2));
    if (pieces === void 0 || place === void 0) return place;
    return pieces.starts.length === 1 ? { descriptor: place.descriptor, position: place.position + pieces.starts[0] } : void 0;
  }
  /** The files stay their owner's. */
  close() {
    this.#pieces.clear();
  }
  [Symbol.dispose]() {
    this.close();
  }
  #source(name2) {
    return this.parts.aliases.get(name2) ?? name2;
  }
  #piecesOf(name2) {
    const slice = this.parts.slices.get(name2);
    if (slice === void 0) return void 0;
    let pieces = this.#pieces.get(name2);
    if (pieces === void 0) this.#pieces.set(name2, pieces = cut(name2, this.whole.entry(this.#source(name2)), slice));
    return pieces;
  }
  /** What copies bytes of the whole tensor. */
  #reader(name2, { starts }) {
    const place = this.whole.locate(name2);
    if (place !== void 0) return (start, target) => readInto(this.whole, name2, place.descriptor, place.position + start, target);
    if (starts.length < manyPieces) return (start, target) => target.set(this.whole.read(name2, { start, end: start + target.length }));
    const all = this.whole.read(name2);
    return (start, target) => target.set(all.subarray(start, start + target.length));
  }
};
function cut(name2, { type, shape, byteLength }, { axis, ranges }) {
  const size2 = shape[axis];
  const most = Math.max(0, ...ranges.map(([, end]) => end));
  if (size2 === void 0 || most > size2) throw new ShapeError(`${name2} is [${shape.join(", ")}], of which ${most} are asked for in dimension ${axis}.`);
  const blockSize2 = axis === shape.length - 1 ? weightFormats.get(type)?.blockSize ?? 1 : 1;
  if (ranges.some(([start, end]) => start % blockSize2 !== 0 || end % blockSize2 !== 0)) {
    throw new InvalidOptionError(`${name2} is quantised in blocks of ${blockSize2} (${type}), which the shares of the ranks would cut.`, "gpus", "Take another number of ranks, or a file with smaller blocks.");
  }
  const outer = shape.slice(0, axis).reduce((product, length2) => product * length2, 1);
  const unitBytes = byteLength / (outer * size2);
  const starts = new Float64Array(outer * ranges.length);
  const places = new Float64Array(starts.length + 1);
  for (let piece = 0; piece < starts.length; piece++) {
    const [start, end] = ranges[piece % ranges.length];
    starts[piece] = Math.round((Math.floor(piece / ranges.length) * size2 + start) * unitBytes);
    places[piece + 1] = places[piece] + Math.round((end - start) * unitBytes);
  }
  const length = ranges.reduce((sum3, [start, end]) => sum3 + end - start, 0);
  return { entry: { name: name2, type, shape: shape.with(axis, length), byteLength: places.at(-1) }, starts, places };
}
function pieceAt(places, byte) {
  let [low, high] = [0, places.length - 1];
  while (low + 1 < high) {
    const middle = low + high >> 1;
    if (places[middle] <= byte) low = middle;
    else high = middle;
  }
  return low;
}
function readInto(checkpoint, name2, descriptor, position, target) {
  for (let done = 0; done < target.length; ) {
    const count = readSync4(descriptor, target, done, target.length - done, position + done);
    if (count === 0) throw new ModelConfigError(`${checkpoint.path} ends within ${name2}.`, "The checkpoint was changed while it was read; download it again.");
    done += count;
  }
}

// ../../packages/transformer/src/parallel/tensor-slices.ts
function tensorSlices(adapter, spec, shard) {
  const slices = /* @__PURE__ */ new Map();
  const once = /* @__PURE__ */ new Set();
  const aliases = /* @__PURE__ */ new Map();
  const rows2 = (name2, ranges) => {
    slices.set(name2, { axis: 0, ranges });
    slices.set(biasName(name2), { axis: 0, ranges });
  };
  const columns = (name2, ranges) => {
    slices.set(name2, { axis: 1, ranges });
    if (shard.rank > 0) once.add(biasName(name2));
  };
  for (const { role, layer, expert } of expectedTensors(adapter, spec)) {
    const name2 = adapter.weightName(role, layer, expert);
    const heads = headRanges(spec, shard, layer);
    const features = shard.features[layer] ?? [0, 0];
    const { intermediateSize } = spec.layers[layer].feedForward;
    switch (role) {
      case "query":
        rows2(name2, heads.queries);
        break;
      case "key":
      case "value":
        rows2(name2, heads.keys);
        break;
      case "queryKeyValue":
        rows2(name2, heads.fused);
        break;
      case "attentionOutput":
        columns(name2, heads.queries);
        break;
      case "sinks":
        slices.set(name2, { axis: 0, ranges: shard.queryHeads[layer].map((head) => [head, head + 1]) });
        break;
      case "gate":
      case "up":
      case "expertGate":
      case "expertUp":
        rows2(name2, [features]);
        break;
      case "gateUp":
        rows2(name2, [features, shifted(features, intermediateSize)]);
        break;
      case "down":
      case "expertDown":
        columns(name2, [features]);
        break;
      case "output":
        rows2(name2, [shard.vocabulary]);
        break;
      default:
        break;
    }
  }
  if (spec.tiedEmbeddings) {
    const output = adapter.weightName("output", 0);
    aliases.set(output, adapter.weightName("embedding", 0));
    slices.set(output, { axis: 0, ranges: [shard.vocabulary] });
  }
  if (adapter.expertLayout === "joined") for (const layer of spec.layers.keys()) addJoinedExperts(adapter, spec, shard, layer, slices, once);
  return { slices, once, aliases };
}
function addJoinedExperts(adapter, spec, shard, layer, slices, once) {
  const { feedForward: feedForward2 } = spec.layers[layer];
  if (feedForward2.kind !== "experts") return;
  const [start, end] = shard.features[layer];
  const inner2 = feedForward2.gated ? [2 * start, 2 * end] : [start, end];
  const [gateUp, down] = [adapter.weightName("expertGateUp", layer), adapter.weightName("expertDown", layer)];
  slices.set(gateUp, { axis: 2, ranges: [inner2] });
  for (const part of ["_blocks", "_scales", "_bias"]) slices.set(gateUp + part, { axis: 1, ranges: [inner2] });
  slices.set(down, { axis: 1, ranges: [[start, end]] });
  for (const part of ["_blocks", "_scales"]) slices.set(down + part, { axis: 2, ranges: [[start / 32, end / 32]] });
  if (shard.rank > 0) once.add(`${down}_bias`);
}
function headRanges({ headDim, numQueryHeads, numKeyValueHeads }, { queryHeads, keyValueHeads }, layer) {
  const rangesOf = (heads = []) => joined(heads.map((head) => [head * headDim, (head + 1) * headDim]));
  const [queries2, keys2] = [rangesOf(queryHeads[layer]), rangesOf(keyValueHeads[layer])];
  const [firstKey, firstValue] = [numQueryHeads * headDim, (numQueryHeads + numKeyValueHeads) * headDim];
  const behind = (by) => keys2.map((range) => shifted(range, by));
  return { queries: queries2, keys: keys2, fused: [...queries2, ...behind(firstKey), ...behind(firstValue)] };
}
function shifted([start, end], by) {
  return [start + by, end + by];
}
function joined(ranges) {
  const result = [];
  for (const [start, end] of ranges) {
    const last = result.at(-1);
    if (last !== void 0 && last[1] === start) result[result.length - 1] = [last[0], end];
    else result.push([start, end]);
  }
  return result;
}

// ../../packages/transformer/src/parallel/model-share.ts
function shareOfModel(model, ranks2) {
  if (ranks2 === void 0) return model;
  const { checkpoint, adapter, spec } = model;
  const shard = shardModel(spec, ranks2.size, { featureUnit: featureUnit(model) })[ranks2.rank];
  return { checkpoint: new ShardedCheckpoint(checkpoint, tensorSlices(adapter, spec, shard)), adapter, spec: shardSpec(spec, shard), ranks: ranks2 };
}
function featureUnit({ checkpoint, adapter, spec }) {
  let unit2 = 1;
  for (const { role, layer, expert } of expectedTensors(adapter, spec)) {
    if (role !== "down" && role !== "expertDown") continue;
    const name2 = adapter.weightName(role, layer, expert);
    if (checkpoint.has(name2)) unit2 = Math.max(unit2, weightFormats.get(checkpoint.entry(name2).type)?.blockSize ?? 1);
  }
  const isPacked = adapter.expertLayout === "joined" && spec.layers.some((_, layer) => checkpoint.has(`${adapter.weightName("expertDown", layer)}_blocks`));
  return isPacked ? Math.max(unit2, 32) : unit2;
}

// ../../packages/transformer/src/parallel/settled.ts
function settled(ranks2, work) {
  let result;
  try {
    result = work();
  } catch (error) {
    throw settleFailure(ranks2, error);
  }
  const failure = settleSuccess(ranks2);
  if (failure === void 0) return result;
  result?.[Symbol.dispose]?.();
  throw failure;
}
function settleSuccess(ranks2) {
  return causeOf(ranks2.settle(encodeMessage(void 0)));
}
function settleFailure(ranks2, error) {
  const own = recordError(error);
  const cause = causeOf(ranks2.settle(encodeMessage(own)));
  return isConsequence(own) ? cause ?? error : error;
}
function causeOf(outcomes) {
  const records = outcomes.map((bytes) => decodeMessage(bytes));
  const failed = records.flatMap((record2, rank3) => record2 === void 0 ? [] : [{ record: record2, rank: rank3 }]);
  const first = failed.find(({ record: record2 }) => !isConsequence(record2)) ?? failed[0];
  if (first === void 0) return void 0;
  const { record, rank: rank2 } = first;
  return reviveError(record) ?? new EngineWorkerError(`Rank ${rank2} has failed: ${record.name}: ${record.message}`);
}
function isConsequence({ name: name2 }) {
  return name2 === RankFailedError.name;
}

// ../../packages/transformer/src/parallel/rank-follower.ts
var nothing = new Uint8Array(0);
var RankFollower = class {
  constructor(ranks2, decoder, learned) {
    this.ranks = ranks2;
    this.decoder = decoder;
    this.learned = learned;
  }
  ranks;
  decoder;
  learned;
  #caches = /* @__PURE__ */ new Map();
  #prefills = /* @__PURE__ */ new Map();
  /** Until the first rank is done with the model; blocks the thread. A step that fails is the first rank's to judge. */
  follow() {
    var _stack = [];
    try {
      const owned = __using(_stack, new MemoryScope());
      owned.track({ [Symbol.dispose]: () => this.#disposeAll() });
      for (; ; ) {
        const command = decodeMessage(this.ranks.allGather(nothing)[0]);
        try {
          settled(this.ranks, () => this.#execute(command));
        } catch {
          this.#failed(command);
        }
        if (command.type === "end") return;
      }
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  #execute(command) {
    switch (command.type) {
      case "create-cache":
        this.#caches.set(command.cache, this.decoder.createCache(command.options));
        return;
      case "fork-cache":
        this.#caches.set(command.cache, this.decoder.forkCache(this.#cache(command.from)));
        return;
      case "cache":
        return this.#callCache(command);
      case "start-prefill":
        return this.#startPrefill(command);
      case "prefill-step":
        return this.#step(command.prefill);
      case "dispose-prefill":
        return this.#disposePrefill(command.prefill);
      case "decode":
        return this.decoder.readStep(command.tokens, command.caches.map((cache) => this.#cache(cache)), () => {
        });
      case "end":
        return;
    }
  }
  /** What a failed command leaves on the first rank it leaves here. */
  #failed(command) {
    if (command.type === "create-cache" || command.type === "fork-cache") {
      this.#caches.get(command.cache)?.dispose();
      this.#caches.delete(command.cache);
    }
    if (command.type === "start-prefill" || command.type === "prefill-step") this.#disposePrefill(command.prefill);
  }
  #callCache({ cache, method, argument }) {
    const target = this.#cache(cache);
    if (method === "makeRoom" || method === "undoStep") target[method](argument);
    else target[method]();
  }
  #startPrefill({ prefill, sequences, routers: descriptions, logitsRows, readsLogits }) {
    const routers = descriptions.map((description) => describedRouter(description, this.learned));
    const started = this.decoder.startPrefill({
      sequences: sequences.map(({ tokens, cache, router, rotaryLength }) => ({
        tokens,
        cache: this.#cache(cache),
        ...router === void 0 ? {} : { router: routers[router] },
        ...rotaryLength === void 0 ? {} : { rotaryLength }
      })),
      ...logitsRows === void 0 ? {} : { logitsRows },
      ...readsLogits ? { readLogits: () => {
      } } : {}
    });
    this.#prefills.set(prefill, started);
  }
  #step(number) {
    const prefill = this.#prefills.get(number);
    if (!prefill.step()) prefill.result.logits.dispose();
  }
  #disposePrefill(number) {
    this.#prefills.get(number)?.[Symbol.dispose]();
    this.#prefills.delete(number);
  }
  #cache(number) {
    return this.#caches.get(number);
  }
  #disposeAll() {
    var _stack = [];
    try {
      const scope = __using(_stack, new MemoryScope());
      for (const cache of this.#caches.values()) scope.track(cache);
      for (const prefill of this.#prefills.values()) scope.track(prefill);
      this.#caches.clear();
      this.#prefills.clear();
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
};

// ../../packages/transformer/src/parallel/rank-leader.ts
var RankLeader = class {
  constructor(ranks2) {
    this.ranks = ranks2;
  }
  ranks;
  #numbers = 0;
  #busy = false;
  #ended = false;
  /** A number for a new cache or prefill. */
  number() {
    return this.#numbers++;
  }
  /**
   * Has every rank do a piece of work, this one too. What the work itself calls is part of it on every rank, and is not told.
   * @throws as `settled`
   */
  run(command, work) {
    if (this.#busy || this.#ended) return work();
    this.#busy = true;
    try {
      this.ranks.allGather(encodeMessage(command));
      return settled(this.ranks, work);
    } finally {
      this.#busy = false;
    }
  }
  /** The other ranks give their models back. */
  [Symbol.dispose]() {
    if (this.#ended) return;
    this.run({ type: "end" }, () => {
    });
    this.#ended = true;
  }
};

// ../../packages/transformer/src/loading/router-file.ts
import { existsSync as existsSync6 } from "node:fs";
import { join as join6 } from "node:path";
var routerFileName = "routers.safetensors";
var trainedFileHint = "Name a file that `elastic-attention train` wrote.";
function routerFileOf(directory, asked) {
  const beside = join6(directory, routerFileName);
  return asked ?? (existsSync6(beside) ? beside : void 0);
}
function hasOwnRouters({ config, checkpoint }, adapter, spec) {
  const isIn = (layer) => hasRouterWeights(checkpoint, adapter.weightName("router", layer));
  return config.architecture.startsWith("Paw") || routedLayers(spec).some(isIn);
}
function loadRouters(checkpoint, adapter, spec, backend2) {
  const layers = [];
  try {
    for (const layer of routedLayers(spec)) {
      layers.push(loadRouterWeights(checkpoint, adapter.weightName("router", layer), backend2, spec.headDim, hostFloats));
    }
    return layers;
  } catch (error) {
    for (const weights of layers) weights[Symbol.dispose]();
    throw error;
  }
}
function loadRouterFile(path2, adapter, spec, backend2) {
  var _stack = [];
  try {
    if (!existsSync6(path2)) throw new UnsupportedRouterError(`${path2} does not exist.`, trainedFileHint);
    const file = __using(_stack, SafetensorsFile.open(path2));
    const given = file.metadata.get("elastic");
    const checkpoint = __using(_stack, SafetensorsCheckpoint.open(path2));
    const routed = routedLayers(spec);
    const has = (layer) => hasRouterWeights(checkpoint, adapter.weightName("router", layer));
    if (!Array.from({ length: spec.numLayers }, (_2, layer) => layer).some(has)) {
      throw new UnsupportedRouterError(`${path2} holds no routers for a model of this layout.`, trainedFileHint);
    }
    const missing = routed.find((layer) => !has(layer));
    if (missing !== void 0 || has(spec.numLayers)) {
      const count = missing === void 0 ? `more than ${spec.numLayers}` : `${routed.indexOf(missing)}`;
      throw new ShapeError(`${path2} holds routers of ${count} layers, the model has ${routed.length} that a router decides about.`);
    }
    const config = given === void 0 ? void 0 : elasticConfig(path2, given, spec.architecture);
    const elastic = config === void 0 ? void 0 : elasticSettings(config);
    return { layers: loadRouters(checkpoint, adapter, spec, backend2), elastic };
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function elasticSettings(config) {
  const spec = parseElastic(config);
  return spec === void 0 ? void 0 : { spec, sizes: elasticSizes(config), pooling: parseRouterPooling(config) };
}
function elasticConfig(path2, text, architecture) {
  try {
    return new ModelConfig({ ...JSON.parse(text), architectures: [architecture] }, `${path2}: elastic`);
  } catch (cause) {
    throw new UnsupportedRouterError(`${path2}: its elastic settings are not JSON: ${cause.message}.`);
  }
}

// ../../packages/transformer/src/loading/pretrained-model.ts
var PretrainedModel = class _PretrainedModel {
  constructor(directory, ggufPath, config, adapter, spec, decoder, weights, settings, routerWeights, routerFile, notes, scope) {
    this.directory = directory;
    this.ggufPath = ggufPath;
    this.config = config;
    this.adapter = adapter;
    this.spec = spec;
    this.weights = weights;
    this.settings = settings;
    this.routerWeights = routerWeights;
    this.routerFile = routerFile;
    this.notes = notes;
    this.scope = scope;
    this.#decoder = decoder;
  }
  directory;
  ggufPath;
  config;
  adapter;
  spec;
  weights;
  settings;
  routerWeights;
  routerFile;
  notes;
  scope;
  #decoder;
  /**
   * Where several ranks open it, it is open on all of them or on none.
   * @throws the errors of `openModelFiles` and `checkModel`, OutOfMemoryError; InvalidOptionError for a number of ranks that does
   *   not divide the model
   */
  static async open(options) {
    const { ranks: ranks2 } = options;
    if (ranks2 === void 0) return _PretrainedModel.#open(options);
    let model;
    try {
      model = await _PretrainedModel.#open(options);
    } catch (error) {
      throw settleFailure(ranks2, error);
    }
    const failure = settleSuccess(ranks2);
    if (failure !== void 0) {
      model[Symbol.dispose]();
      throw failure;
    }
    if (ranks2.rank === 0) model.#decoder = ledDecoder(model.#decoder, model.scope.track(new RankLeader(ranks2)));
    return model;
  }
  static async #open(options) {
    var _stack = [];
    try {
      const { path: path2, backend: backend2 } = options;
      const opened = __using(_stack, options.checked === void 0 ? openModelFiles(path2) : void 0);
      const { files, adapter, spec, notes } = options.checked ?? checkModel(opened, options.adapter);
      const { directory, ggufPath, config, checkpoint } = files;
      const own = { spec: spec.elastic, sizes: elasticSizes(config), pooling: parseRouterPooling(config) };
      const dtype2 = options.dtype ?? (options.weights === "f32" ? "f32" : computeDType(spec));
      const scope = __using(_stack, new MemoryScope());
      const file = routerFileOf(directory, options.routers);
      const { layers, elastic } = file === void 0 ? { layers: ownRouters(files, adapter, spec, backend2), elastic: void 0 } : loadRouterFile(file, adapter, spec, backend2);
      for (const layer of layers) scope.track(layer);
      const share = shareOfModel({ checkpoint, adapter, spec }, options.ranks);
      const plan = WeightPlan.of({ ...share, dtype: dtype2, backend: backend2, weights: chosenWeights(options.weights ?? "unpacked", options.dtype), quantisation: files.quantisation });
      checkMemory(backend2, plan, path2);
      const decoder = scope.track(await DecoderModel.load({ ...options, ...share, dtype: dtype2, plan }));
      const { spec: modes, ...settings } = elastic ?? own;
      const told = [...notes, plan.note, decodeGraphNote(backend2, spec)].filter((note2) => note2 !== void 0);
      return new _PretrainedModel(directory, ggufPath, config, adapter, { ...spec, elastic: modes }, decoder, plan.text, settings, layers, file, told, scope.move());
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /** A model of some shape with random weights, made where it computes: for measurements. @throws OutOfMemoryError */
  static random({ sizes = publishedSizes, ...options }) {
    var _stack = [];
    try {
      const { spec } = options;
      const config = new ModelConfig({ architectures: [spec.architecture] }, "random weights");
      const settings = { sizes, pooling: { kind: "boundary", tokens: 100 } };
      const scope = __using(_stack, new MemoryScope());
      const decoder = scope.track(DecoderModel.random(options));
      return new _PretrainedModel("", void 0, config, void 0, spec, decoder, options.dtype, settings, [], void 0, [], scope.move());
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /** Over the backend; its figures are those of a rank's share where several ranks have the model. */
  get decoder() {
    return this.#decoder;
  }
  /** Does what the first rank asks for, with this rank's share of the model, until that one gives its model back; blocks the thread. */
  follow(ranks2) {
    const learned = ({ retrievalMode, sparseMode, tieRule }) => {
      const router = this.learnedRouter(retrievalMode, sparseMode, tieRule);
      if (router === void 0) throw new UnsupportedRouterError("The first rank's model has routers, this one's has none.", "Give all ranks the same files.");
      return router;
    };
    new RankFollower(ranks2, this.#decoder, learned).follow();
  }
  /** Sizes of the sparse modes that its routers were trained for. */
  get sizes() {
    return this.settings.sizes;
  }
  get hasLearnedRouter() {
    return this.routerWeights.length > 0;
  }
  /** The model's own router between two modes; undefined when it has none. Its weights are the model's. */
  learnedRouter(retrievalMode, sparseMode, tieRule = "float32") {
    if (!this.hasLearnedRouter) return void 0;
    const routed = routedLayers(this.spec);
    const layers = this.spec.layers.map((_, layer) => this.routerWeights[routed.indexOf(layer)]);
    return new LearnedRouter({ layers, retrievalMode, sparseMode, tieRule, pooling: this.settings.pooling });
  }
  [Symbol.dispose]() {
    this.scope.dispose();
  }
};
function ownRouters(files, adapter, spec, backend2) {
  return hasOwnRouters(files, adapter, spec) ? loadRouters(files.checkpoint, adapter, spec, backend2) : [];
}
function checkMemory(backend2, { byteLength: needed, text }, path2) {
  const { liveBytes, limitBytes } = backend2.memory();
  if (limitBytes === void 0 || liveBytes + needed <= limitBytes) return;
  throw new OutOfMemoryError(backend2.name, needed, liveBytes, limitBytes, `the weights of ${path2} in ${text}`, "Take a smaller model, or a device or limit with more memory.");
}

// ../../packages/transformer/src/model/layer-types.ts
var layerTypes = ["full_attention", "sliding_attention"];
function readLayerTypes(config, isSliding) {
  const numLayers = config.count("num_hidden_layers");
  if (isSliding === void 0 || !config.has("layer_types")) {
    return Array.from({ length: numLayers }, (_, layer) => isSliding?.(layer) === true ? "sliding_attention" : "full_attention");
  }
  const types = config.choices("layer_types", layerTypes);
  if (types.length !== numLayers) throw config.error("layer_types", `a list of ${numLayers}, one for each layer`);
  return types;
}
function usesWindows(config) {
  if (config.boolean("use_sliding_window", false)) return config.has("sliding_window");
  if (config.has("layer_types") && config.choices("layer_types", layerTypes).includes("sliding_attention")) {
    throw config.error("layer_types", "full_attention throughout, as use_sliding_window is false");
  }
  config.disregard("sliding_window");
  return false;
}
function layerWindows(config, types, fallback) {
  if (!types.includes("sliding_attention")) return types.map(() => void 0);
  const window = config.count("sliding_window", fallback);
  return types.map((type) => type === "sliding_attention" ? window : void 0);
}

// ../../packages/transformer/src/model/rope/context-length.ts
var longestDynamicSequence = 2 ** 20;
function contextLength(config, rope, isOneForAll) {
  const given = config.count("max_position_embeddings");
  switch (rope?.type) {
    case "yarn":
      return Math.max(given, Math.round(rope.originalContextLength * rope.factor));
    case "linear":
      return isOneForAll ? Math.max(given, Math.round(given * rope.factor)) : given;
    case "dynamic":
      return Math.max(given, longestDynamicSequence);
    default:
      return given;
  }
}

// ../../packages/transformer/src/model/rope/parse-rope.ts
var scalings = ["default", "linear", "divided", "dynamic", "llama3", "yarn", "longrope", "su"];
function parseRopes(config, headDim, traits = {}) {
  const parameters = config.section("rope_parameters");
  const scaling = config.section("rope_scaling");
  if (parameters === void 0 || !isNested(parameters)) {
    const rope = parseRope(config, headDim, traits);
    const { sliding } = traits;
    if (sliding === void 0) return () => rope;
    const { rotatedDim, pairs } = rope;
    const local = { type: "default", theta: config.number(sliding.key, sliding.theta), rotatedDim, pairs };
    return (type) => type === "sliding_attention" ? local : rope;
  }
  if (scaling !== void 0) throw config.error("rope_scaling", "absent, as rope_parameters has every layer type's own");
  const ropes = layerTypes.map((type) => {
    const section = parameters.section(type);
    return section === void 0 ? void 0 : ropeOf(config, section, headDim, traits);
  });
  return (type) => {
    const rope = ropes[layerTypes.indexOf(type)];
    if (rope === void 0) throw parameters.error(type, "an object, as a layer is of this type");
    return rope;
  };
}
function isByLayerType(config, { sliding } = {}) {
  const parameters = config.section("rope_parameters");
  return sliding !== void 0 || parameters !== void 0 && isNested(parameters);
}
function isNested(parameters) {
  return layerTypes.some((type) => parameters.has(type));
}
function parseRope(config, headDim, traits = {}) {
  const parameters = config.section("rope_parameters");
  const scaling = config.section("rope_scaling");
  const rope = ropeOf(config, scaling ?? parameters, headDim, traits);
  if (scaling !== void 0 && parameters?.has("rope_theta") === true && parameters.number("rope_theta") !== rope.theta) {
    throw parameters.error("rope_theta", `the ${rope.theta} that rope_scaling is used with, which wins over rope_parameters`);
  }
  return rope;
}
function ropeOf(config, section, headDim, traits) {
  const ownTheta = config.number("rope_theta", traits.theta ?? 1e4);
  const theta = section?.number("rope_theta", ownTheta) ?? ownTheta;
  if (!(theta > 0)) throw (section?.has("rope_theta") === true ? section : config).error("rope_theta", "above 0");
  const rotatedDim = rotatedDimensions2(config, section, headDim, traits.partialFactor);
  const scaling = parseScaling(config, section ?? new ModelConfig({}, config.path), rotatedDim);
  return { theta, rotatedDim, pairs: traits.pairs ?? "halves", ...scaling };
}
function rotatedDimensions2(config, section, headDim, fallback) {
  const outer = config.number("partial_rotary_factor", fallback ?? 1);
  const factor = section?.number("partial_rotary_factor", outer) ?? outer;
  const where = section?.has("partial_rotary_factor") === true ? section : config;
  const rotated = Math.trunc(headDim * factor);
  if (config.has("partial_rotary_factor") && factor !== outer) throw where.error("partial_rotary_factor", `the ${outer} of the outer key`);
  if (fallback === void 0 && factor !== 1) throw where.error("partial_rotary_factor", "1 in a model of this architecture");
  if (!(rotated >= 2 && rotated <= headDim) || rotated % 2 !== 0) {
    throw where.error("partial_rotary_factor", `a share that gives an even number of the ${headDim} dimensions of a head`);
  }
  return rotated;
}
function parseScaling(config, section, rotatedDim) {
  const key = section.has("rope_type") ? "rope_type" : "type";
  const named2 = section.choice(key, scalings, "default");
  const type = named2 === "su" || named2 === "yarn" && section.has("short_factor") ? "longrope" : named2;
  switch (type) {
    case "default":
      config.disregard("original_max_position_embeddings");
      return { type };
    case "divided":
      return { type, divisors: perPair(section, "divisors", rotatedDim) };
    case "linear":
      return { type, factor: positive(section, "factor") };
    case "dynamic":
      if (rotatedDim < 4) throw section.error(key, "another type for heads of which two dimensions turn");
      return { type, factor: positive(section, "factor"), originalContextLength: config.count("max_position_embeddings") };
    case "llama3":
      return {
        type,
        factor: positive(section, "factor"),
        originalContextLength: originalLength(config, section),
        lowFrequencyFactor: section.number("low_freq_factor"),
        highFrequencyFactor: section.number("high_freq_factor")
      };
    case "yarn":
      return parseYarn(config, section);
    case "longrope":
      return parseLongrope(config, section, rotatedDim);
  }
}
function parseYarn(config, section) {
  const originalContextLength = originalLength(config, section);
  const factor = section.has("factor") ? positive(section, "factor") : config.count("max_position_embeddings") / originalContextLength;
  const magnitude = (scale2) => factor <= 1 ? 1 : 0.1 * scale2 * Math.log(factor) + 1;
  const [mscale, mscaleAllDim] = [section.number("mscale", 0), section.number("mscale_all_dim", 0)];
  const usual = mscale !== 0 && mscaleAllDim !== 0 ? magnitude(mscale) / magnitude(mscaleAllDim) : magnitude(1);
  return {
    type: "yarn",
    factor,
    originalContextLength,
    attentionFactor: section.number("attention_factor", usual),
    betaFast: section.number("beta_fast", 32),
    betaSlow: section.number("beta_slow", 1),
    truncate: section.boolean("truncate", true)
  };
}
function parseLongrope(config, section, rotatedDim) {
  const originalContextLength = originalLength(config, section);
  const factor = section.number("factor", config.count("max_position_embeddings") / originalContextLength);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContextLength));
  return {
    type: "longrope",
    shortFactors: perPair(section, "short_factor", rotatedDim),
    longFactors: perPair(section, "long_factor", rotatedDim),
    originalContextLength,
    attentionFactor: section.number("attention_factor", usual)
  };
}
function originalLength(config, section) {
  const inside = section.count("original_max_position_embeddings", config.count("max_position_embeddings"));
  return config.count("original_max_position_embeddings", inside);
}
function perPair(section, key, rotatedDim) {
  const values = section.numbers(key);
  if (values.length !== rotatedDim / 2 || !values.every((value) => value > 0)) {
    throw section.error(key, `a list of ${rotatedDim / 2} numbers above 0, one for each pair`);
  }
  return values;
}
function positive(section, key) {
  const value = section.number(key);
  if (!(value > 0)) throw section.error(key, "above 0");
  return value;
}

// ../../packages/transformer/src/model/huggingface-spec.ts
function huggingFaceSpec(config, traits = {}) {
  const { norm = {}, feedForward: feedForward2, rope, hasRope = () => true, isSliding, window, mlpBias: mlpBias2, gated: gated2, activationKey, activation, headDim: usualHeadDim, tiedEmbeddings = false, ...common } = traits;
  const [hiddenSize, numQueryHeads] = [config.count("hidden_size"), config.count("num_attention_heads")];
  const numKeyValueHeads = config.count("num_key_value_heads", numQueryHeads);
  if (numQueryHeads % numKeyValueHeads !== 0) {
    throw config.error("num_key_value_heads", `a divisor of num_attention_heads (${numQueryHeads})`);
  }
  const headDim = config.has("head_dim") || usualHeadDim !== void 0 ? config.count("head_dim", usualHeadDim) : hiddenSize / numQueryHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) throw config.error("head_dim", "an even whole number");
  const types = readLayerTypes(config, isSliding);
  const windows3 = layerWindows(config, types, window);
  const ropeOf2 = parseRopes(config, headDim, rope);
  const dense = () => ({
    kind: "dense",
    intermediateSize: config.count("intermediate_size"),
    activation: readActivation(config, activationKey, activation),
    gated: gated2 ?? true,
    bias: mlpBias2 ?? false
  });
  const typed = types.map((type2, layer) => ({
    rope: hasRope(layer, type2) ? ropeOf2(type2) : void 0,
    window: windows3[layer],
    feedForward: (feedForward2 ?? dense)(layer)
  }));
  const longest = contextLength(config, globalRope(typed), !isByLayerType(config, rope));
  const layers = typed.map((layer) => ({ ...layer, window: layer.window !== void 0 && layer.window < longest ? layer.window : void 0 }));
  const type = config.string(config.has("dtype") ? "dtype" : "torch_dtype", "float32");
  return {
    ...plainTraits,
    attentionScale: headDim ** -0.5,
    ...common,
    architecture: config.architecture,
    vocabularySize: config.count("vocab_size"),
    hiddenSize,
    numLayers: layers.length,
    numQueryHeads,
    numKeyValueHeads,
    headDim,
    contextLength: longest,
    layers,
    norm: { kind: "rms", epsilon: config.number("rms_norm_eps", 1e-6), gainFromOne: false, bias: false, ...norm },
    tiedEmbeddings: config.boolean("tie_word_embeddings", tiedEmbeddings),
    beginOfTextId: config.tokenIds("bos_token_id")[0],
    endOfTextIds: config.tokenIds("eos_token_id"),
    checkpointDType: type === "bfloat16" ? "bf16" : type === "float16" ? "f16" : "f32",
    elastic: parseElastic(config)
  };
}
var plainTraits = {
  normPlaces: "before",
  parallelParts: false,
  queryKeyNorm: "none",
  queryKeyValueBias: false,
  attentionOutputBias: false,
  attentionSoftCap: void 0,
  attentionSinks: false,
  queryScaling: void 0,
  embeddingScale: 1,
  residualScale: 1,
  logitsScale: 1,
  logitsSoftCap: void 0
};
function globalRope(layers) {
  return (layers.find(({ rope, window }) => rope !== void 0 && window === void 0) ?? layers.find(({ rope }) => rope !== void 0))?.rope;
}
var activations2 = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "geluTanh",
  gelu_fast: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  relu: "relu",
  relu2: "reluSquared"
};
function readActivation(config, key = "hidden_act", fallback = "silu") {
  return activations2[config.choice(key, Object.keys(activations2), fallback)];
}

// ../../packages/model-qwen/src/qwen-adapter.ts
function slidingLayers2(config) {
  const firstSliding = config.number("max_window_layers", 28);
  const slides = usesWindows(config);
  return (layer) => slides && layer >= firstSliding;
}
var qwen2Adapter = {
  name: "qwen2",
  architectures: ["Qwen2ForCausalLM"],
  matches: (config) => config.architecture === "Qwen2ForCausalLM",
  spec: (config) => huggingFaceSpec(config, { queryKeyValueBias: true, isSliding: slidingLayers2(config) }),
  weightName: huggingFaceWeightName
};
var qwen3Architectures = ["Qwen3ForCausalLM", "PawQwen3ForCausalLM"];
var qwen3Adapter = {
  name: "qwen3",
  architectures: qwen3Architectures,
  matches: (config) => qwen3Architectures.includes(config.architecture),
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    const biases = { queryKeyValueBias: attentionBias2, attentionOutputBias: attentionBias2 };
    return huggingFaceSpec(config, { ...biases, queryKeyNorm: "head", isSliding: slidingLayers2(config) });
  },
  weightName: huggingFaceWeightName
};
function registerQwen() {
  registerModelAdapter(qwen2Adapter);
  registerModelAdapter(qwen3Adapter);
}

// ../../packages/model-llama/src/llama-adapter.ts
var architectures2 = ["LlamaForCausalLM", "PawLlamaForCausalLM"];
var llamaAdapter = {
  name: "llama",
  architectures: architectures2,
  matches: (config) => architectures2.includes(config.architecture),
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    const mlpBias2 = config.boolean("mlp_bias", false);
    return huggingFaceSpec(config, { queryKeyValueBias: attentionBias2, attentionOutputBias: attentionBias2, mlpBias: mlpBias2 });
  },
  weightName: huggingFaceWeightName
};
function registerLlama() {
  registerModelAdapter(llamaAdapter);
}

// ../../packages/model-families/src/cohere/cohere-adapter.ts
var cohere2Adapter = {
  name: "cohere2",
  architectures: ["Cohere2ForCausalLM"],
  matches: (config) => config.architecture === "Cohere2ForCausalLM",
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    const pattern = config.count("sliding_window_pattern", config.count("_sliding_window_pattern", 4));
    describedElsewhere(config);
    return huggingFaceSpec(config, {
      parallelParts: true,
      queryKeyValueBias: attentionBias2,
      attentionOutputBias: attentionBias2,
      norm: { kind: "layer", epsilon: config.number("layer_norm_eps", 1e-5) },
      rope: { pairs: "neighbours" },
      hasRope: (_layer, type) => type === "sliding_attention",
      isSliding: (layer) => (layer + 1) % pattern !== 0,
      window: 4096,
      logitsScale: config.number("logit_scale", 0.0625),
      tiedEmbeddings: true
    });
  },
  weightName: huggingFaceWeightName
};
function describedElsewhere(config) {
  const described = {
    position_embedding_type: "rope_gptj",
    order_of_interleaved_layers: "local_attn_first",
    rotary_pct: 1,
    use_embedding_sharing: true,
    use_gated_activation: true,
    use_parallel_block: true,
    use_qk_norm: false
  };
  for (const [key, expected] of Object.entries(described)) {
    if (config.has(key) && config.value(key) !== expected) throw config.error(key, JSON.stringify(expected));
  }
  config.disregard("layer_switch", "use_parallel_embedding");
}

// ../../packages/model-families/src/exaone/exaone-adapter.ts
var exaone4Adapter = {
  name: "exaone4",
  architectures: ["Exaone4ForCausalLM"],
  matches: (config) => config.architecture === "Exaone4ForCausalLM",
  spec: (config) => {
    const pattern = slidingPattern(config);
    const slides = config.has("sliding_window");
    return huggingFaceSpec(config, {
      queryKeyNorm: "head",
      normPlaces: "after",
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) },
      isSliding: (layer) => slides && pattern(layer),
      hasRope: (_layer, type) => !slides || type === "sliding_attention"
    });
  },
  weightName: huggingFaceNames(feedForwardNormNames)
};
function slidingPattern(config) {
  const key = "sliding_window_pattern";
  if (typeof config.value(key) !== "string") {
    const every = config.has(key) ? config.count(key) : 4;
    return (layer) => (layer + 1) % every !== 0;
  }
  const pattern = config.string(key);
  if (!/^[LG]+$/.test(pattern)) throw config.error(key, "a number, or letters L and G");
  return (layer) => pattern[layer % pattern.length] === "L";
}

// ../../packages/model-families/src/gemma/gemma-adapter.ts
var weightName = huggingFaceNames(feedForwardNormNames);
var gemma2Adapter = {
  name: "gemma2",
  architectures: ["Gemma2ForCausalLM"],
  matches: (config) => config.architecture === "Gemma2ForCausalLM",
  spec: (config) => huggingFaceSpec(config, {
    ...gemmaTraits(config),
    attentionSoftCap: config.numberOrNull("attn_logit_softcapping", 50),
    logitsSoftCap: config.numberOrNull("final_logit_softcapping", 30),
    isSliding: (layer) => layer % 2 === 0
  }),
  weightName
};
var gemma3Adapter = {
  name: "gemma3",
  architectures: ["Gemma3ForCausalLM"],
  matches: (config) => config.architecture === "Gemma3ForCausalLM",
  spec: gemma3Spec,
  weightName
};
var textDefaults = {
  architectures: ["Gemma3ForCausalLM"],
  vocab_size: 262208,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  max_position_embeddings: 131072
};
var gemma3ImageTextAdapter = {
  name: "gemma3-image-text",
  architectures: ["Gemma3ForConditionalGeneration"],
  matches: (config) => config.architecture === "Gemma3ForConditionalGeneration",
  spec: (config) => {
    const text = config.section("text_config", { ...textDefaults, ...outerDefaults(config) });
    if (text === void 0) throw config.error("text_config", "an object");
    config.disregard("vision_config", "mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index", "boi_token_id", "eoi_token_id", "image_token_id");
    return { ...gemma3Spec(text), architecture: config.architecture };
  },
  weightName: (...role) => `language_model.${weightName(...role)}`
};
function outerDefaults(config) {
  const keys2 = ["dtype", "torch_dtype", "bos_token_id", "eos_token_id", "tie_word_embeddings"].filter((key) => config.has(key));
  return Object.fromEntries(keys2.map((key) => [key, config.value(key)]));
}
function gemma3Spec(config) {
  const pattern = config.count("sliding_window_pattern", config.count("_sliding_window_pattern", 6));
  return huggingFaceSpec(config, {
    ...gemmaTraits(config),
    queryKeyNorm: "head",
    attentionSoftCap: config.numberOrNull("attn_logit_softcapping", void 0),
    logitsSoftCap: config.numberOrNull("final_logit_softcapping", void 0),
    isSliding: (layer) => (layer + 1) % pattern !== 0,
    rope: { theta: 1e6, sliding: { key: "rope_local_base_freq", theta: 1e4 } }
  });
}
function gemmaTraits(config) {
  const attentionBias2 = config.boolean("attention_bias", false);
  config.disregard("hidden_act");
  return {
    norm: { gainFromOne: true },
    normPlaces: "both",
    queryKeyValueBias: attentionBias2,
    attentionOutputBias: attentionBias2,
    attentionScale: config.number("query_pre_attn_scalar", 256) ** -0.5,
    embeddingScale: Math.sqrt(config.count("hidden_size")),
    activationKey: "hidden_activation",
    activation: "gelu_pytorch_tanh",
    window: 4096,
    headDim: 256,
    tiedEmbeddings: true
  };
}

// ../../packages/model-families/src/glm/glm-adapter.ts
var glm4Adapter = {
  name: "glm4",
  architectures: ["Glm4ForCausalLM"],
  fused: ["gateUp"],
  matches: (config) => config.architecture === "Glm4ForCausalLM",
  spec: (config) => glmSpec(config, "both"),
  weightName: huggingFaceWeightName
};
var glmAdapter = {
  name: "glm",
  architectures: ["GlmForCausalLM"],
  fused: ["gateUp"],
  matches: (config) => config.architecture === "GlmForCausalLM",
  spec: (config) => glmSpec(config, "before"),
  weightName: huggingFaceWeightName
};
function glmSpec(config, normPlaces) {
  return huggingFaceSpec(config, {
    normPlaces,
    queryKeyValueBias: config.boolean("attention_bias", false),
    norm: { epsilon: config.number("rms_norm_eps", 15625e-11) },
    rope: { pairs: "neighbours", partialFactor: 0.5 },
    headDim: 128
  });
}

// ../../packages/model-families/src/gpt-oss/gpt-oss-adapter.ts
var gptOssAdapter = {
  name: "gpt-oss",
  architectures: ["GptOssForCausalLM"],
  expertLayout: "joined",
  matches: (config) => config.architecture === "GptOssForCausalLM",
  spec: (config) => {
    readQuantisation2(config);
    const attentionBias2 = config.boolean("attention_bias", true);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias2,
      attentionOutputBias: attentionBias2,
      attentionSinks: true,
      feedForward: () => experts2(config),
      isSliding: (layer) => layer % 2 === 0,
      window: 128,
      headDim: 64,
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) }
    });
  },
  weightName: huggingFaceNames({
    expertRouter: "mlp.router.weight",
    expertGateUp: "mlp.experts.gate_up_proj",
    expertDown: "mlp.experts.down_proj"
  })
};
function readQuantisation2(config) {
  const section = config.section("quantization_config");
  if (section === void 0) return;
  section.choice("quant_method", ["mxfp4"]);
  section.disregard("modules_to_not_convert");
}
function experts2(config) {
  config.disregard("router_aux_loss_coef", "output_router_logits", "experts_per_token", "initial_context_length");
  config.choice("hidden_act", ["silu"], "silu");
  return {
    kind: "experts",
    intermediateSize: config.count("intermediate_size"),
    activation: { kind: "clampedSwiglu", alpha: config.number("swiglu_alpha", 1.702), limit: config.number("swiglu_limit", 7) },
    gated: true,
    bias: true,
    numExperts: config.count(config.has("num_local_experts") ? "num_local_experts" : "num_experts", 128),
    expertsPerToken: config.count("num_experts_per_tok", 4),
    normalizeChosen: true,
    routerBias: true
  };
}

// ../../packages/model-families/src/granite/granite-adapter.ts
var graniteAdapter = {
  name: "granite",
  architectures: ["GraniteForCausalLM"],
  matches: (config) => config.architecture === "GraniteForCausalLM",
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    const logitsScaling = config.number("logits_scaling", 1);
    if (logitsScaling === 0) throw config.error("logits_scaling", "a number to divide by");
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias2,
      attentionOutputBias: attentionBias2,
      mlpBias: config.boolean("mlp_bias", false),
      attentionScale: config.number("attention_multiplier", 1),
      embeddingScale: config.number("embedding_multiplier", 1),
      residualScale: config.number("residual_multiplier", 1),
      logitsScale: 1 / logitsScaling
    });
  },
  weightName: huggingFaceWeightName
};

// ../../packages/model-families/src/mistral/mistral-adapter.ts
var mistralAdapter = {
  name: "mistral",
  architectures: ["MistralForCausalLM"],
  matches: (config) => config.architecture === "MistralForCausalLM",
  spec: (config) => huggingFaceSpec(config, windows(config)),
  weightName: huggingFaceWeightName
};
var ministralAdapter = {
  name: "ministral",
  architectures: ["MinistralForCausalLM"],
  matches: (config) => config.architecture === "MinistralForCausalLM",
  spec: (config) => huggingFaceSpec(config, windows(config)),
  weightName: huggingFaceWeightName
};
var ministral3Adapter = {
  name: "ministral3",
  architectures: ["Ministral3ForCausalLM"],
  matches: (config) => config.architecture === "Ministral3ForCausalLM",
  spec: (config) => huggingFaceSpec(config, { ...windows(config), rope: { theta: 1e6 }, queryScaling: queryScaling(config) }),
  weightName: huggingFaceWeightName
};
function windows(config) {
  return { isSliding: () => config.has("sliding_window") };
}
function queryScaling(config) {
  const section = config.section("rope_parameters") ?? config.section("rope_scaling");
  const beta = section?.number("llama_4_scaling_beta", 0) ?? 0;
  if (beta === 0) return void 0;
  return { beta, originalContextLength: originalLength(config, section) };
}

// ../../packages/model-families/src/mixtral/mixtral-adapter.ts
var mixtralAdapter = {
  name: "mixtral",
  architectures: ["MixtralForCausalLM"],
  matches: (config) => config.architecture === "MixtralForCausalLM",
  spec: (config) => huggingFaceSpec(config, { feedForward: () => experts3(config), isSliding: () => config.has("sliding_window") }),
  weightName: huggingFaceNames({
    expertRouter: "block_sparse_moe.gate.weight",
    expertGate: "block_sparse_moe.experts.{expert}.w1.weight",
    expertUp: "block_sparse_moe.experts.{expert}.w3.weight",
    expertDown: "block_sparse_moe.experts.{expert}.w2.weight"
  })
};
function experts3(config) {
  config.disregard("router_jitter_noise", "router_aux_loss_coef", "output_router_logits");
  return {
    kind: "experts",
    intermediateSize: config.count("intermediate_size"),
    activation: config.choice("hidden_act", ["silu"], "silu"),
    gated: true,
    bias: false,
    numExperts: config.count("num_local_experts", 8),
    expertsPerToken: config.count("num_experts_per_tok", 2),
    normalizeChosen: true,
    routerBias: false
  };
}

// ../../packages/model-families/src/nemotron/nemotron-adapter.ts
var nemotronAdapter = {
  name: "nemotron",
  architectures: ["NemotronForCausalLM"],
  matches: (config) => config.architecture === "NemotronForCausalLM",
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias2,
      attentionOutputBias: attentionBias2,
      mlpBias: config.boolean("mlp_bias", false),
      gated: false,
      activation: "relu2",
      norm: { kind: "layer", gainFromOne: true, bias: true, epsilon: config.number("norm_eps", 1e-5) },
      rope: { partialFactor: 0.5 }
    });
  },
  weightName: huggingFaceWeightName
};

// ../../packages/model-families/src/olmo/olmo-adapter.ts
var olmo2Adapter = {
  name: "olmo2",
  architectures: ["Olmo2ForCausalLM"],
  matches: (config) => config.architecture === "Olmo2ForCausalLM",
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias2,
      attentionOutputBias: attentionBias2,
      queryKeyNorm: "projection",
      normPlaces: "after",
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) }
    });
  },
  weightName: huggingFaceNames(feedForwardNormNames)
};

// ../../packages/model-families/src/phi/phi-adapter.ts
var phi3Adapter = {
  name: "phi3",
  architectures: ["Phi3ForCausalLM"],
  fused: ["queryKeyValue", "gateUp"],
  matches: (config) => config.architecture === "Phi3ForCausalLM",
  spec: (config) => huggingFaceSpec(config, { isSliding: () => config.has("sliding_window"), rope: { partialFactor: 1 } }),
  weightName: huggingFaceWeightName
};

// ../../packages/model-families/src/qwen-moe/qwen-moe-adapter.ts
var qwen3MoeAdapter = {
  name: "qwen3-moe",
  architectures: ["Qwen3MoeForCausalLM"],
  matches: (config) => config.architecture === "Qwen3MoeForCausalLM",
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    return huggingFaceSpec(config, {
      queryKeyNorm: "head",
      queryKeyValueBias: attentionBias2,
      attentionOutputBias: attentionBias2,
      feedForward: feedForwardOf(config),
      ...windows2(config)
    });
  },
  weightName: huggingFaceWeightName
};
function windows2(config) {
  if (config.boolean("use_sliding_window", false)) return { isSliding: () => config.has("sliding_window") };
  config.disregard("sliding_window", "max_window_layers");
  return {};
}
function feedForwardOf(config) {
  config.disregard("router_aux_loss_coef", "output_router_logits");
  const shape = { activation: config.choice("hidden_act", ["silu"], "silu"), gated: true, bias: false };
  const step = config.count("decoder_sparse_step", 1);
  const dense = config.has("mlp_only_layers") ? config.numbers("mlp_only_layers") : [];
  const intermediateSize = config.count("intermediate_size", 6144);
  const experts4 = {
    kind: "experts",
    ...shape,
    intermediateSize: config.count("moe_intermediate_size", 768),
    numExperts: config.count(config.has("num_experts") ? "num_experts" : "num_local_experts", 128),
    expertsPerToken: config.count("num_experts_per_tok", 8),
    normalizeChosen: config.boolean("norm_topk_prob", false),
    routerBias: false
  };
  return (layer) => dense.includes(layer) || (layer + 1) % step !== 0 ? { kind: "dense", ...shape, intermediateSize } : experts4;
}

// ../../packages/model-families/src/seed-oss/seed-oss-adapter.ts
var seedOssAdapter = {
  name: "seed-oss",
  architectures: ["SeedOssForCausalLM"],
  matches: (config) => config.architecture === "SeedOssForCausalLM",
  spec: (config) => huggingFaceSpec(config, {
    queryKeyValueBias: config.boolean("attention_bias", true),
    attentionOutputBias: config.boolean("attention_out_bias", false),
    mlpBias: config.boolean("mlp_bias", false),
    headDim: 128
  }),
  weightName: huggingFaceWeightName
};

// ../../packages/model-families/src/smollm/smollm-adapter.ts
var smollm3Adapter = {
  name: "smollm3",
  architectures: ["SmolLM3ForCausalLM"],
  matches: (config) => config.architecture === "SmolLM3ForCausalLM",
  spec: (config) => {
    const attentionBias2 = config.boolean("attention_bias", false);
    const hasRope = ropeLayers(config);
    const slides = usesWindows(config);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias2,
      attentionOutputBias: attentionBias2,
      mlpBias: config.boolean("mlp_bias", false),
      rope: { theta: 2e6 },
      hasRope,
      isSliding: (layer) => slides && !hasRope(layer),
      tiedEmbeddings: true
    });
  },
  weightName: huggingFaceWeightName
};
function ropeLayers(config) {
  const interval = config.count("no_rope_layer_interval", 4);
  if (!config.has("no_rope_layers")) return (layer) => (layer + 1) % interval !== 0;
  const flags = config.numbers("no_rope_layers");
  const numLayers = config.count("num_hidden_layers");
  if (flags.length !== numLayers || !flags.every((flag) => flag === 0 || flag === 1)) {
    throw config.error("no_rope_layers", `a list of ${numLayers} numbers, each 0 or 1`);
  }
  return (layer) => flags[layer] === 1;
}

// ../../packages/model-families/src/register.ts
var modelFamilies = [
  cohere2Adapter,
  exaone4Adapter,
  gemma2Adapter,
  gemma3Adapter,
  gemma3ImageTextAdapter,
  glmAdapter,
  glm4Adapter,
  gptOssAdapter,
  graniteAdapter,
  mistralAdapter,
  ministralAdapter,
  ministral3Adapter,
  mixtralAdapter,
  nemotronAdapter,
  olmo2Adapter,
  phi3Adapter,
  qwen3MoeAdapter,
  seedOssAdapter,
  smollm3Adapter
];
function registerModelFamilies() {
  for (const adapter of modelFamilies) registerModelAdapter(adapter);
}

// zz-rank.ts
registerBackend(cpuProvider);
registerBackend(referenceProvider);
registerQwen();
registerLlama();
registerModelFamilies();
registerRankGroups();
var [name, rankText, sizeText, path, backendName, mode] = process.argv.slice(2);
var [rank, size] = [Number(rankText), Number(sizeText)];
var backend = await createBackend(backendName, { threads: 1 });
var ranks = size === 1 ? void 0 : openRankGroup({ kind: "shared memory", name, rank, size });
var dtype = process.env["DTYPE"] ?? "f32";
try {
  const model = await PretrainedModel.open({ path, backend, ranks, dtype, weights: process.env["WEIGHTS"] ?? "unpacked" });
  if (rank > 0) {
    model.follow(ranks);
    model[Symbol.dispose]();
  } else {
    const { retrievalMode, sparseMode } = elasticModes("fa-ssa", model.sizes);
    const { numLayers, numKeyValueHeads } = model.spec;
    const learned = model.learnedRouter(retrievalMode, sparseMode);
    const routers = {
      learned: () => learned,
      dial: () => new SparsityDial({ router: learned, target: 0.6, numLayers }),
      static: () => new StaticRouter({ list: randomHeadList({ numLayers, numKeyValueHeads, seed: 3 }), retrievalMode, sparseMode }),
      sparse: () => new ConstantRouter(sparseMode, retrievalMode),
      full: () => void 0
    };
    const router = routers[mode]();
    const V = model.spec.vocabularySize;
    const prompt = (length, seed) => Int32Array.from({ length }, (_, i) => (i * 7 + i * i * seed) % Math.min(V, 1e3));
    const caches = [model.decoder.createCache(), model.decoder.createCache()];
    const lengths = [Number(process.env["LENGTH"] ?? 300), 77];
    const begun = performance.now();
    const { logits, sequences } = await model.decoder.prefill({ sequences: caches.map((cache, i) => ({ tokens: prompt(lengths[i], i + 1), cache, ...router === void 0 ? {} : { router } })) });
    const out = [Array.from(logits.toFloat32())];
    logits.dispose();
    const middle = performance.now();
    let tokens = [3, 5];
    for (let step = 0; step < 6; step++) {
      const l = model.decoder.decode(tokens, caches);
      const f = l.toFloat32();
      out.push(Array.from(f));
      tokens = [0, 1].map((row) => {
        let best = 0;
        for (let i = 0; i < V; i++) if (f[row * V + i] > f[row * V + best]) best = i;
        return best;
      });
      l.dispose();
    }
    const end = performance.now();
    for (const c of caches) c.dispose();
    const times = [middle - begun, end - middle];
    model[Symbol.dispose]();
    const { writeFileSync: writeFileSync2 } = await import("node:fs");
    writeFileSync2(process.env["OUT"], JSON.stringify({ out, routing: sequences.map((s) => ({ assignment: s.routing.assignment, blocks: s.routing.blocks })), times }));
    console.log("times", times.map((t) => t.toFixed(1)), "live", backend.memory().liveAllocations);
  }
} catch (error) {
  console.log(`rank ${rank}:`, error.name, error.message);
  process.exitCode = 1;
}
ranks?.[Symbol.dispose]();
if (rank > 0) console.log("rank", rank, "live", backend.memory().liveAllocations);
backend[Symbol.dispose]();
