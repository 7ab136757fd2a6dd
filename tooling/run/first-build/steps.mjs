import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../esbuild.mjs";
import { buildAddon } from "./addon.mjs";
import { fingerprint, readStamps, writeStamp } from "./fingerprint.mjs";
import { buildJavaScript } from "./javascript.mjs";
import { buildPage } from "./page.mjs";
import { packagesOf } from "./workspace-packages.mjs";

const [cli, server, inspector] = ["@elastic-attention/cli", "@elastic-attention/server", "@elastic-attention/inspector"];
const at = (...path) => join(root, ...path);

/**
 * Addons by the words that the screen shows. The cpu's is for this machine's processor; builds of the whole workspace add the
 * other levels. CUDA is built only for those who ask, because it takes minutes.
 */
const addons = {
  cpu: {
    package: "@elastic-attention/cpu",
    title: "kernels for this processor (C++)",
    environment: { ELASTIC_ATTENTION_CPU_LEVELS: process.env.ELASTIC_ATTENTION_CPU_LEVELS || "machine" },
  },
  cuda: { package: "@elastic-attention/cuda", title: "kernels for the GPU (CUDA)", environment: { ELASTIC_ATTENTION_CUDA: "1" } },
};

/** The steps that are out of date, in order; each builds itself and says whether that went well. */
export function dueSteps({ cuda, serve, page }) {
  const packages = packagesOf(cli);
  const ofServer = packagesOf(server).filter(({ name }) => !packages.some((one) => one.name === name));
  const steps = [
    javaScriptStep("javascript", "JavaScript", packages),
    ...(serve ? [javaScriptStep("server", "the server", ofServer)] : []),
    ...(page ? [pageStep(packagesOf(inspector)[0])] : []),
    addonStep(packages, "cpu"),
    ...(cuda ? [addonStep(packages, "cuda")] : []),
  ];
  const stamps = readStamps();
  return steps.filter((step) => stamps[step.name] !== step.stamp || !step.outputs.every((path) => existsSync(path)));
}

function javaScriptStep(name, title, packages) {
  const sources = packages.flatMap(({ folder }) => ["src", "package.json", "tsup.config.ts"].map((name) => join(folder, name)));
  return step(name, title, {
    inputs: [...sources, at("tooling/tsup"), at("tooling/run"), at("pnpm-lock.yaml")],
    outputs: packages.filter(({ folder }) => existsSync(join(folder, "tsup.config.ts"))).map(({ folder, main }) => join(folder, "dist", main)),
    build: async () => {
      await buildJavaScript(packages);
      return { status: 0, output: "" };
    },
  });
}

function pageStep({ folder }) {
  return step("inspector", "the inspector's page", {
    inputs: ["src", "package.json", "vite.config.ts"].map((name) => join(folder, name)),
    outputs: [join(folder, "dist", "index.html")],
    build: () => buildPage(folder),
  });
}

function addonStep(packages, name) {
  const { package: packageName, title, environment } = addons[name];
  const { folder } = packages.find((one) => one.name === packageName);
  return step(name, title, {
    inputs: [...["native", "cmake", "CMakeLists.txt"].map((part) => join(folder, part)), at("packages/addon/native"), at("tooling/native")],
    outputs: [join(folder, "build", "Release", `elastic_attention_${name}.node`)],
    build: (onProgress) => buildAddon(folder, environment, onProgress),
  });
}

function step(name, title, { inputs, outputs, build }) {
  const stamp = fingerprint(inputs);
  return {
    name,
    title,
    stamp,
    outputs,
    async run(onProgress) {
      const result = await build(onProgress).catch((error) => ({ status: 1, output: `${error.message}\n` }));
      if (result.status === 0) writeStamp(name, stamp);
      return result;
    },
  };
}
