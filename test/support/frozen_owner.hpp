// A process that owns a subscription and falls silent.
#pragma once

#include "support/receive.hpp"

#include <string>
#include <utility>

namespace eventstore::test {

/// A store whose io_context runs only when it is told to: between that, its process might as well be dead.
class frozen_owner {
public:
    frozen_owner(const store_options& options, const std::string& name, subscription_options how)
        : store(run(context, open(options))), held(run(context, store.subscribe_to_all(name, std::move(how)))) {}

    /// It wakes up and ends, whatever it finds.
    void end() {
        run(context, store.close());
        context.run();
    }

    asio::io_context context{1};
    eventstore::store store;
    subscription held;
};

} // namespace eventstore::test
