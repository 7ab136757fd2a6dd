import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HubRequestError } from "@elastic-attention/core";
import { hubSettings } from "../../src/index.js";

const { homedir } = os;
beforeEach(() => {
  for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"]) vi.stubEnv(name, undefined);
  // As for a user whom the system does not know.
  os.homedir = () => {
    throw new Error("uv_os_homedir returned ENOENT");
  };
  syncBuiltinESMExports();
});
afterEach(() => {
  os.homedir = homedir;
  syncBuiltinESMExports();
  vi.unstubAllEnvs();
});

test("a user without a home is told which variable says where models are kept", () => {
  expect(() => hubSettings()).toThrow(HubRequestError);
  expect(() => hubSettings()).toThrow(expect.objectContaining({ hint: "Set HF_HUB_CACHE to a folder that can be written." }));
});

test("a cache that is named needs no home", () => {
  vi.stubEnv("HF_HUB_CACHE", "/models");
  expect(hubSettings().cacheFolder).toBe("/models");
  vi.stubEnv("HF_HUB_CACHE", undefined);
  expect(hubSettings({ cacheFolder: "/others" }).cacheFolder).toBe("/others");
});
