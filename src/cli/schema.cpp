// `init` and `migrate`: the schema of a store, or of all stores of a database.
#include "cli/arguments.hpp"
#include "cli/json_text.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/schemas.hpp>

#include <boost/program_options/value_semantic.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace eventstore::cli {

namespace {

/// The version of the schema, 0 if it is not there or may not be looked into.
asio::awaitable<int> present_version(task work) {
    const std::vector<schema_info> all = co_await find_schemas(work.given.options(work.background));
    for (const schema_info& each : all)
        if (each.name == work.given.schema) co_return each.version;
    co_return 0;
}

asio::awaitable<void> make_schema(task work) {
    auto options = work.given.options(work.background);
    if (const std::string payload = work.given.get("payload", "bytea"); payload == "jsonb")
        options.payload(payload_format::jsonb);
    else if (payload != "bytea")
        throw usage_error("--payload takes bytea or jsonb");
    const int before = co_await present_version(work);
    const int version = co_await migrate(std::move(options));
    std::string line;
    if (work.given.how == style::json) {
        line = "{\"schema_version\":" + std::to_string(version) + ",\"from\":" + std::to_string(before) + "}\n";
    } else {
        line = "the schema " + work.given.schema + " is at version " + std::to_string(version);
        if (before == 0)
            line += ", made now\n";
        else if (before == version)
            line += ", as before\n";
        else
            line += ", up from " + std::to_string(before) + '\n';
    }
    work.out.put(line);
}

void add_init_options(boost::program_options::options_description& options) {
    options.add_options()("payload", boost::program_options::value<std::string>()->value_name("FORMAT"),
        "how a new schema keeps the data of events: bytea (the default; any bytes) or jsonb (JSON, which SQL can look "
        "into)");
}

/// One of the schemas of a database: where the work stands, and what became of it.
class progress_printer {
public:
    progress_printer(const task& work, std::size_t count) : out_(work.out), how_(work.given.how), count_(count) {}

    void done(const schema_info& schema, int version) {
        ++number_;
        if (how_ == style::json)
            put(schema, ",\"to\":" + std::to_string(version));
        else if (schema.version == version)
            put(schema, "up to date");
        else
            put(schema, std::to_string(schema.version) + " -> " + std::to_string(version));
    }
    void failed(const schema_info& schema, const std::string& why) {
        ++number_;
        put(schema, how_ == style::json ? ",\"error\":" + json_string(why) : "FAILED: " + why);
    }

private:
    void put(const schema_info& schema, const std::string& what) {
        const std::string number = std::to_string(number_);
        const std::string count = std::to_string(count_);
        if (how_ == style::json)
            out_.put("{\"schema\":" + json_string(schema.name) + ",\"number\":" + number + ",\"count\":" + count +
                ",\"from\":" + std::to_string(schema.version) + what + "}\n");
        else
            out_.put(number + " of " + count + "  " + schema.name + ": " + what + '\n');
        out_.flush();
    }

    output& out_;
    style how_;
    std::size_t count_;
    std::size_t number_ = 0;
};

asio::awaitable<void> migrate_all(task work) {
    const store_options options = work.given.options(work.background);
    const std::vector<schema_info> all = co_await find_schemas(options);
    if (all.empty() && work.given.how == style::table)
        work.out.put("no schema of this database holds an event store\n");
    progress_printer progress(work, all.size());
    std::string failed;
    for (const schema_info& each : all) {
        try {
            // Each, for one of the newest version may have been renamed, and needs functions for its new name.
            store_options one = options;
            one.schema(each.name);
            const int version = co_await migrate_existing(std::move(one));
            progress.done(each, version);
        } catch (const error& e) {
            progress.failed(each, e.what());
            failed += (failed.empty() ? "'" : ", '") + each.name + '\'';
        }
    }
    if (!failed.empty()) throw std::runtime_error("these schemas could not be migrated: " + failed);
}

asio::awaitable<void> migrate_one_or_all(task work) {
    if (!work.given.has("all-schemas")) return make_schema(work);
    if (!work.given.values["schema"].defaulted()) throw usage_error("--schema and --all-schemas exclude each other");
    return migrate_all(work);
}

void add_migrate_options(boost::program_options::options_description& options) {
    options.add_options()("all-schemas", "migrate every schema of the database that holds a store");
}

} // namespace

const command init_command = {
    .name = "init",
    .summary = "make the schema of a store",
    .argument = "",
    .help =
        "Makes the schema with all that a store needs in it, and prints its version, and the one it had before: 0 if\n"
        "it was not there. Changes nothing if it is there and up to date, so that it can be part of every deployment.\n"
        "The user needs the right to create a schema.\n",
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
        "nothing.\n"
        "A schema that is newer than this program is left alone, and an error. One that was renamed gets its "
        "functions\n"
        "made again, which name their schema.\n\n"
        "With --all-schemas it looks for the stores of the whole database, and prints a line for each: which of how\n"
        "many, its name, and from which version to which. It makes none, goes on after a failure, and ends with 1 and\n"
        "the names of those that failed.\n",
    .add_options = add_migrate_options,
    .run = migrate_one_or_all,
};

} // namespace eventstore::cli
