// `tail`: events as they are appended.
#include "cli/arguments.hpp"
#include "cli/event_printer.hpp"
#include "cli/stop_watch.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace po = boost::program_options;

namespace {

struct tail_request {
    std::string stream;
    std::optional<std::int64_t> from;
    std::size_t count = 0;
    std::vector<std::string> types;

    bool is_of_all() const { return stream == "$all"; }
};

tail_request parse_tail(const arguments& given) {
    tail_request wanted;
    wanted.stream = given.get("argument", "$all");
    wanted.from = given.from();
    wanted.count = given.count();
    if (given.has("type")) wanted.types = given.get<std::vector<std::string>>("type");
    return wanted;
}

/// Prints each event once, whether it comes from storage or live, or from both.
class tail_printer {
public:
    tail_printer(const task& work, const tail_request& wanted, std::int64_t next)
        : out_(work.out), printer_(work), is_of_all_(wanted.is_of_all()), left_(wanted.count), next_(next) {}

    void print(const event_page& page) {
        for (const recorded_event& event : page) {
            if (is_done()) break;
            if (place_of(event) < next_) continue;
            printer_.print(event);
            next_ = place_of(event) + 1;
            --left_;
        }
        printer_.flush();
    }
    bool is_done() const { return left_ == 0 || out_.gone(); }
    std::size_t left() const { return left_; }
    /// The version or position that has not been printed.
    std::int64_t next() const { return next_; }
    bool is_behind(const event_page& page) const { return place_of(page.front()) > next_; }

private:
    std::int64_t place_of(const recorded_event& event) const { return is_of_all_ ? event.position() : event.version(); }

    output& out_;
    event_printer printer_;
    bool is_of_all_;
    std::size_t left_;
    std::int64_t next_;
};

/// The version of the stream, or the position of the last event of all; 0 if nothing is there yet.
asio::awaitable<std::int64_t> head_of(store from, std::string stream) {
    try {
        const stream_info info = co_await from.stream_info(stream);
        co_return info.version;
    } catch (const error& e) {
        if (e.code() != errc::stream_not_found) throw;
    }
    co_return 0;
}

/// Prints what is stored and has not been printed.
asio::awaitable<void> catch_up(store from, const tail_request& wanted, tail_printer& events) {
    read_options options;
    options.from(events.next()).types(wanted.types);
    options.count(std::min(events.left(), options.count()));
    event_scan scan = wanted.is_of_all() ? from.scan_all(options) : from.scan(wanted.stream, options);
    try {
        while (auto page = co_await scan.next_page()) {
            events.print(*page);
            if (events.is_done()) break;
        }
    } catch (const error& e) {
        if (e.code() != errc::stream_not_found) throw; // it may yet come
    }
}

asio::awaitable<void> follow(task work, tail_request wanted) {
    const store from = co_await open(work.given.options(work.background));
    std::int64_t first = 0;
    if (wanted.from)
        first = *wanted.from;
    else
        first = co_await head_of(from, wanted.stream) + 1;

    // The listener comes before the reading, so that nothing falls between the two.
    listen_options options;
    const auto is_wanted = [types = wanted.types](const recorded_event& event) {
        return std::find(types.begin(), types.end(), event.type()) != types.end();
    };
    if (!wanted.types.empty()) options.selector(is_wanted);
    auto listening = from.listen(wanted.stream, std::move(options));
    event_listener live = co_await std::move(listening);
    tail_printer events(work, wanted, first);
    co_await catch_up(from, wanted, events);
    if (work.given.verbose) std::cerr << "eventstore: all that is stored is printed; listening" << std::endl;

    while (!events.is_done()) {
        const std::optional<event_page> page = co_await live.next();
        if (!page) co_return;
        // What was dropped while the output was slow is in storage.
        if (live.missed() > 0 && events.is_behind(*page)) co_await catch_up(from, wanted, events);
        events.print(*page);
    }
}

asio::awaitable<void> run_tail(task work) {
    tail_request wanted = parse_tail(work.given);
    return run_until_stopped(work, follow(work, std::move(wanted)));
}

void add_tail_options(po::options_description& options) {
    auto add = options.add_options();
    add("from", po::value<std::int64_t>()->value_name("N"),
        "start at this version of the stream, or position of $all, and first print the stored events; by default only "
        "new events");
    add("count", po::value<std::int64_t>()->value_name("N"), "end after printing this many");
    add("type", po::value<std::vector<std::string>>()->value_name("TYPE"), "only events of this type; may be repeated");
}

} // namespace

const command tail_command = {
    .name = "tail",
    .summary = "print events as they are appended",
    .argument = "STREAM",
    .help =
        R"(Prints the events of a stream as they are appended; without a stream, or with '$all', those of all streams. Each is
printed once, in order and at once, in the format of `eventstore read`. The stream need not exist yet.

Runs until it is interrupted (SIGINT, SIGTERM) or the reader of its output exits; neither is a failure. Reconnects after a
lost connection. Leaves nothing in the database: to resume later, give --from the number after the last one.
)",
    .add_options = add_tail_options,
    .run = run_tail,
};

} // namespace eventstore::cli
