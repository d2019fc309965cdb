#include "faults/log_facts.hpp"

#include "support/session.hpp"

#include <stdexcept>
#include <unordered_map>

namespace eventstore::test::faults {

namespace {

constexpr std::int64_t events_in_a_page = 50'000;

/// Reads the tables of one schema in a transaction that sees one state of them.
class facts_loader {
public:
    facts_loader(session& database, const std::string& schema) : database_(database), schema_(quoted_name(schema)) {
        facts_.schema = schema;
        database_.run("begin transaction isolation level repeatable read, read only");
    }
    ~facts_loader() {
        try {
            database_.run("rollback");
        } catch (const std::exception&) { // the session is lost, and its transaction with it
        }
    }
    facts_loader(const facts_loader&) = delete;
    facts_loader& operator=(const facts_loader&) = delete;

    log_facts load(const std::vector<projection_to_load>& projections) {
        if (ask("select exists (select from {s}.events where link_to is not null)")[0][0] == "t")
            throw std::runtime_error("the log of " + facts_.schema + " has links, of which the checker knows nothing");
        facts_.floor = number(ask("select floor from {s}.log_state")[0][0]);
        load_streams();
        load_events();
        load_subscriptions();
        for (const projection_to_load& projection : projections) load_projection(projection);
        return std::move(facts_);
    }

private:
    static std::int64_t number(const std::string& text) { return std::stoll(text); }

    /// {s} stands for the schema.
    rows ask(std::string statement) {
        for (std::size_t at = 0; (at = statement.find("{s}", at)) != std::string::npos; at += schema_.size())
            statement.replace(at, 3, schema_);
        return database_.run(statement);
    }

    void load_streams() {
        for (const auto& row :
            ask("select stream_id, name, version, deleted_at is not null from {s}.streams order by stream_id")) {
            places_[row[0]] = facts_.streams.size();
            facts_.streams.push_back({number(row[0]), row[1], number(row[2]), row[3] == "t"});
        }
    }

    void load_events() {
        const bool is_jsonb = ask("select payload from {s}.log_state")[0][0] == "jsonb";
        const std::string data = is_jsonb ? "e.data::text" : "encode(e.data, 'escape')";
        // The data is the id and the size of it all, over and over, in quotes: see payload_of().
        const std::string page = "select e.position, e.stream_version, e.event_id, e.stream_id, e.type, "
                                 "    d.data = '\"' || rpad(d.piece, length(d.data) - 2, d.piece) || '\"' "
                                 "from {s}.events as e, lateral ("
                                 "    select t.data, e.event_id::text || ' ' || length(t.data) || ' ' as piece "
                                 "    from (select " +
            data +
            " as data) as t) as d "
            "where e.position > ";
        std::int64_t last = 0;
        for (;;) {
            const rows found =
                ask(page + std::to_string(last) + " order by e.position limit " + std::to_string(events_in_a_page));
            for (const auto& row : found) {
                last = number(row[0]);
                const auto stream = places_.find(row[3]);
                if (stream == places_.end())
                    throw std::runtime_error("the event at position " + row[0] + " of " + facts_.schema +
                        " is of stream_id " + row[3] + ", which is no stream");
                const std::optional<uuid> id = parse_uuid(row[2]);
                if (!id) throw std::runtime_error(row[2] + " is no id");
                facts_.events.push_back({last, number(row[1]), *id, stream->second, row[4], row[5] == "t"});
            }
            if (found.size() < static_cast<std::size_t>(events_in_a_page)) return;
        }
    }

    void load_subscriptions() {
        for (const auto& row : ask("select stream, name, position, version, stream_id, epoch "
                                   "from {s}.subscriptions order by stream, name")) {
            stored_subscription& made = facts_.subscriptions.emplace_back();
            made.stream = row[0];
            made.name = row[1];
            made.position = number(row[2]);
            made.version = number(row[3]);
            if (row[4] != "NULL") made.stream_id = number(row[4]);
            made.epoch = number(row[5]);
        }
        for (const auto& row : ask("select s.stream, s.name, p.position, p.deliveries "
                                   "from {s}.parked_events as p join {s}.subscriptions as s using (subscription_id) "
                                   "order by s.stream, s.name, p.position"))
            facts_.parked.push_back({row[0], row[1], number(row[2]), number(row[3])});
    }

    void load_projection(const projection_to_load& projection) {
        stored_projection& made = facts_.projections.emplace_back();
        made.table = projection.table;
        made.subscriptions = projection.subscriptions;
        made.max_retries = projection.max_retries;
        for (const auto& row : ask("select stream, events, versions, last_version, misordered from {s}." +
                 quoted_name(projection.table) + " order by stream"))
            made.rows.push_back({row[0], number(row[1]), number(row[2]), number(row[3]), number(row[4])});
    }

    session& database_;
    std::string schema_;
    std::unordered_map<std::string, std::size_t> places_; // of the streams, by their ids
    log_facts facts_;
};

} // namespace

std::string projection_table(const std::string& schema, const std::string& table) {
    return "create table " + quoted_name(schema) + "." + quoted_name(table) +
        " (stream text collate \"C\" primary key, events bigint not null, versions bigint not null, "
        "first_version bigint not null, last_version bigint not null, misordered bigint not null)";
}

std::string projection_step(const std::string& schema, const std::string& table) {
    return "insert into " + quoted_name(schema) + "." + quoted_name(table) +
        " as p (stream, events, versions, first_version, last_version, misordered) "
        "select e.stream, count(*), sum(e.version)::bigint, (array_agg(e.version order by e.place))[1], "
        "    (array_agg(e.version order by e.place desc))[1], count(*) filter (where e.version <= e.before) "
        "from (select stream, version, place, lag(version) over (partition by stream order by place) as before "
        "    from unnest($1::text[], $2::bigint[]) with ordinality as given (stream, version, place)) as e "
        "group by e.stream order by e.stream "
        "on conflict (stream) do update set events = p.events + excluded.events, "
        "versions = p.versions + excluded.versions, "
        "misordered = p.misordered + excluded.misordered + (excluded.first_version <= p.last_version)::int, "
        "first_version = excluded.first_version, last_version = excluded.last_version";
}

void projection_arguments::add(std::string_view stream, std::int64_t version) {
    const char* const before = streams_.empty() ? "{" : ",";
    streams_ += before;
    streams_ += '"';
    for (const char c : stream) {
        if (c == '"' || c == '\\') streams_ += '\\';
        streams_ += c;
    }
    streams_ += '"';
    versions_ += before;
    versions_ += std::to_string(version);
}

log_facts load_facts(session& database, const std::string& schema, const std::vector<projection_to_load>& projections) {
    return facts_loader(database, schema).load(projections);
}

} // namespace eventstore::test::faults
