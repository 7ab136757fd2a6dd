import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Node-API by hand, so that no headers are needed. */
const declarations = `
  #include <cstdlib>
  #include <unistd.h>
  extern "C" {
  typedef struct env_* napi_env; typedef struct value_* napi_value; typedef struct info_* napi_callback_info;
  int napi_create_function(napi_env, const char*, size_t, napi_value (*)(napi_env, napi_callback_info), void*, napi_value*);
  int napi_set_named_property(napi_env, napi_value, const char*, napi_value);
`;
const exported = (visible: string) => `__attribute__((visibility("default"))) ${visible}`;
const module = (body: string) => exported(`napi_value napi_register_module_v1(napi_env env, napi_value exports) { ${body} return exports; }`);
const greeting = `
  static napi_value greet(napi_env, napi_callback_info) { return nullptr; }
  ${module(`napi_value f; napi_create_function(env, "greet", 5, greet, nullptr, &f); napi_set_named_property(env, exports, "greet", f);`)}
`;

const sources = {
  /** Exports one function, greet. */
  greeting,
  /** A shared library that is no addon. */
  library: exported("int answer() { return 42; }"),
  /** Asks for a Node-API that no Node has yet. */
  future: `${exported("int node_api_module_get_api_version_v1() { return 9999; }")} ${module("")}`,
  aborting: `__attribute__((constructor)) static void fall() { abort(); } ${module("")}`,
  exiting: module("_exit(3);"),
  undefinedSymbol: `void nowhere_to_be_found(); ${module("nowhere_to_be_found();")}`,
};

export const compiler = spawnSync("g++", ["--version"]).status === 0;

/** Compiles one of them. @returns its path */
export function buildTinyAddon(folder: string, name: keyof typeof sources): string {
  const [source, path] = [join(folder, `${name}.cpp`), join(folder, `${name}.node`)];
  writeFileSync(source, `${declarations}${sources[name]}}`);
  const { status, stderr } = spawnSync("g++", ["-shared", "-fPIC", "-o", path, source], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return path;
}
