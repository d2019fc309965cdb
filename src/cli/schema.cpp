// `init` and `migrate`: the schema of a store.
#include "cli/arguments.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <string>

namespace eventstore::cli {

namespace {

asio::awaitable<void> make_schema(task work) {
    auto options = work.given.options(work.background);
    if (const std::string payload = work.given.get("payload", "bytea"); payload == "jsonb")
        options.payload(payload_format::jsonb);
    else if (payload != "bytea")
        throw usage_error("--payload takes bytea or jsonb");
    const int version = co_await migrate(std::move(options));
    std::string line;
    if (work.given.how == style::table)
        line = "the schema " + work.given.schema + " is at version " + std::to_string(version) + '\n';
    else
        line = R"({"schema_version":)" + std::to_string(version) + "}\n";
    work.out.put(line);
}

void add_init_options(boost::program_options::options_description& options) {
    options.add_options()("payload", boost::program_options::value<std::string>()->value_name("FORMAT"),
        "how a new schema keeps the data of events: bytea (the default; any bytes) or jsonb (JSON, which SQL can look "
        "into)");
}

void no_options(boost::program_options::options_description&) {}

} // namespace

const command init_command = {
    .name = "init",
    .summary = "make the schema of a store",
    .argument = "",
    .help =
        "Makes the schema with all that a store needs in it, and prints its version. Changes nothing if it is there\n"
        "and up to date, so that it can be part of every deployment. The user needs the right to create a schema.\n",
    .add_options = add_init_options,
    .run = make_schema,
};

const command migrate_command = {
    .name = "migrate",
    .summary = "bring the schema up to the version of this program",
    .argument = "",
    .help =
        "Brings an older schema up to the version of this program, in one transaction, and prints the version. Does\n"
        "what `init` does: any number of processes may run either at once, and one that finds the work done does "
        "nothing.\n",
    .add_options = no_options,
    .run = make_schema,
};

} // namespace eventstore::cli
