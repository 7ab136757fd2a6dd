// A backend as a user would bring it: the reference backend under a name of its own.
import { referenceProvider, registerBackend } from "@elastic-attention/tensor";

export default function register() {
  registerBackend({ ...referenceProvider, name: "mine" });
}
