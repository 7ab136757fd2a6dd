// Builds everything as it is published: with declarations, which other builds leave out.
process.env["ELASTIC_ATTENTION_DECLARATIONS"] = "1";
process.argv.splice(2, 0, "build");
await import("./turbo.mjs");
