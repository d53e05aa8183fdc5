// How a call ends that its caller asked to stop.
#pragma once

#include <exception>

namespace gendr {

struct Interrupted : std::exception {
    const char* what() const noexcept override { return "interrupted"; }
};

}  // namespace gendr
