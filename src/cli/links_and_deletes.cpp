// `link`, `delete` and `restore`: what may be done with whole streams.
#include "cli/arguments.hpp"
#include "cli/event_json.hpp"
#include "cli/expected.hpp"
#include "cli/json_text.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <string>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

std::string stream_of(const arguments& given) {
    if (!given.has("argument")) throw usage_error(std::string(given.command->name) + " which stream?");
    return given.get<std::string>("argument");
}

asio::awaitable<void> link_events(task work) {
    const std::string stream = stream_of(work.given);
    const expected_version expected = parse_expected(work.given.get("expect", "any"));
    std::vector<uuid> ids;
    if (work.given.has("event")) {
        for (const std::string& text : work.given.get<std::vector<std::string>>("event")) {
            const auto id = parse_uuid(text);
            if (!id) throw usage_error("--event takes the id of an event, a UUID");
            ids.push_back(*id);
        }
    }
    if (ids.empty()) throw usage_error("link which events? Name them by --event ID");
    const store into = co_await open(work.given.options(work.background));
    const append_result result = co_await into.link(stream, expected, std::move(ids));
    work.out.put(to_json(stream, result) + '\n');
}

std::string counted(const deletion_preview& would_go) {
    return "\"events\":" + std::to_string(would_go.events) + ",\"links\":" + std::to_string(would_go.links) +
        ",\"links_to_it\":" + std::to_string(would_go.links_to_it) +
        ",\"subscriptions\":" + std::to_string(would_go.subscriptions);
}

asio::awaitable<void> delete_stream(task work) {
    const std::string stream = stream_of(work.given);
    const expected_version expected = parse_expected(work.given.get("expect", "any"));
    const bool for_good = work.given.has("for-good");
    auto options = work.given.options(work.background);
    options.allow_hard_delete(for_good);
    const store from = co_await open(std::move(options));
    std::string line = "{\"stream\":" + json_string(stream);
    if (for_good || work.given.has("dry-run")) {
        const deletion_preview would_go = co_await from.preview_deletion(stream);
        line += ',' + counted(would_go);
    }
    if (!work.given.has("dry-run")) {
        deletion mode = deletion::soft;
        if (for_good) mode = deletion::hard;
        co_await from.delete_stream(stream, expected, mode);
        line += for_good ? ",\"deleted\":\"for good\"" : ",\"deleted\":true";
    }
    work.out.put(line + "}\n");
}

asio::awaitable<void> restore_stream(task work) {
    const std::string stream = stream_of(work.given);
    const store in = co_await open(work.given.options(work.background));
    co_await in.restore_stream(stream);
    work.out.put("{\"stream\":" + json_string(stream) + ",\"deleted\":false}\n");
}

void add_expect(po::options_description& options) {
    options.add_options()("expect", po::value<std::string>()->value_name("WHAT"),
        "only if the stream is as expected: any (the default), no-stream, exists, or its exact version");
}

void add_link_options(po::options_description& options) {
    add_expect(options);
    options.add_options()("event", po::value<std::vector<std::string>>()->value_name("ID")->composing(),
        "the id of an event to link to; may be repeated, and the order counts");
}

void add_delete_options(po::options_description& options) {
    add_expect(options);
    auto add = options.add_options();
    add("for-good", "remove the events, and the links to them in other streams; cannot be undone");
    add("dry-run", "only count what --for-good would remove");
}

} // namespace

const command link_command = {
    .name = "link",
    .summary = "link stored events into another stream",
    .argument = "STREAM",
    .help = "Links stored events into another stream as well: all of them, or none. A read of that stream returns the\n"
            "original events. Prints the stream's versions and positions.\n",
    .add_options = add_link_options,
    .run = link_events,
};

const command delete_command = {
    .name = "delete",
    .summary = "soft-delete a stream, or remove it permanently",
    .argument = "STREAM",
    .help =
        "Soft-deletes a stream: it can no longer be read or appended to, but its events stay in the log and readable\n"
        "through links, and `restore` undoes it. With --for-good the events are removed, and the name is free for a\n"
        "new stream.\n",
    .add_options = add_delete_options,
    .run = delete_stream,
};

const command restore_command = {
    .name = "restore",
    .summary = "restore a soft-deleted stream",
    .argument = "STREAM",
    .help = "Undoes `delete` without --for-good. A stream that is not deleted stays as it is.\n",
    .run = restore_stream,
};

} // namespace eventstore::cli
