// `--watch`: a list that is shown again and again.
#pragma once

#include "cli/arguments.hpp"
#include "cli/progress_rates.hpp"
#include "cli/stop_watch.hpp"
#include "cli/table.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::cli {

/// --watch and --every.
void add_watch_options(boost::program_options::options_description& options);
/// How often to look; nothing if the list is to be shown once. \throws usage_error
std::optional<std::chrono::milliseconds> watch_period(const arguments& given);

/// With one digit after the point.
std::string decimal_text(double value);
/// "1:02:03", rounded up.
std::string time_left_text(std::chrono::duration<double> left);

/// How rows of a kind are looked for, and printed.
template <class Info>
struct watched_list {
    using watched = typename progress_rates<Info>::watched;

    asio::awaitable<std::vector<Info>> (*look)(store from);
    std::vector<table::column> (*columns)();
    std::vector<std::string> (*cells_of)(const watched& one); ///< one that is gone included
    std::string (*line_of)(const watched& one);               ///< of JSON
};

template <class Info>
class watch_printer {
public:
    using watched = typename progress_rates<Info>::watched;

    watch_printer(const task& work, const watched_list<Info>& of)
        : out_(work.out),
          of_(of),
          format_(work.given.format),
          is_in_place_(work.out.is_terminal() && format_ == style::table),
          table_(work.out, of.columns()) {}

    void print(const std::vector<watched>& all) {
        if (is_in_place_) {
            out_.put("\x1b[H\x1b[2J"); // from the upper left corner, on an empty screen
            table frame(out_, of_.columns());
            for (const watched& one : all)
                if (!one.is_gone) frame.add(of_.cells_of(one));
            frame.flush();
        } else {
            for (const watched& one : all) {
                if (!one.is_changed && !one.is_gone) continue;
                if (format_ == style::json)
                    out_.put(of_.line_of(one));
                else
                    table_.add(of_.cells_of(one));
            }
            if (format_ == style::table) table_.flush();
        }
        out_.flush();
    }

private:
    output& out_;
    const watched_list<Info> of_;
    style format_;
    bool is_in_place_;
    table table_;
};

/// Shows them in place on a terminal, else a line for each that has changed; until nobody reads it.
template <class Info>
asio::awaitable<void> watch(task work, std::chrono::milliseconds every, watched_list<Info> of) {
    using clock = std::chrono::steady_clock;
    const store from = co_await open(work.given.options(work.background));
    asio::steady_timer timer(co_await asio::this_coro::executor);
    watch_printer<Info> printer(work, of);
    progress_rates<Info> rates;
    clock::time_point last = clock::now();
    for (;;) {
        std::vector<Info> list;
        bool is_known = true;
        try {
            list = co_await of.look(from);
        } catch (const error& e) {
            if (!e.why().retry_helps()) throw;
            is_known = false; // the server restarts, perhaps
            if (work.given.verbose) std::cerr << "eventstore: " << e.what() << std::endl;
        }
        if (is_known) {
            const clock::time_point now = clock::now();
            printer.print(rates.look(list, now - std::exchange(last, now)));
        }
        if (work.out.gone()) co_return;
        timer.expires_after(every);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

/// The same, until the user ends it.
template <class Info>
asio::awaitable<void> watch_until_stopped(task work, std::chrono::milliseconds every, watched_list<Info> of) {
    return run_until_stopped(work, watch(work, every, of));
}

} // namespace eventstore::cli
