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
} from "@elastic-attention/core";
export * from "./archive-limits.js";
export { type ContentHash, hashText } from "./content-hash.js";
export * from "./fetch-archive.js";
export * from "./fetch-files.js";
export * from "./hub-settings.js";
export { commitPattern, type Repository } from "./repository.js";
export type { CachedFile } from "./repository-cache.js";
export * from "./unpack-archive.js";
