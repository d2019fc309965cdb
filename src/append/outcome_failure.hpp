/// The failures of appends, in words.
#pragma once

#include "append/append_plan.hpp"
#include "append/append_request.hpp"
#include "append/lock_holder.hpp"
#include "storage/log_mark.hpp"

#include <eventstore/error.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace eventstore::append {

/// What the append functions found wrong with a part of an append.
failure to_failure(const append_request& append, const append_part& part, const append_plan::outcome& why);
/// What became of an append, by the outcomes of its parts.
result<append_results> result_of(const append_request& append, std::span<const append_plan::outcome> outcomes);
/// The failure of a whole flush, for one of its appends.
failure about(const append_request& append, const failure& why);
/// The connection was lost with the append; the store is given up on if `is_closed`.
failure lost_again_and_again(const append_request& append, const failure& why, bool is_closed);
failure lock_not_available(const append_request& append, const failure& why, const lock_holder& holder);
/// Cancelled, or out of time, in the end for the sake of a lock; `details` tell the stream and whether the outcome is known.
failure ended_early(errc why, failure::details details, const lock_holder& holder);
/// Out of time because there was no connection, for this reason.
failure not_connected(failure::details details, const failure& last);
failure overloaded(const std::string& stream, std::size_t used, std::size_t budget);

} // namespace eventstore::append
