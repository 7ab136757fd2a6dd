// Builds everything, the CUDA backend too, which other builds leave out.
process.env["ELASTIC_ATTENTION_CUDA"] = "1";
process.argv.splice(2, 0, "build");
await import("./turbo.mjs");
