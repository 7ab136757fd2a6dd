import { fetchFiles, type FetchRequest, type Snapshot } from "../download/fetch-files.js";
import { hubSettings } from "../connection/hub-settings.js";
import { RepositoryCache } from "../cache/repository-cache.js";
import { unpackArchive, type UnpackOptions } from "./unpack-archive.js";

/** An archive of a repository, and what it is to be unpacked with. */
export interface FetchArchiveRequest extends Omit<FetchRequest, "files"> {
  /** Path of a zip archive in the repository. */
  readonly archive: string;
  readonly limits?: UnpackOptions["limits"];
  /** While it is unpacked: bytes that were written, and all of them. */
  readonly onUnpack?: UnpackOptions["onProgress"];
}

/** An archive, fetched and unpacked. */
export interface UnpackedSnapshot extends Snapshot {
  /** Folder with the archive's files. It belongs to the archive's content: another content has another folder. */
  readonly unpacked: string;
}

/**
 * Fetches a zip archive and unpacks it, once: next to it in the cache.
 *
 * @throws what {@link fetchFiles} and {@link unpackArchive} throw
 */
export async function fetchArchive({ archive, limits, onUnpack, ...request }: FetchArchiveRequest): Promise<UnpackedSnapshot> {
  const { cacheFolder } = hubSettings(request.settings);
  const snapshot = await fetchFiles({ ...request, files: [archive] });
  const { location, hash } = snapshot.files[0]!;
  const unpacked = await unpackArchive(location, new RepositoryCache(cacheFolder, request.repository).unpacked(hash), {
    ...(limits === undefined ? {} : { limits }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    ...(onUnpack === undefined ? {} : { onProgress: onUnpack }),
  });
  return { ...snapshot, unpacked };
}
