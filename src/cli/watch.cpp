#include "cli/watch.hpp"

#include "cli/json_text.hpp"
#include "cli/stop_watch.hpp"
#include "cli/subscription_rates.hpp"
#include "cli/subscription_rows.hpp"
#include "cli/table.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <utility>
#include <vector>

namespace eventstore::cli {

namespace {

using watched = subscription_rates::watched;

std::string decimal(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

/// "1:02:03"; "-" if that is not to be seen.
std::string left_text(const watched& one) {
    if (one.info.lag_events == 0) return "";
    if (!one.left) return "-";
    const auto seconds = static_cast<std::int64_t>(std::ceil(one.left->count()));
    char text[48];
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(seconds / 3600),
        static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
    return text;
}

std::string line_of(const watched& one) {
    if (one.is_gone)
        return "{\"stream\":" + json_string(one.info.stream) + ",\"name\":" + json_string(one.info.name) +
            ",\"gone\":true}\n";
    std::string line = json_members_of(one.info) + ",\"events_per_second\":" + decimal(one.rate);
    if (one.left) line += ",\"seconds_left\":" + decimal(one.left->count());
    return line + "}\n";
}

class watch_printer {
public:
    explicit watch_printer(const task& work)
        : out_(work.out),
          format_(work.given.format),
          is_in_place_(work.out.is_terminal() && format_ == style::table),
          table_(work.out, columns()) {}

    void print(const std::vector<watched>& all) {
        if (is_in_place_) {
            out_.put("\x1b[H\x1b[2J"); // from the upper left corner, on an empty screen
            table frame(out_, columns());
            for (const watched& one : all)
                if (!one.is_gone) frame.add(row_of(one));
            frame.flush();
        } else {
            for (const watched& one : all) {
                if (!one.is_changed && !one.is_gone) continue;
                if (format_ == style::json)
                    out_.put(line_of(one));
                else
                    table_.add(row_of(one));
            }
            if (format_ == style::table) table_.flush();
        }
        out_.flush();
    }

private:
    static std::vector<table::column> columns() {
        return {{"NAME"}, {"STREAM"}, {"CHECKPOINT", true}, {"LAG", true}, {"SECONDS", true}, {"PARKED", true},
            {"RATE/s", true}, {"LEFT", true}, {"OWNER"}};
    }
    static std::vector<std::string> row_of(const watched& one) {
        std::vector<std::string> cells = subscription_cells(one.info);
        const std::string owner = one.is_gone ? "(deleted)" : cells.back();
        cells.pop_back();
        cells.push_back(decimal(one.rate));
        cells.push_back(left_text(one));
        cells.push_back(owner);
        return cells;
    }

    output& out_;
    style format_;
    bool is_in_place_;
    table table_;
};

asio::awaitable<void> watch(task work, std::chrono::milliseconds every) {
    using clock = std::chrono::steady_clock;
    const store from = co_await open(work.given.options(work.background));
    asio::steady_timer timer(co_await asio::this_coro::executor);
    watch_printer printer(work);
    subscription_rates rates;
    clock::time_point last = clock::now();
    for (;;) {
        std::vector<subscription_info> list;
        bool is_known = true;
        try {
            list = co_await from.subscriptions();
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

} // namespace

asio::awaitable<void> watch_subscriptions(task work, std::chrono::milliseconds every) {
    return run_until_stopped(work, watch(work, every));
}

} // namespace eventstore::cli
