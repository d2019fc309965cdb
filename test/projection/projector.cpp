// projector URL SCHEMA VERSION...: keeps these versions of a projection, until it is killed.
#include <eventstore/projection.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> write(std::string sql, es::transaction& tx, const es::projection_batch& batch) {
    for (const es::recorded_event& event : batch)
        co_await tx.execute(sql, batch.version(), event.position(), batch.is_live(), event.data());
}

asio::awaitable<void> keep(std::string url, std::string schema, int version) {
    const es::store store = co_await es::open(es::store_options(url).schema(schema));
    const std::string sql = "insert into \"" + schema + "\".effects values ($1, $2, $3, $4)";
    auto handler = [sql](es::transaction& tx, const es::projection_batch& batch) { return write(sql, tx, batch); };
    es::projection_options options;
    options.version(version).max_batch(7).lease(300ms);
    co_await es::run_projection(store, "effects", handler, options);
}

} // namespace

int main(int count, char* arguments[]) try {
    if (count < 4) return 1;
    asio::io_context context(1);
    for (int i = 3; i < count; ++i)
        asio::co_spawn(
            context, keep(arguments[1], arguments[2], std::stoi(arguments[i])), [](std::exception_ptr thrown) {
                if (thrown) std::rethrow_exception(thrown);
            });
    context.run();
} catch (const std::exception& problem) {
    std::cerr << "projector: " << problem.what() << std::endl;
    return 1;
}
