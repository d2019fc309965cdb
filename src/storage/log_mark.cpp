#include "storage/log_mark.hpp"

#include "base/text.hpp"

#include <string>
#include <utility>

namespace eventstore::storage {

using detail::message;

failure not_held(const log_mark& seen) {
    return failure(errc::log_truncated,
        {.message = message("the log on this server does not hold what was seen of it, up to position ",
             std::to_string(seen.position),
             seen.event ? message(" (event ", to_string(*seen.event), ")") : std::string(),
             ": it is that of an older backup, or a fail-over lost its end, or this is an old primary; see that it is "
             "the right one, and open the store anew"),
            .sqlstate = "ES002"});
}

} // namespace eventstore::storage
