// `snapshot`: what is kept of a source.
#include "cli/arguments.hpp"
#include "cli/event_json.hpp"
#include "cli/table.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"

#include <string>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace {

asio::awaitable<void> print_snapshot(task work) {
    if (!work.given.has("argument")) throw usage_error("which snapshot? Say eventstore snapshot SOURCE");
    const store from = co_await open(work.given.options(work.background));
    const snapshot found = co_await from.read_snapshot(work.given.get<std::string>("argument"));
    if (work.given.format == style::json) {
        work.out.put(to_json(found) + '\n');
        co_return;
    }
    std::vector<std::string> cells;
    cells.push_back(std::to_string(found.version()));
    cells.push_back(to_text(found.recorded_at()));
    cells.push_back(found.type());
    cells.push_back(shown(found.data()));
    table rows(work.out, {{"VERSION", true}, {"RECORDED AT"}, {"TYPE"}, {"DATA"}});
    rows.add(std::move(cells));
    rows.flush();
}

} // namespace

const command snapshot_command = {
    .name = "snapshot",
    .summary = "print the snapshot of a source",
    .argument = "SOURCE",
    .help =
        "Prints the newest snapshot of a source (usually the name of a stream): the version of the last event in it,\n"
        "its type, when it was recorded, and its data, in the format of `read`.\n",
    .run = print_snapshot,
};

} // namespace eventstore::cli
