export { addonPath, type CudaAddon, type CudaDevice, loadAddon } from "./cuda-addon.js";
export * from "./cuda-backend.js";
export * from "./cuda-provider.js";
