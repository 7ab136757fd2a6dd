#pragma once

namespace elastic {

/** What functions that were exported together share: every call of one of them begins with entering it. */
class CallContext {
 public:
  virtual ~CallContext() = default;
  /** The calling thread works for these functions from here on. */
  virtual void enter() const = 0;
};

}  // namespace elastic
