export * from "./register-shipped-routers.js";
export * from "./shipped-routers.js";
