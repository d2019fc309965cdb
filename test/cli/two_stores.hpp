// A store and a copy of it, to be compared in everything that an export keeps.
#pragma once

#include "cli/program.hpp"

#include "support/session.hpp"

#include <eventstore/uuid.hpp>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace eventstore::test {

/// A file that is not there yet, and is gone in the end.
class fresh_file {
public:
    fresh_file()
        : path_(
              (std::filesystem::temp_directory_path() / ("eventstore-" + eventstore::to_string(make_uuid()) + ".jsonl"))
                  .string()) {}
    ~fresh_file() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    fresh_file(const fresh_file&) = delete;
    fresh_file& operator=(const fresh_file&) = delete;

    const std::string& path() const noexcept { return path_; }
    std::string content() const {
        std::ifstream in(path_, std::ios::binary);
        std::ostringstream all;
        all << in.rdbuf();
        return all.str();
    }
    void write(const std::string& content) const { std::ofstream(path_, std::ios::binary) << content; }
    std::uintmax_t size() const {
        std::error_code none;
        const auto size = std::filesystem::file_size(path_, none);
        return none ? 0 : size;
    }

private:
    std::string path_;
};

inline bool says(const outcome& told, const std::string& text) { return told.err.find(text) != std::string::npos; }

/// SQL in which `eventstore.` stands for a schema; but not that of the setting eventstore.hard_delete.
inline std::string in_schema(const std::string& schema, std::string text) {
    const std::string written = "eventstore.";
    const std::string name = quoted_name(schema) + ".";
    for (auto at = text.find(written); at != text.npos; at = text.find(written, at + written.size()))
        if (text.compare(at + written.size(), 11, "hard_delete") != 0) text.replace(at, written.size(), name);
    return text;
}

/// All that an export keeps, and all that follows from it, in a form that is the same in every copy.
inline rows everything_in(const std::string& schema) {
    return sql(in_schema(schema, R"sql(
        select 'event', e.position::text, s.name, row(e.stream_version, e.created_at, e.event_id, e.correlation_id,
            e.causation_id, e.type, e.data, e.metadata, e.link_to, origin.name, e.link_version, e.link_event_id,
            e.link_created_at)::text
        from eventstore.events as e
        join eventstore.streams as s using (stream_id)
        left join eventstore.streams as origin on origin.stream_id = e.link_stream_id
        union all
        select 'stream', s.name, row(s.version, s.created_at, s.deleted_at)::text, ''
        from eventstore.streams as s where not starts_with(s.name, '$')
        union all
        select 'snapshot', k.source, row(k.version, k.type, k.data, k.metadata, k.recorded_at)::text, ''
        from eventstore.snapshots as k
        union all
        select 'subscription', u.name, u.stream, row(u.created_at, u.position, u.version, u.event_id, u.deliveries,
            u.delivered, u.announced, st.name)::text
        from eventstore.subscriptions as u left join eventstore.streams as st on st.stream_id = u.stream_id
        union all
        select 'parked', p.position::text, u.name, row(u.stream, p.reason, p.deliveries, p.parked_at, p.replay)::text
        from eventstore.parked_events as p join eventstore.subscriptions as u using (subscription_id)
        union all
        select 'retention', r.name, row(r.is_prefix, r.truncate_before, r.max_count, extract(epoch from r.max_age), r.changed_at,
            r.is_awaited)::text, coalesce((select s.begins_late from eventstore.streams as s
            where s.name = r.name and not r.is_prefix), false)::text
        from eventstore.retentions as r
        union all
        select 'log names', l.retained_names::text, '', '' from eventstore.log_state as l
        union all
        select 'log', l.payload, l.largest_event::text,
            greatest(l.floor, (select max(position) from eventstore.events))::text
        from eventstore.log_state as l
        order by 1, 2, 3, 4)sql"));
}

/// Two schemas: the program has made both.
class two_stores {
public:
    explicit two_stores(const std::string& payload = "bytea") {
        for (const std::string* name : {&original.name(), &copy.name()})
            BOOST_REQUIRE(run(*name, {"init", "--payload", payload}).exit_code == 0);
    }

    static outcome run(const std::string& schema, words arguments, const std::string& input = "") {
        for (const std::string& word : {std::string("--url"), test_server::url(), std::string("--schema"), schema})
            arguments.push_back(word);
        return run_program(arguments, input);
    }
    outcome from_original(words arguments, const std::string& input = "") const {
        return run(original.name(), std::move(arguments), input);
    }
    outcome into_copy(words arguments, const std::string& input = "") const {
        return run(copy.name(), std::move(arguments), input);
    }
    void export_to(const fresh_file& file) const {
        const outcome done = from_original({"export", "--to", file.path()});
        BOOST_REQUIRE_MESSAGE(done.exit_code == 0, done.err);
    }
    void import_from(const fresh_file& file) const {
        const outcome done = into_copy({"import", file.path()});
        BOOST_REQUIRE_MESSAGE(done.exit_code == 0, done.err);
    }
    void compare() const {
        const rows left = everything_in(original.name());
        const rows right = everything_in(copy.name());
        BOOST_TEST(left.size() == right.size());
        for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i)
            BOOST_TEST(left[i] == right[i], boost::test_tools::per_element());
    }
    std::int64_t count(const fresh_schema& schema, const std::string& table = "events") const {
        return std::stoll(sql_value("select count(*) from " + quoted_name(schema.name()) + "." + table));
    }
    void sql_in(const fresh_schema& schema, const std::string& text) const { sql(in_schema(schema.name(), text)); }

    const fresh_schema original, copy;
};

/// Events by SQL, so many in a call: of `streams` streams, with payloads that are JSON, or not, or empty.
inline void append_many(const fresh_schema& schema, int count, int streams) {
    sql(in_schema(schema.name(),
        "select eventstore.append_event('stream-' || n % " + std::to_string(streams) +
            ", -1, gen_random_uuid(), 'Type' || n % 7, convert_to('{\"n\":' || n || ',\"text\":\"' || repeat('x', n % "
            "50) "
            "|| '\"}', 'UTF8'), case n % 3 when 0 then '' else '\\x7b7d'::bytea end, case n % 5 when 0 then "
            "gen_random_uuid() end, case n % 4 when 0 then gen_random_uuid() end, null, false) from "
            "generate_series(1, " +
            std::to_string(count) + ") as n"));
}

} // namespace eventstore::test
