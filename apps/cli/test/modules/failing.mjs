export default function register() { throw new Error("no licence"); }
