export {
  ChecksumError,
  DamagedArchiveError,
  DiskFullError,
  HostileArchiveError,
  HubAccessError,
  HubError,
  HubNotFoundError,
  HubOfflineError,
  HubRequestError,
  HubResponseError,
  HubUnreachableError,
  NotCachedError,
} from "@elastic-attention/core";
export * from "./archive/archive-limits.js";
export { type ContentHash, hashText } from "./cache/content-hash.js";
export * from "./archive/fetch-archive.js";
export * from "./download/fetch-files.js";
export * from "./connection/hub-settings.js";
export { commitPattern, type Repository } from "./connection/repository.js";
export type { CachedFile, RepositoryFile } from "./cache/repository-cache.js";
export * from "./archive/unpack-archive.js";
export { sizeText } from "./cache/size-text.js";
export type { HubWait } from "./connection/retry-policy.js";
export * from "./inventory/list-models.js";
export * from "./inventory/remove-model.js";
export type { AssembleOptions, FileHead, ModelPlan } from "./models/assemble-model.js";
export * from "./models/resolve-model.js";
export type { ModelProgress } from "./models/transfer.js";
