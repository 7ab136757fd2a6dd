#pragma once
#include <stdexcept>
#include <string>

namespace elastic {

/** A device or its driver failed at a call whose arguments were right; becomes a DeviceError. */
struct DeviceFailure : std::runtime_error {
  DeviceFailure(const std::string& problem, bool sticky) : std::runtime_error(problem), sticky(sticky) {}
  /** Every later call of this process fails too. */
  bool sticky;
};

}  // namespace elastic
