#include "storage/validation.hpp"

#include "base/text.hpp"
#include "storage/schema.hpp"

#include <boost/container_hash/hash.hpp>
#include <boost/uuid/uuid_hash.hpp>

#include <string_view>
#include <unordered_set>
#include <utility>

namespace eventstore::storage {

namespace {

using detail::message;
using detail::quoted_for_message;

constexpr std::size_t longest_name = 512;                     // of streams and event types, in bytes
constexpr std::size_t largest_append = std::size_t{64} << 20; // bytes; a message of PostgreSQL's is 1 GB at most
constexpr std::size_t largest_event_option = largest_append;
constexpr std::size_t most_events = 1'000'000; // of one append
constexpr std::size_t most_streams = 100'000;

// Of created_at: what every client of the database can read.
constexpr timestamp earliest = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
constexpr timestamp latest = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1) - std::chrono::microseconds(1);

failure refuse(std::string text, const std::string& stream = {}) {
    return failure(errc::invalid_argument, {.message = std::move(text), .stream = stream});
}

failure reserved(const std::string& stream, std::string_view advice) {
    return failure(errc::reserved_stream,
        {.message = message(
             "stream ", quoted_for_message(stream), ": names that begin with $ are the store's own; ", advice),
            .stream = stream});
}

std::optional<failure> check_event(const event_data& event, const std::string& stream, const store_options& options) {
    if (auto why = check_text("event type", event.type())) return why;
    if (event.id().is_nil())
        return refuse(message("appending to stream ", quoted_for_message(stream), ": the id of the event of type ",
                          quoted_for_message(event.type()),
                          " is nil (all zero), as of a member that was never set; give it one by make_uuid(), or leave "
                          "the one that event_data made"),
            stream);
    const std::size_t bytes = event.data().size() + event.metadata().size();
    if (bytes > options.max_event_bytes()) {
        return refuse(message("appending to stream ", quoted_for_message(stream), ": the event ", to_string(event.id()),
                          " of type ", quoted_for_message(event.type()), " has ", std::to_string(bytes),
                          " bytes of data and metadata; ", std::to_string(options.max_event_bytes()),
                          " are the most (max_event_bytes)"),
            stream);
    }
    if (event.created_at() && (*event.created_at() < earliest || *event.created_at() > latest)) {
        return refuse(message("appending to stream ", quoted_for_message(stream), ": created_at of the event ",
                          to_string(event.id()), " is beyond the years 1 to 9999"),
            stream);
    }
    return std::nullopt;
}

} // namespace

std::optional<failure> check_text(std::string_view subject, const std::string& text) {
    if (text.empty()) return refuse(message("the ", subject, " is empty"));
    if (text.size() > longest_name) {
        return refuse(message("the ", subject, " ", quoted_for_message(text), " has ", std::to_string(text.size()),
            " bytes; 512 are the most"));
    }
    if (!detail::is_storable_text(text))
        return refuse(message("the ", subject, " ", quoted_for_message(text), " is not UTF-8, or holds a NUL"));
    return std::nullopt;
}

std::optional<failure> check_stream_to_write(const std::string& stream, expected_version expected) {
    if (auto why = check_text("stream name", stream)) return why;
    if (stream.front() == '$') return reserved(stream, "use a stream of your own");
    if (expected.value() < any_version.value() && expected != stream_exists)
        return refuse(message("stream ", quoted_for_message(stream),
                          ": the expected version is negative; versions count from 1, 0 is no stream"),
            stream);
    return std::nullopt;
}

namespace {

std::size_t bytes_of(const event_data& event) {
    return event.type().size() + event.data().size() + event.metadata().size() + 64;
}

std::optional<failure> check_size(const std::string& stream, std::size_t events, std::size_t bytes) {
    if (events > most_events)
        return refuse(message("appending to stream ", quoted_for_message(stream), ": ", std::to_string(events),
                          " events in one append; 1,000,000 are the most"),
            stream);
    if (bytes > largest_append) {
        return refuse(message("appending to stream ", quoted_for_message(stream), ": ", std::to_string(bytes),
                          " bytes in one append; 64 MB are the most; append in several parts"),
            stream);
    }
    return std::nullopt;
}

/// Ids of one append.
class distinct_ids {
public:
    /// Why this one is refused, or nothing.
    std::optional<failure> add(const uuid& id, const std::string& stream, std::string_view doing) {
        if (ids_.insert(id).second) return std::nullopt;
        return failure(errc::duplicate_event,
            {.message = message(doing, quoted_for_message(stream), ": the event id ", to_string(id), " is given twice"),
                .stream = stream});
    }
    void reserve(std::size_t count) { ids_.reserve(count); }

private:
    std::unordered_set<uuid, boost::hash<uuid>> ids_;
};

} // namespace

std::optional<failure> check_append(const std::string& stream, expected_version expected,
    std::span<const event_data> events, const store_options& options) {
    if (auto why = check_stream_to_write(stream, expected)) return why;
    std::size_t bytes = 0;
    for (const event_data& event : events) {
        if (auto why = check_event(event, stream, options)) return why;
        bytes += bytes_of(event);
    }
    if (auto why = check_size(stream, events.size(), bytes)) return why;
    if (events.size() > 1) {
        distinct_ids ids;
        ids.reserve(events.size());
        for (const event_data& event : events) {
            if (auto why = ids.add(event.id(), stream, "appending to stream ")) return why;
        }
    }
    return std::nullopt;
}

std::optional<failure> check_parts(std::span<const part_of_append> parts) {
    if (parts.size() < 2) return std::nullopt;
    std::size_t events = 0;
    std::size_t bytes = 0;
    distinct_ids ids;
    for (const part_of_append& part : parts) {
        events += part.events.size();
        for (const event_data& event : part.events) {
            bytes += bytes_of(event);
            if (auto why = ids.add(event.id(), part.stream, "appending to stream ")) return why;
        }
    }
    return check_size(parts.front().stream, events, bytes);
}

std::optional<failure> check_link(
    const std::string& stream, expected_version expected, const std::vector<uuid>& event_ids) {
    if (auto why = check_stream_to_write(stream, expected)) return why;
    if (auto why = check_size(stream, event_ids.size(), 0)) return why;
    distinct_ids ids;
    ids.reserve(event_ids.size());
    for (const uuid& id : event_ids) {
        if (id.is_nil())
            return refuse(message("linking into stream ", quoted_for_message(stream),
                              ": the id of an event is nil (all zero), which none has"),
                stream);
        if (auto why = ids.add(id, stream, "linking into stream ")) return why;
    }
    return std::nullopt;
}

std::optional<failure> check_stream_to_read(const std::string& stream) {
    if (auto why = check_text("stream name", stream)) return why;
    if (stream.front() == '$' && stream != "$all") return reserved(stream, "only $all can be read");
    return std::nullopt;
}

std::optional<failure> check_event_query(const std::string& stream, const event_query& query) {
    for (const std::string& type : query.types()) {
        if (auto why = check_text("event type to look for", type)) return why;
    }
    if (query.stream_prefix().empty()) return std::nullopt;
    if (auto why = check_text("stream prefix", query.stream_prefix())) return why;
    if (stream == "$all") return std::nullopt;
    return refuse("a stream prefix is for the log of all streams, not for one", stream);
}

std::optional<failure> check_read(const std::string& stream, const read_options& options) {
    if (auto why = check_stream_to_read(stream)) return why;
    if (options.from() && *options.from() < 0)
        return refuse(message("read_options::from is ", std::to_string(*options.from()), "; 0 is the least"));
    if (options.count() == 0) return refuse("read_options::count is 0; 1 is the least");
    if (options.max_bytes() == 0) return refuse("read_options::max_bytes is 0; 1 is the least");
    return check_event_query(stream, options.query());
}

std::optional<failure> check_query(const stream_query& query) {
    if (query.count() == 0 || query.count() > most_streams)
        return refuse(message("stream_query::count is ", std::to_string(query.count()), "; 1 to 100,000"));
    const std::pair<std::string_view, const std::string*> texts[] = {{"stream_query::prefix", &query.prefix()},
        {"stream_query::search", &query.search()}, {"name in stream_query::after", &query.after()}};
    for (const auto& [subject, text] : texts) {
        if (text->empty()) continue;
        if (auto why = check_text(subject, *text)) return why;
    }
    const std::string& after = query.after();
    if (query.after_id() < 0)
        return refuse(message("stream_query::after has the id ", std::to_string(query.after_id()),
            "; give the last stream of the page before"));
    if (query.order() == stream_order::by_age && !after.empty() && query.after_id() == 0) {
        return refuse(message("stream_query::after has the name ", quoted_for_message(after),
            " and no id, which the order by age goes by; give the stream_info of the last stream of the page before"));
    }
    return std::nullopt;
}

std::optional<failure> check_snapshot_source(const std::string& source) {
    return check_text("source of a snapshot", source);
}

std::optional<failure> check_retained_name(const std::string& name, bool is_prefix) {
    if (is_prefix && name.empty()) return std::nullopt; // all streams
    if (auto why = check_text(is_prefix ? "stream prefix" : "stream name", name)) return why;
    if (name.front() == '$') return reserved(name, "events of those do not expire");
    return std::nullopt;
}

std::optional<failure> check_retention(const std::string& name, bool is_prefix, const retention& value) {
    if (auto why = check_retained_name(name, is_prefix)) return why;
    const std::string setting =
        message("setting the retention of ", is_prefix ? "prefix " : "stream ", quoted_for_message(name), ": ");
    if (value.is_empty())
        return refuse(message(setting, "it is empty, and would keep everything: remove_retention does that"), name);
    if (value.truncate_before().value_or(1) < 1)
        return refuse(
            message(setting, "truncate_before is ", std::to_string(*value.truncate_before()), "; versions begin at 1"),
            name);
    if (value.max_count().value_or(1) < 1)
        return refuse(message(setting, "max_count is ", std::to_string(*value.max_count()), "; 1 is the least"), name);
    const auto age = value.max_age().value_or(retention::unlimited_age);
    if (age < std::chrono::milliseconds(1) || age > retention::unlimited_age)
        return refuse(
            message(setting, "max_age is ", std::to_string(age.count()), " ms; 1 ms to 365250 days are possible"),
            name);
    return std::nullopt;
}

std::optional<failure> check_scavenge(const scavenge_options& options) {
    if (options.events_per_second() < 0)
        return refuse(message("scavenging: events_per_second is ", std::to_string(options.events_per_second()),
            "; 1 is the least, and 0 is no limit"));
    if (options.portion() < 1 || options.portion() > 10'000)
        return refuse(message(
            "scavenging: the portion is ", std::to_string(options.portion()), " events; 1 to 10000 are possible"));
    return std::nullopt;
}

std::optional<failure> check_snapshot(const snapshot& snapshot, const store_options& options) {
    if (auto why = check_snapshot_source(snapshot.source())) return why;
    const std::string subject = message("snapshot of ", quoted_for_message(snapshot.source()));
    if (snapshot.version() < 1)
        return refuse(message("the ", subject, " has the version ", std::to_string(snapshot.version()),
            "; it is that of the last event in it, 1 or more"));
    if (auto why = check_text(message("type of the ", subject), snapshot.type())) return why;
    const std::size_t bytes = snapshot.data().size() + snapshot.metadata().size();
    if (bytes > options.max_event_bytes())
        return refuse(message("the ", subject, " has ", std::to_string(bytes), " bytes of data and metadata; ",
            std::to_string(options.max_event_bytes()), " are the most (max_event_bytes)"));
    return std::nullopt;
}

std::optional<failure> check_options(const store_options& options) {
    if (auto why = check_schema_name(options.schema())) return why;
    for (const std::string* url : {&options.url(), &options.session_url()})
        if (url->find('\0') != std::string::npos) return refuse("the url of the store holds a NUL");
    if (options.pool_size() == 0 || options.pool_size() > 1000)
        return refuse(message("store_options::pool_size is ", std::to_string(options.pool_size()), "; 1 to 1000"));
    if (options.operation_timeout().count() < 1 || options.operation_timeout() > std::chrono::hours(24))
        return refuse("store_options::operation_timeout must be 1 ms to 24 h");
    if (options.close_timeout().count() < 0 || options.close_timeout() > std::chrono::hours(24))
        return refuse("store_options::close_timeout must be 0 ms to 24 h");
    if (options.max_queued_bytes() == 0) return refuse("store_options::max_queued_bytes is 0");
    if (options.max_event_bytes() == 0 || options.max_event_bytes() > largest_event_option)
        return refuse("store_options::max_event_bytes must be 1 byte to 64 MB");
    if (options.longest_handler().count() < 0 || options.longest_handler() > std::chrono::hours(24))
        return refuse("store_options::longest_handler must be 0 ms (none is watched) to 24 h");
    if (options.stalled_after().count() < 1 || options.stalled_after() > std::chrono::hours(24))
        return refuse("store_options::stalled_after must be 1 ms to 24 h");
    return std::nullopt;
}

} // namespace eventstore::storage
