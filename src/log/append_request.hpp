/// One append, from its call to its outcome.
#pragma once

#include "base/operation.hpp"

#include <eventstore/append_result.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::log {

class appender;

/// What a caller of append waits for. The fields but `outcome` belong to the appender, under its mutex.
class append_request final : public detail::operation {
public:
    append_request(
        std::weak_ptr<appender> owner, std::string stream, std::int64_t expected, std::vector<event_data> events);

    const std::string stream;
    const std::int64_t expected; ///< exact, 0 = no stream, -1 = any version, -2 = stream exists
    const std::vector<event_data> events;
    const std::size_t bytes; ///< of names, types and payloads

    bool is_retry = false;     ///< an earlier attempt may have been carried out
    bool is_under_way = false; ///< in a flush that was sent
    bool alone = false;        ///< its last flush failed as a whole: send it by itself
    int attempts = 0;

    /// Ends it, unless it has ended already.
    void succeed(const append_result& how);
    void fail(const failure& why);

    result<append_result> outcome{append_result()};

private:
    void start() override;
    void cancel() noexcept override;
    void expire() noexcept override;

    const std::weak_ptr<appender> owner_; // which holds this request in its queue
};

} // namespace eventstore::log
