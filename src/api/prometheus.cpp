#include <eventstore/prometheus.hpp>

#include "base/text.hpp"

#include <charconv>
#include <concepts>
#include <span>
#include <utility>
#include <vector>

namespace eventstore {

namespace {

using std::chrono::microseconds;

std::string number(std::integral auto value) { return std::to_string(value); }

/// The shortest text that is exactly this number.
std::string number(double value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value);
    return std::string(text, end.ptr);
}

std::string number(std::chrono::milliseconds time) { return number(static_cast<double>(time.count()) / 1e3); }
std::string number(microseconds time) { return number(static_cast<double>(time.count()) / 1e6); }

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

/// Of one line: name="value",...
class labels {
public:
    labels& add(std::string_view name, std::string_view value) {
        if (!text_.empty()) text_ += ',';
        text_ += detail::message(name, "=\"", escaped(value), "\"");
        return *this;
    }
    std::string braced() const { return text_.empty() ? std::string() : detail::message("{", text_, "}"); }

private:
    std::string text_;
};

struct labelled_stats {
    labels of;
    const store_stats* stats = nullptr;
};

/// Writes one family of metrics after the other; a family has the lines of all stores.
class writer {
public:
    explicit writer(std::span<const labelled_stats> stores) : stores_(stores) {}

    std::string take() { return std::move(text_); }

    template <class Value>
    void counter(std::string_view name, std::string_view help, Value value_of) {
        family(name, help, "counter");
        for (const labelled_stats& store : stores_) line(name, store.of, number(value_of(*store.stats)));
    }

    template <class Value>
    void gauge(std::string_view name, std::string_view help, Value value_of) {
        family(name, help, "gauge");
        for (const labelled_stats& store : stores_) line(name, store.of, number(value_of(*store.stats)));
    }

    template <class Value>
    void histogram(std::string_view name, std::string_view help, Value value_of) {
        family(name, help, "histogram");
        for (const labelled_stats& store : stores_) buckets(name, store.of, value_of(*store.stats));
    }

    // Of each pool of connections.

    template <class Value>
    void pool_gauge(std::string_view name, std::string_view help, Value value_of) {
        family(name, help, "gauge");
        each_pool([&](const labels& of, const pool_stats& pool) { line(name, of, number(value_of(pool))); });
    }
    void pool_histogram(std::string_view name, std::string_view help) {
        family(name, help, "histogram");
        each_pool([&](const labels& of, const pool_stats& pool) { buckets(name, of, pool.wait); });
    }

    // Of each subscription.

    template <class Value>
    void subscription(std::string_view type, std::string_view name, std::string_view help, Value value_of) {
        family(name, help, type);
        for (const labelled_stats& store : stores_) {
            for (const subscription_stats& each : store.stats->subscriptions) {
                labels of = store.of;
                of.add("stream", each.stream).add("subscription", each.name);
                line(name, of, number(value_of(each)));
            }
        }
    }

private:
    void family(std::string_view name, std::string_view help, std::string_view type) {
        text_ += detail::message("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
    }

    void line(std::string_view name, const labels& of, std::string_view value) {
        text_ += detail::message(name, of.braced(), " ", value, "\n");
    }

    template <class Function>
    void each_pool(const Function& function) const {
        for (const labelled_stats& store : stores_) {
            const std::pair<const char*, const pool_stats*> pools[] = {{"reading", &store.stats->reading},
                {"appending", &store.stats->appending}, {"transacting", &store.stats->transacting}};
            for (const auto& [name, pool] : pools) {
                labels of = store.of;
                function(of.add("pool", name), *pool);
            }
        }
    }

    template <class Value>
    void buckets(std::string_view name, const labels& of, const distribution<Value>& values) {
        const std::string bucket = detail::message(name, "_bucket");
        for (std::size_t i = 0; i < values.below.size(); ++i) {
            // Whole numbers below a bound are those up to the one before; a duration is never the bound itself.
            const Value last = values.bound(i) - (std::integral<Value> ? Value(1) : Value(0));
            labels here = of;
            line(bucket, here.add("le", number(last)), number(values.below[i]));
        }
        labels all = of;
        line(bucket, all.add("le", "+Inf"), number(values.count));
        line(detail::message(name, "_sum"), of, number(values.sum));
        line(detail::message(name, "_count"), of, number(values.count));
    }

    const std::span<const labelled_stats> stores_;
    std::string text_;
};

void write_appends(writer& to) {
    to.counter("eventstore_appends_total", "Appends that succeeded.", [](auto& s) { return s.appends; });
    to.counter("eventstore_appended_events_total", "Events of these.", [](auto& s) { return s.events_appended; });
    to.counter("eventstore_flushes_total", "Transactions used for them.", [](auto& s) { return s.flushes; });
    to.counter(
        "eventstore_retried_flushes_total", "Flushes that were sent again.", [](auto& s) { return s.retried_flushes; });
    to.histogram("eventstore_append_queued_seconds", "From the call of an append to its sending.",
        [](auto& s) { return s.append_queued; });
    to.histogram("eventstore_append_sent_seconds", "From the sending of an append to the answer.",
        [](auto& s) { return s.append_sent; });
    to.histogram("eventstore_append_durable_seconds", "From the call of an append to the answer.",
        [](auto& s) { return s.append_durable; });
    to.histogram("eventstore_flush_appends", "Appends in a flush.", [](auto& s) { return s.flush_appends; });
    to.histogram("eventstore_flush_events", "Events in a flush.", [](auto& s) { return s.flush_events; });
    to.gauge("eventstore_queued_appends", "Appends that wait to be sent.", [](auto& s) { return s.queued_appends; });
    to.gauge("eventstore_queued_bytes", "Bytes of appends that wait or are under way.",
        [](auto& s) { return s.queued_bytes; });
    to.counter("eventstore_lock_timeouts_total", "Operations that failed with lock_timeout.",
        [](auto& s) { return s.lock_timeouts; });
    to.histogram("eventstore_lock_wait_seconds", "How long appends waited for a lock that they did not get.",
        [](auto& s) { return s.lock_wait; });
}

void write_reads(writer& to) {
    to.counter("eventstore_read_statements_total", "Read statements sent.", [](auto& s) { return s.reads; });
    to.counter("eventstore_read_pages_total", "Pages read.", [](auto& s) { return s.pages_read; });
    to.counter("eventstore_read_events_total", "Events read.", [](auto& s) { return s.events_read; });
    to.histogram(
        "eventstore_read_seconds", "How long the reading of a page took.", [](auto& s) { return s.read_page; });
    to.gauge("eventstore_reads_in_flight", "Read statements that wait for an answer.",
        [](auto& s) { return s.reads_in_flight; });
    to.counter("eventstore_write_statements_total", "Statements sent that write, without appends.",
        [](auto& s) { return s.other_statements; });
}

void write_connections(writer& to) {
    to.pool_gauge("eventstore_connections", "Open connections.", [](auto& p) { return p.connections; });
    to.pool_gauge("eventstore_connections_in_use", "Connections that are used now.", [](auto& p) { return p.in_use; });
    to.pool_gauge("eventstore_connections_limit", "At most so many are opened.", [](auto& p) { return p.limit; });
    to.pool_gauge("eventstore_connection_waiters", "Callers without a connection.", [](auto& p) { return p.waiting; });
    to.pool_histogram("eventstore_connection_wait_seconds", "How long callers waited for a connection.");
    to.counter("eventstore_connects_total", "Connections made.", [](auto& s) { return s.connects; });
    to.counter("eventstore_reconnects_total", "Connections made in the place of lost ones.",
        [](auto& s) { return s.reconnects; });
    to.counter("eventstore_connections_lost_total",
        "Connections that ended by themselves, or for a statement that was given up.",
        [](auto& s) { return s.connections_lost; });
    to.counter("eventstore_connect_failures_total", "Attempts to connect that failed.",
        [](auto& s) { return s.connect_failures; });
}

void write_subscriptions(writer& to) {
    to.gauge("eventstore_feed_lag_events", "Positions that were not passed to the subscriptions of this process yet.",
        [](auto& s) { return s.feed_lag_events; });
    to.gauge("eventstore_feed_lag_seconds", "For how long there have been any.", [](auto& s) { return s.feed_lag; });
    to.gauge("eventstore_feed_stalled", "1 if they do not become fewer, or the log cannot be read.",
        [](auto& s) { return int(s.feed_stalled); });
    to.subscription("gauge", "eventstore_subscription_position", "Everything up to here is acknowledged.",
        [](auto& s) { return s.position; });
    to.subscription("gauge", "eventstore_subscription_lag_events", "Events after the checkpoint.",
        [](auto& s) { return s.lag_events; });
    to.subscription("gauge", "eventstore_subscription_lag_seconds", "The age of the oldest event after the checkpoint.",
        [](auto& s) { return s.lag; });
    to.subscription("gauge", "eventstore_subscription_stalled", "1 if it lags and its checkpoint does not move.",
        [](auto& s) { return int(s.stalled); });
    to.subscription("gauge", "eventstore_subscription_live", "0 if it reads stored events to catch up.",
        [](auto& s) { return int(s.is_live); });
    to.subscription("gauge", "eventstore_subscription_consumers", "Consumers in this process.",
        [](auto& s) { return s.consumers; });
    to.subscription("gauge", "eventstore_subscription_queued_events", "Events in memory that wait for a consumer.",
        [](auto& s) { return s.queued; });
    to.subscription("gauge", "eventstore_subscription_in_flight_events", "Events delivered and not settled.",
        [](auto& s) { return s.in_flight; });
    to.subscription("counter", "eventstore_subscription_deliveries_total", "Deliveries of events.",
        [](auto& s) { return s.delivered; });
    to.subscription("counter", "eventstore_subscription_redeliveries_total", "Deliveries that were not the first.",
        [](auto& s) { return s.redelivered; });
    to.subscription(
        "gauge", "eventstore_subscription_parked_events", "Parked events.", [](auto& s) { return s.parked; });
    to.subscription("gauge", "eventstore_subscription_oldest_parked_seconds",
        "For how long the oldest parked event has been parked.", [](auto& s) { return s.oldest_parked; });
}

std::string write_all(std::span<const labelled_stats> stores) {
    writer to(stores);
    write_appends(to);
    write_reads(to);
    write_connections(to);
    write_subscriptions(to);
    to.histogram("eventstore_handler_blocked_seconds", "How long handlers kept a thread that kept it for too long.",
        [](auto& s) { return s.blocked; });
    return to.take();
}

} // namespace

std::string prometheus_text(const store_stats& stats, std::string_view store) {
    labelled_stats one;
    if (!store.empty()) one.of.add("store", store);
    one.stats = &stats;
    return write_all(std::span(&one, 1));
}

std::string prometheus_text(const std::map<std::string, store_stats>& by_store) {
    std::vector<labelled_stats> all;
    for (const auto& [name, stats] : by_store) {
        labelled_stats& store = all.emplace_back();
        store.of.add("store", name);
        store.stats = &stats;
    }
    return write_all(all);
}

} // namespace eventstore
