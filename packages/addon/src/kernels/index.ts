import type { NativeBackend } from "../native-backend.js";
import { registerAttentionKernels } from "./attention-kernels.js";
import { registerChoiceKernels } from "./choice-kernels.js";
import { registerUnpackCache } from "./packing/copy-held-floats.js";
import { registerExpertKernels } from "./expert-kernels.js";
import { registerFloatKernels } from "./float-kernels.js";
import { registerLinearKernels } from "./linear-kernels.js";
import { registerPreparationKernels } from "./preparation-kernels.js";
import { registerRouterKernels } from "./router-kernels.js";
import { registerSamplingKernels } from "./sampling-kernels.js";
import { registerTrainingAttentionKernels } from "./training-attention-kernels.js";
import { registerTrainingFloatKernels } from "./training-float-kernels.js";
import { registerTrainingGateKernels } from "./training-gate-kernels.js";

/** Registers every kernel of the addon with a backend. */
export function registerNativeKernels(backend: NativeBackend): void {
  registerFloatKernels(backend);
  registerLinearKernels(backend);
  registerExpertKernels(backend);
  registerAttentionKernels(backend);
  registerUnpackCache(backend);
  registerChoiceKernels(backend);
  registerRouterKernels(backend);
  registerPreparationKernels(backend);
  registerSamplingKernels(backend);
  registerTrainingFloatKernels(backend);
  registerTrainingGateKernels(backend);
  registerTrainingAttentionKernels(backend);
}
