// Projectors keep the read model of projection_table().

#include "faults/client.hpp"
#include "faults/client_plan.hpp"
#include "faults/log_facts.hpp"

#include <eventstore/projection.hpp>

#include <memory>
#include <stdexcept>
#include <string>

namespace eventstore::test::faults {

namespace {

struct projection_work {
    std::string statement;
    random_numbers random;
};

asio::awaitable<void> add(std::shared_ptr<projection_work> work, transaction& tx, const projection_batch& batch) {
    projection_arguments events;
    for (const recorded_event& event : batch) events.add(event.stream(), event.version());
    const std::string streams = events.streams();
    const std::string versions = events.versions();
    co_await tx.execute(work->statement, streams, versions);
    if (once_in(work->random, 100)) throw std::runtime_error("a handler that fails now and then");
}

} // namespace

asio::awaitable<void> project(client& self, store source) {
    const auto work = std::make_shared<projection_work>();
    work->statement = projection_step(self.options().schema, std::string(read_model));
    work->random.seed(self.options().seed);
    while (!self.is_stopping()) {
        auto handler = [work](transaction& tx, const projection_batch& batch) { return add(work, tx, batch); };
        std::optional<failure> problem;
        try {
            co_await run_projection(source, read_model, handler,
                projection_options().max_batch(200).retry_after(milliseconds(20)).lease(self.options().lease));
        } catch (const error& thrown) {
            problem = thrown.why();
        }
        if (!problem) {
            if (self.is_stopping()) co_return;
            throw std::runtime_error("run_projection has ended, and nobody has closed the store");
        }
        self.go_on_after(*problem, "run_projection");
        co_await pause_for(std::chrono::milliseconds(50));
    }
}

} // namespace eventstore::test::faults
