// `append`: events from lines of JSON.
#include "cli/arguments.hpp"
#include "cli/bulk_append.hpp"
#include "cli/event_json.hpp"
#include "cli/expected.hpp"
#include "cli/line_reader.hpp"
#include "cli/usage_error.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/program_options/value_semantic.hpp>

#include <charconv>
#include <memory>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t largest_append = std::size_t{64} << 20; // the store's own limit

/// The next line that is not blank, parsed. \throws usage_error that names the line
std::optional<input_event> next_event(line_reader& input) {
    while (input.peek() == line_reader::state::line) {
        const std::string_view line = input.take();
        if (line.find_first_not_of(" \t") == line.npos) continue;
        try {
            return parse_event(line);
        } catch (const usage_error& e) {
            throw usage_error("line " + std::to_string(input.number()) + ": " + e.what());
        }
    }
    return std::nullopt;
}

std::string counted(std::size_t number, const char* noun) {
    return std::to_string(number) + ' ' + noun + (number == 1 ? "" : "s");
}

/// All of the input as one append.
asio::awaitable<void> append_at_once(task work, std::string stream, expected_version expected) {
    std::vector<event_data> list;
    {
        line_reader input(work.given.get("file", "-"));
        std::size_t bytes = 0;
        for (auto state = input.peek(); state != line_reader::state::end; state = input.peek()) {
            if (state == line_reader::state::waiting) input.wait();
            std::optional<input_event> next = next_event(input);
            if (!next) continue;
            if (next->stream && *next->stream != stream)
                throw usage_error("line " + std::to_string(input.number()) + ": the event is of another stream, '" +
                    *next->stream + "'; --bulk appends to many");
            bytes += next->event.data().size() + next->event.metadata().size();
            if (bytes > largest_append)
                throw usage_error(
                    "the input is larger than one append may be, 64 MB; --bulk makes an append of each line");
            list.push_back(std::move(next->event));
        }
    }
    const std::size_t count = list.size();
    if (count == 0) co_return;

    const store target = co_await open(work.given.options(work.background));
    const append_result result = co_await target.append(stream, expected, std::move(list));
    if (work.given.format == style::json) {
        work.out.put(to_json(stream, result) + '\n');
    } else {
        work.out.put(counted(count, "event") + (result.already_appended ? " were there already: " : " appended: ") +
            "versions " + std::to_string(result.first_version) + " to " + std::to_string(result.last_version) +
            ", positions " + std::to_string(result.first_position) + " to " + std::to_string(result.last_position) +
            '\n');
    }
}

/// Each line as an append of its own, many under way.
asio::awaitable<void> append_in_bulk(task work, std::optional<std::string> stream, expected_version expected) {
    line_reader input(work.given.get("file", "-"));
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    store target = co_await open(work.given.options(work.background));

    std::size_t appended = 0;
    std::size_t already_there = 0;
    auto report = [&](const bulk_append::appended& done) {
        if (done.result.already_appended)
            ++already_there;
        else
            ++appended;
        if (work.given.format == style::json) work.out.put(to_json(done.stream, done.result) + '\n');
    };
    const auto appends = std::make_shared<bulk_append>(std::move(target), executor, report);

    std::optional<usage_error> bad_line;
    while (!appends->failed() && !bad_line) {
        const line_reader::state state = input.peek();
        if (state == line_reader::state::end) break;
        if (state == line_reader::state::waiting) {
            // Whoever writes the input may be waiting to hear what became of it.
            co_await appends->finish();
            work.out.flush();
            input.wait();
            continue;
        }
        std::optional<input_event> next;
        try {
            next = next_event(input);
            if (next && !next->stream && !stream)
                throw usage_error("line " + std::to_string(input.number()) +
                    ": the member \"stream\" is missing, and the command line names no stream either");
        } catch (const usage_error& e) {
            bad_line = e;
        }
        if (!next || bad_line) continue;
        std::string name = next->stream ? std::move(*next->stream) : *stream;
        co_await appends->add(input.number(), std::move(name), expected, std::move(next->event));
    }
    co_await appends->finish();

    if (work.given.format == style::table) {
        work.out.put(counted(appended, "event") + " appended");
        if (already_there > 0) work.out.put(", " + std::to_string(already_there) + " were there already");
        work.out.put("\n");
    }
    if (appends->failed()) throw error(appends->why());
    if (bad_line) throw usage_error(*bad_line);
}

asio::awaitable<void> run_append(task work) {
    const arguments& given = work.given;
    const std::string expect = given.get("expect", "any");
    const expected_version expected = parse_expected(expect);
    if (given.has("bulk")) {
        if (expect != "any" && expect != "exists")
            throw usage_error("--bulk makes an append of each line: it goes with --expect any or exists only");
        std::optional<std::string> stream;
        if (given.has("argument")) stream = given.get<std::string>("argument");
        return append_in_bulk(std::move(work), std::move(stream), expected);
    }
    if (!given.has("argument")) throw usage_error("append to which stream? Name one, or say --bulk");
    std::string stream = given.get<std::string>("argument");
    return append_at_once(std::move(work), std::move(stream), expected);
}

void add_append_options(po::options_description& options) {
    auto add = options.add_options();
    add("expect", po::value<std::string>()->value_name("WHAT"),
        "append only if the stream is as expected: any (the default), no-stream, exists, or its exact version");
    add("file", po::value<std::string>()->value_name("FILE"), "read this file instead of the standard input");
    add("bulk", "make each line a separate append, with many under way at a time");
}

} // namespace

const command append_command = {
    .name = "append",
    .summary = "append events from JSON lines",
    .argument = "STREAM",
    .help =
        R"(Appends the events in the standard input, one JSON object per line, to a stream. All of them are stored, or none.

  {"type": "Deposited", "data": {"cents": 500}}

type            what happened
data            any JSON, stored exactly as written: a string with its quotes, a number with all its digits
data_text       instead: text that is not JSON, as a JSON string; stored without the quotes
data_base64     instead: any bytes
metadata        like data; or metadata_text, or metadata_base64
id              a UUID; by default a new one. Events whose ids are already in the stream are not stored again
correlation_id  a UUID
causation_id    a UUID
created_at      2025-06-24T14:36:25Z; by default the time of the append
stream          the stream to append to

The output of `eventstore read` can be appended unchanged, and gives the same bytes; position and version are ignored.
The input is UTF-8.

With --bulk each line is a separate append, to the stream that it names, or else to STREAM. Appends to one stream keep
their order. After the first failure the program reads no more lines; earlier lines are stored, and some that were
under way may be. If the lines have ids, the same input can safely be sent again.

Prints a line for each append: its stream, versions and positions, and whether it was already stored.
)",
    .add_options = add_append_options,
    .run = run_append,
};

} // namespace eventstore::cli
