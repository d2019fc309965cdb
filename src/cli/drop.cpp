// `drop`: the end of a store.
#include "cli/arguments.hpp"
#include "cli/confirmation.hpp"
#include "cli/findings.hpp"
#include "cli/json_text.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/drop.hpp>

#include <boost/program_options/value_semantic.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

std::string contents(const drop_preview& found) {
    return count_text(std::size_t(found.events), "event") + " in " + count_text(std::size_t(found.streams), "stream") +
        ", " + count_text(std::size_t(found.subscriptions), "subscription") + ", " + found.size;
}

std::string preview_json(const task& work, const drop_preview& found) {
    std::string line = "{\"schema\":" + json_string(work.given.schema) + ",\"events\":" + std::to_string(found.events) +
        ",\"streams\":" + std::to_string(found.streams) + ",\"subscriptions\":" + std::to_string(found.subscriptions) +
        ",\"size\":" + json_string(found.size);
    const auto add = [&](const char* name, const std::string& list) {
        if (!list.empty()) line += std::string(",\"") + name + "\":" + json_string(list);
    };
    add("sessions", found.sessions);
    add("owners", found.owners);
    add("others", found.others);
    add("dependents", found.dependents);
    return line;
}

std::string in_the_way(const drop_preview& found) {
    std::string text;
    const auto add = [&](const char* what, const std::string& list) {
        if (!list.empty()) text += (text.empty() ? "" : "; ") + (what + list);
    };
    add("sessions use it: ", found.sessions);
    add("subscriptions have an owner: ", found.owners);
    add("it holds what is not the store's: ", found.others);
    add("others depend on it: ", found.dependents);
    return text;
}

/// Tells on the terminal what it is, and asks for the name.
void ask_for_name(const task& work, const drop_preview& found) {
    std::cerr << "The schema " << printable(work.given.schema) << " holds " << contents(found)
              << ".\nAll of it will be lost, and cannot be brought back.\n";
    const auto tell = [](const char* what, const std::string& list) {
        if (!list.empty()) std::cerr << what << printable(list) << '\n';
    };
    tell("Sessions that use it: ", found.sessions);
    tell("Subscriptions with an owner: ", found.owners);
    tell("What is not the store's, and would be lost, too: ", found.others);
    tell("What depends on it, and would be lost, too: ", found.dependents);
    ask_to_type(work.given.schema, "Type the name of the schema to drop it: ");
}

asio::awaitable<void> run_drop(task work) {
    const bool only_counts = work.given.has("dry-run");
    if (work.given.has("yes") && only_counts) throw usage_error("--yes and --dry-run exclude each other");
    const bool asks =
        !only_counts && has_to_ask(work.given, "say --yes to drop the store, or --dry-run to see what is in it");
    const bool is_forced = work.given.has("force");
    auto looking = preview_drop(work.given.options(work.background));
    const drop_preview found = co_await std::move(looking);
    if (only_counts) {
        work.out.put(preview_json(work, found) + "}\n");
        co_return;
    }
    // Nobody is asked in vain; and what is free by the next moment is not dropped without a question.
    if (asks && !is_forced && !found.is_unused())
        throw std::runtime_error(
            "the store is not dropped: " + in_the_way(found) + "; end or move them first, or say --force");
    if (asks) ask_for_name(work, found);
    auto dropping = drop_store(work.given.options(work.background), is_forced);
    co_await std::move(dropping);
    if (work.given.format == style::json)
        work.out.put(preview_json(work, found) + ",\"dropped\":true}\n");
    else
        work.out.put("the schema " + printable(work.given.schema) + " is dropped: " + contents(found) + '\n');
}

void add_drop_options(po::options_description& options) {
    add_confirmation_option(options);
    auto add = options.add_options();
    add("force", "even if sessions use the store, or what is not the store's would be lost, too");
    add("dry-run", "only tell what would be lost");
}

} // namespace

const command drop_command = {
    .name = "drop",
    .summary = "drop a store with everything in it",
    .argument = "",
    .help =
        R"(Drops the schema of a store with all events, streams and subscriptions. It cannot be undone. On a terminal it tells how
much that is, and asks for the name of the schema; without a terminal it needs --yes.

Refuses a schema that holds no event store, or that belongs to another role. Without --force it also refuses one that open
sessions use, whose subscriptions have an owner, that holds tables of others, or on which views or tables of other schemas
depend; it names them.
)",
    .add_options = add_drop_options,
    .run = run_drop,
};

} // namespace eventstore::cli
