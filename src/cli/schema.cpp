// `init` and `migrate`: the schema of a store, or of all stores of a database.
#include "cli/arguments.hpp"
#include "cli/json_text.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/roles.hpp>
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
    for (const schema_info& schema : all)
        if (schema.name == work.given.schema) co_return schema.version;
    co_return 0;
}

payload_format payload_of(const arguments& given) {
    const std::string payload = given.get("payload", "bytea");
    if (payload != "bytea" && payload != "jsonb") throw usage_error("--payload takes bytea or jsonb");
    return payload == "jsonb" ? payload_format::jsonb : payload_format::bytea;
}

asio::awaitable<void> make_schema(task work) {
    auto options = work.given.options(work.background);
    options.payload(payload_of(work.given));
    const int before = co_await present_version(work);
    const int version = co_await migrate(std::move(options));
    std::string line;
    if (work.given.format == style::json) {
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
    if (work.given.has("roles")) {
        const std::string prefix = work.given.get("roles", "");
        auto granting = grant_roles(work.given.options(work.background), prefix);
        co_await std::move(granting);
        if (work.given.format == style::table)
            line += "its roles are " + prefix + "_reader, " + prefix + "_writer ...\n";
    }
    work.out.put(line);
}

/// What would be run, for psql.
asio::awaitable<void> print_script(task work) {
    const payload_format payload = payload_of(work.given);
    std::string script;
    if (work.given.names_store()) {
        auto options = work.given.options(work.background);
        options.payload(payload);
        auto writing = migration_script(std::move(options), work.given.has("functions"));
        script = co_await std::move(writing);
    } else {
        if (work.given.has("functions"))
            throw usage_error("--functions looks at a schema: say where it is, by --url URL");
        script = creation_script(work.given.schema, payload);
    }
    if (work.given.has("roles")) script += roles_script(work.given.schema, work.given.get("roles", ""));
    work.out.put(script);
}

void must_name_store(const arguments& given) {
    if (!given.names_store())
        throw usage_error("where is the store? Say --url URL, EVENTSTORE_URL=URL or --embedded FOLDER");
}

asio::awaitable<void> make_or_print(task work) {
    if (work.given.has("sql")) return print_script(std::move(work));
    must_name_store(work.given);
    return make_schema(std::move(work));
}

void add_sql_option(boost::program_options::options_description& options) {
    options.add_options()("sql",
        "print what would be run, as a script for psql, and change nothing; without a URL: for a schema that is not "
        "there yet");
}

void add_roles_option(boost::program_options::options_description& options) {
    options.add_options()("roles", boost::program_options::value<std::string>()->value_name("PREFIX"),
        "make the roles PREFIX_reader, PREFIX_writer, PREFIX_subscriber, PREFIX_recorder, PREFIX_keeper, "
        "PREFIX_scavenger "
        "and PREFIX_archivist, unless they exist, and grant them what they need");
}

void add_init_options(boost::program_options::options_description& options) {
    options.add_options()("payload", boost::program_options::value<std::string>()->value_name("bytea|jsonb"),
        "how a new schema stores the data of events: bytea (the default; any bytes) or jsonb (JSON, which SQL can "
        "query)");
    add_roles_option(options);
    add_sql_option(options);
}

/// One of the schemas of a database: where the work stands, and what became of it.
class progress_printer {
public:
    progress_printer(const task& work, std::size_t count) : out_(work.out), format_(work.given.format), count_(count) {}

    void done(const schema_info& schema, int version) {
        ++number_;
        if (format_ == style::json)
            put(schema, ",\"to\":" + std::to_string(version));
        else if (schema.version == version)
            put(schema, "up to date");
        else
            put(schema, std::to_string(schema.version) + " -> " + std::to_string(version));
    }
    void failed(const schema_info& schema, const std::string& why) {
        ++number_;
        put(schema, format_ == style::json ? ",\"error\":" + json_string(why) : "FAILED: " + why);
    }

private:
    void put(const schema_info& schema, const std::string& outcome) {
        const std::string number = std::to_string(number_);
        const std::string count = std::to_string(count_);
        if (format_ == style::json)
            out_.put("{\"schema\":" + json_string(schema.name) + ",\"number\":" + number + ",\"count\":" + count +
                ",\"from\":" + std::to_string(schema.version) + outcome + "}\n");
        else
            out_.put(number + " of " + count + "  " + schema.name + ": " + outcome + '\n');
        out_.flush();
    }

    output& out_;
    style format_;
    std::size_t count_;
    std::size_t number_ = 0;
};

asio::awaitable<void> migrate_all(task work) {
    const store_options options = work.given.options(work.background);
    const std::vector<schema_info> all = co_await find_schemas(options);
    if (all.empty() && work.given.format == style::table)
        work.out.put("no schema of this database holds an event store\n");
    progress_printer progress(work, all.size());
    std::string failed;
    for (const schema_info& schema : all) {
        try {
            // Each, for one of the newest version may have been renamed, and needs functions for its new name.
            store_options one = options;
            one.schema(schema.name);
            const int version = co_await migrate_existing(std::move(one));
            progress.done(schema, version);
        } catch (const error& e) {
            progress.failed(schema, e.what());
            failed += (failed.empty() ? "'" : ", '") + schema.name + '\'';
        }
    }
    if (!failed.empty()) throw std::runtime_error("these schemas could not be migrated: " + failed);
}

asio::awaitable<void> migrate_one_or_all(task work) {
    if (work.given.has("functions") && !work.given.has("sql")) throw usage_error("--functions goes with --sql");
    if (!work.given.has("all-schemas")) return make_or_print(std::move(work));
    if (work.given.has("sql")) throw usage_error("--sql is for one schema, and --all-schemas for all");
    if (work.given.has("roles")) throw usage_error("--roles is for one schema, and --all-schemas for all");
    must_name_store(work.given);
    if (!work.given.values["schema"].defaulted()) throw usage_error("--schema and --all-schemas exclude each other");
    return migrate_all(work);
}

void add_migrate_options(boost::program_options::options_description& options) {
    auto add = options.add_options();
    add("all-schemas", "migrate every schema of the database that holds a store");
    add("functions", "with --sql: make all functions anew, also where the schema is up to date");
    add_roles_option(options);
    add_sql_option(options);
}

} // namespace

const command init_command = {
    .name = "init",
    .summary = "create the schema of a store",
    .argument = "",
    .help =
        "Creates the schema of a store, and prints its version and the previous version (0 if the schema is new).\n"
        "Changes nothing if the schema is up to date, so that it can be part of every deployment.\n"
        "The user needs the right to create a schema.\n\n"
        "With --roles it makes roles that cannot log in and may do no more than their names say, and grants them\n"
        "what they need. The user needs CREATEROLE, unless they exist. Make the role of an application a member:\n\n"
        "    eventstore init --roles shop\n"
        "    psql DATABASE -c 'grant shop_reader, shop_writer, shop_subscriber to shop_application'\n\n"
        "With --sql it prints the same as a script, for somebody else to run: one transaction, which fails if the\n"
        "schema has another version by then.\n\n"
        "    eventstore init --sql --schema shop | psql DATABASE\n",
    .add_options = add_init_options,
    .run = make_or_print,
    .store = store_use::sometimes,
};

const command migrate_command = {
    .name = "migrate",
    .summary = "migrate the schema to the version of this program",
    .argument = "",
    .help =
        "Migrates an older schema to the version of this program, in one transaction, and prints the version. Does\n"
        "the same as `init`: any number of processes may run either at once; if the work is done, it does nothing.\n"
        "A schema that is newer than this program is an error and is not changed. If the schema was renamed, its\n"
        "functions, which contain its name, are recreated. With --roles it grants again what the roles need.\n\n"
        "With --all-schemas it migrates every store of the database, and prints a line for each: number and count,\n"
        "name, and the versions before and after. It creates no store, continues after a failure, and ends with 1 and\n"
        "the names of the failed schemas.\n",
    .add_options = add_migrate_options,
    .run = migrate_one_or_all,
    .store = store_use::sometimes,
};

} // namespace eventstore::cli
