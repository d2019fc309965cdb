// Projectors keep the read model of projection_table(). Their handlers fail now and then, and with some events always.

#include "faults/client.hpp"
#include "faults/client_plan.hpp"
#include "faults/log_facts.hpp"

#include <eventstore/projection.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

namespace eventstore::test::faults {

namespace {

struct projection_work {
    explicit projection_work(client& of)
        : self(of),
          statement(projection_step(of.options().schema, std::string(read_model))),
          random(of.options().seed) {}

    bool refuses(const projection_batch& batch) {
        const auto is_refused = [](const recorded_event& event) { return is_always_refused(event.id()); };
        return once_in(random, 100) || std::any_of(batch.begin(), batch.end(), is_refused);
    }

    client& self;
    std::string statement;
    random_numbers random;
};

asio::awaitable<void> add(std::shared_ptr<projection_work> work, transaction& tx, const projection_batch& batch) {
    recorder& records = work->self.records();
    const std::string& schema = work->self.options().schema;
    records.projecting(schema, read_model, batch.front().position(), batch.back().position());
    projection_arguments events;
    for (const recorded_event& event : batch) events.add(event.stream(), event.version());
    const std::string streams = events.streams();
    const std::string versions = events.versions();
    co_await tx.execute(work->statement, streams, versions);
    if (!work->refuses(batch)) co_return;
    // After the statement, which is to have no effect.
    if (batch.size() == 1) records.rejecting(schema, read_model, batch.front().position());
    throw std::runtime_error("a handler that fails now and then");
}

} // namespace

asio::awaitable<void> project(client& self, store source) {
    const auto work = std::make_shared<projection_work>(self);
    while (!self.is_stopping()) {
        auto handler = [work](transaction& tx, const projection_batch& batch) { return add(work, tx, batch); };
        std::optional<failure> problem;
        try {
            co_await run_projection(source, read_model, handler,
                projection_options()
                    .max_batch(200)
                    .max_retries(retries)
                    .retry_after(milliseconds(20))
                    .lease(self.options().lease));
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
