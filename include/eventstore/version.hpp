/// \file
/// The library's version. CMake reads it from here.
#pragma once

#define EVENTSTORE_VERSION_MAJOR 0
#define EVENTSTORE_VERSION_MINOR 1
#define EVENTSTORE_VERSION_PATCH 0

/// For the preprocessor: `#if EVENTSTORE_VERSION >= 100` asks for 0.1.0 or later.
#define EVENTSTORE_VERSION                                                                                             \
    (EVENTSTORE_VERSION_MAJOR * 10000 + EVENTSTORE_VERSION_MINOR * 100 + EVENTSTORE_VERSION_PATCH)

namespace eventstore {

inline constexpr int version_major = EVENTSTORE_VERSION_MAJOR;
inline constexpr int version_minor = EVENTSTORE_VERSION_MINOR;
inline constexpr int version_patch = EVENTSTORE_VERSION_PATCH;

/// The same as text.
inline constexpr const char* version_string = "0.1.0";

} // namespace eventstore
