#include "faults/testbed.hpp"

#include "faults/client_plan.hpp"
#include "faults/log_facts.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <filesystem>
#include <utility>

namespace eventstore::test::faults {

namespace {

namespace asio = boost::asio;

constexpr int exit_without_schema = 3; // of a client whose schema was dropped

/// Beside this program.
std::string client_program() {
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fault_client").string();
}

std::string made_folder(const std::string& path) {
    std::filesystem::create_directories(path);
    return path;
}

} // namespace

testbed::testbed(std::string folder, std::uint64_t seed, std::chrono::milliseconds lease)
    : folder_(std::move(folder)),
      seed_(seed),
      lease_(lease),
      program_(client_program()),
      disk_(made_folder(folder_ + "/disk")),
      server_(folder_ + "/disk/data"),
      record_file_(folder_ + "/faults.records"),
      recorder_("faults", append_to_file(record_file_)),
      plain_(server_.port(), false, seed * 2 + 1, recorder_),
      secured_(server_.port(), true, seed * 2 + 2, recorder_) {
    for (const bool is_jsonb : {false, true}) {
        schemas_.push_back(is_jsonb ? "tenant_b" : "tenant_a");
        make_schema(schemas_.back(), is_jsonb);
    }
}

void testbed::make_schema(const std::string& schema, bool is_jsonb) {
    const std::string url = server_.url(server_.port(), false);
    store_options options(url);
    options.schema(schema).create();
    if (is_jsonb) options.payload(payload_format::jsonb);
    asio::io_context context(1);
    asio::co_spawn(context, migrate(options), [](std::exception_ptr thrown, int) {
        if (thrown) std::rethrow_exception(thrown);
    });
    context.run();
    session(url).run(projection_table(schema, std::string(read_model)));
}

client_process& testbed::add_client(const std::string& schema, const std::string& role, bool is_checked) {
    client_start how;
    how.name = schema + "." + role + "." + std::to_string(clients_.size() + 1);
    how.role = role;
    // Clients go through both proxies by turns.
    const bool is_secured = server_.has_tls() && clients_.size() % 2 == 1;
    how.url = server_.url(is_secured ? secured_.port() : plain_.port(), is_secured);
    how.schema = schema;
    how.seed = seed_ * 100 + clients_.size();
    how.lease = lease_;
    how.is_checked = is_checked;
    how.ends_by_itself = role == "finisher" || !is_checked;
    if (!is_checked) how.exit_code = exit_without_schema;
    clients_.push_back(std::make_unique<client_process>(std::move(how), program_, folder_, recorder_));
    return *clients_.back();
}

void testbed::start_all() {
    const std::string both = schemas_.front() + "," + schemas_.back();
    for (const std::string& schema : schemas_)
        for (const char* const role : {"writer", "subscriber", "projector"}) add_client(schema, role).start();
    for (const char* const role : {"writer", "subscriber"}) add_client(both, role).start();
    add_client(schemas_.front(), "projector").start();
}

std::vector<std::string> testbed::unexpected_ends() {
    std::vector<std::string> ends;
    for (const auto& client : clients_) {
        client->is_running(); // notes it if it does not
        ends.insert(ends.end(), client->unexpected_ends().begin(), client->unexpected_ends().end());
    }
    return ends;
}

} // namespace eventstore::test::faults
