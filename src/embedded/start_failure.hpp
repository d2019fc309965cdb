/// How the parts of a start say that it failed.
#pragma once

#include "base/text.hpp"

#include <eventstore/error.hpp>

namespace eventstore::embedded {

/// Throws `error` with `errc::embedded_server_failed` and the pieces as one message.
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
    throw error(failure(errc::embedded_server_failed, detail::message(pieces...)));
}

template <class... Pieces>
[[noreturn]] void refuse_argument(const Pieces&... pieces) {
    throw error(failure(errc::invalid_argument, detail::message(pieces...)));
}

} // namespace eventstore::embedded
