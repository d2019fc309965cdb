/// The way to a folder that root takes.
#pragma once

#include "embedded/descriptor.hpp"

#include <filesystem>

namespace eventstore::embedded {

/// Opens a folder by an absolute path, step by step, and makes what is missing: the folder for root alone, its parents so
/// that others can pass through. Follows no link that another user has made: who can write to a folder on the way could
/// have root make and give away what is not theirs. Invalid, and errno set, if that fails; throws `error` at such a link.
descriptor open_as_root(const std::filesystem::path& folder);

} // namespace eventstore::embedded
