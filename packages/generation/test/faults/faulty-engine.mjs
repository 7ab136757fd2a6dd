// Registers a reference backend and a tokenizer any call of which can fail, in an engine's worker thread. The thread that
// starts it shares three numbers: calls so far, the call that fails (-1: none), live allocations.
import { getEnvironmentData } from "node:worker_threads";
import { DeviceError } from "@elastic-attention/core";
import { ReferenceBackend, referenceProvider, registerBackend, Tensor } from "@elastic-attention/tensor";
import { Tokenizer } from "@elastic-attention/generation";

const shared = new Int32Array(getEnvironmentData("faults"));

function counted(make) {
  if (shared[0]++ === shared[1]) throw make();
}

class FaultyBackend extends ReferenceBackend {
  constructor() {
    super();
    const { kernels } = this;
    const run = kernels.run.bind(kernels);
    kernels.run = (operation, call) => {
      this.#count(operation.name);
      return run(operation, call);
    };
  }

  #count(operation) {
    counted(() => new DeviceError(this.name, operation, "injected"));
    shared[2] = super.memory().liveAllocations;
  }

  allocate(shape, dtype) {
    this.#count("allocate");
    const { storage } = super.allocate(shape, dtype);
    const released = () => this.#count("release");
    const faulty = {
      get handle() {
        return storage.handle;
      },
      byteLength: storage.byteLength,
      get disposed() {
        return storage.disposed;
      },
      dispose() {
        if (storage.disposed) return;
        storage.dispose();
        released();
      },
    };
    return new Tensor(this, faulty, shape, dtype);
  }

  fence() {
    this.#count("fence");
    return { wait: async () => this.#count("fence.wait") };
  }

  static {
    for (const name of ["write", "download", "startDownload", "memory"]) {
      const original = ReferenceBackend.prototype[name];
      this.prototype[name] = function (...values) {
        this.#count(name);
        return original.apply(this, values);
      };
    }
  }
}

export default () => {
  registerBackend({ ...referenceProvider, available: async () => [], create: async () => new FaultyBackend() });
  const fail = () => new Error("injected");
  for (const name of ["encode", "decode"]) {
    const original = Tokenizer.prototype[name];
    Tokenizer.prototype[name] = function (...values) {
      counted(fail);
      return original.apply(this, values);
    };
  }
  const detokenizer = Tokenizer.prototype.detokenizer;
  Tokenizer.prototype.detokenizer = function (...values) {
    counted(fail);
    const made = detokenizer.apply(this, values);
    for (const name of ["push", "flush"]) {
      const original = made[name].bind(made);
      made[name] = (...pushed) => {
        counted(fail);
        return original(...pushed);
      };
    }
    return made;
  };
};
