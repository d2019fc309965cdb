#include "support/store_fixture.hpp"

#include "base/live_objects.hpp"

#include <chrono>
#include <thread>

namespace eventstore::test {

namespace {

asio::awaitable<void> open_and(store_options how, const store_work& body) {
    // A short time limit is for what a test does, not for the making of its schema.
    constexpr milliseconds enough = std::chrono::seconds(10);
    if (how.creates() && how.operation_timeout() < enough) {
        store_options patient = how;
        patient.operation_timeout(enough);
        co_await migrate(std::move(patient));
    }
    store opened = co_await open(std::move(how));
    co_await body(std::move(opened));
}

} // namespace

store_fixture::store_fixture()
    : url_(url_with(test_server::store_url(), {{"application_name", schema_.name()}})),
      objects_before_(eventstore::detail::live_objects()) {}

store_options store_fixture::options(const std::string& url) const {
    store_options how = store_options(url).schema(schema()).create().pooled(test_server::is_pooled());
    if (!test_server::session_url().empty())
        how.session_url(url_with(test_server::session_url(), {{"application_name", schema()}}));
    return how.longest_handler(milliseconds(0)); // on a busy machine any handler may take long: tests read the log
}

void store_fixture::teardown() {
    // A backend ends some time after its client.
    const patience limit(std::chrono::seconds(10));
    // One that appears later was cut off while it connected. A pooler keeps them.
    bool are_gone = test_server::is_pooled() || backends().empty();
    while (!are_gone && !limit.is_over()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        are_gone = backends().empty();
    }
    std::string left;
    for (const auto& row :
        observer_.run("select concat_ws(' ', pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), query)"
                      " from pg_stat_activity where application_name = '" +
            schema_.name() +
            "' and backend_type = 'client backend'"
            " and pid <> pg_backend_pid()"))
        left += "\n  " + row[0];
    BOOST_TEST(are_gone, "the store has left connections behind:" << left);
    BOOST_TEST(eventstore::detail::live_objects() == objects_before_,
        "the store has left objects behind: " << eventstore::detail::live_objects() - objects_before_);

    if (value("select to_regclass('eventstore.events') is null") == "t") return;
    if (!has_holes_)
        BOOST_TEST(number("select coalesce(max(position), 0) - count(*) from eventstore.events") == 0,
            "the positions have holes");
    if (!has_holes_)
        BOOST_TEST(number("select count(*) from eventstore.streams as s left join ("
                          "    select stream_id, count(*) as events, max(stream_version) as last,"
                          "        bool_and(position >= 1 and stream_version >= 1) as from_one"
                          "    from eventstore.events group by stream_id"
                          ") as e on e.stream_id = s.stream_id "
                          "where s.version is distinct from e.events or s.version is distinct from e.last"
                          "    or e.from_one is not true") == 0,
            "the versions of a stream do not run from 1 to its version");
    BOOST_TEST(number("select count(*) from (select event_id from eventstore.events"
                      " group by event_id having count(*) > 1) as twice") == 0,
        "an event is stored twice");
    BOOST_TEST(number("select count(*) from (select stream_version, lag(stream_version, 1, 0::bigint) over ("
                      " partition by stream_id order by position) as before from eventstore.events) as pairs"
                      " where stream_version <= before") == 0,
        "a stream's versions are not in the order of the log");
}

std::string store_fixture::here(const std::string& statements) const {
    static const std::string prefix = "eventstore.";
    std::string out = statements;
    const std::string mine = quoted_name(schema()) + ".";
    for (std::size_t at = 0; (at = out.find(prefix, at)) != out.npos;) {
        if (out.compare(at, 22, "eventstore.hard_delete") == 0) { // a setting, whatever the schema is called
            at += 22;
        } else {
            out.replace(at, prefix.size(), mine);
            at += mine.size();
        }
    }
    return out;
}

std::vector<std::string> store_fixture::stored_in(const std::string& stream) {
    std::vector<std::string> out;
    for (const auto& row : ask("select convert_from(e.data, 'UTF8') from eventstore.events as e join eventstore.streams"
                               " as s on s.stream_id = e.stream_id where s.name = " +
             quoted_text(stream) + " order by e.stream_version"))
        out.push_back(row[0]);
    return out;
}

void store_fixture::with_store(const store_work& body, std::source_location where) {
    with_store(options(), body, where);
}

void store_fixture::with_store(store_options how, const store_work& body, std::source_location where) {
    run(open_and(std::move(how), body), default_deadline, where);
}

void store_fixture::delete_stream_softly(const std::string& stream) {
    ask("update eventstore.streams set deleted_at = clock_timestamp() where name = " + quoted_text(stream));
}

void store_fixture::delete_events(const std::string& condition) {
    has_holes_ = true;
    session writer;
    writer.run(here("begin; set local eventstore.hard_delete = 'on'; delete from eventstore.events where " + condition +
        "; commit"));
}

blocker store_fixture::hold_log() const {
    return blocker(here("select pg_advisory_xact_lock('eventstore.log_state'::regclass::bigint"
                        " + 7311000000000000000)"));
}

blocker store_fixture::hold_tables() const {
    return blocker(here("lock table eventstore.events, eventstore.streams, eventstore.log_state"
                        " in access exclusive mode"));
}

std::vector<int> store_fixture::backends() {
    std::vector<int> out;
    for (const auto& row : observer_.run("select pid from pg_stat_activity where application_name = " +
             quoted_text(schema()) + " order by backend_start"))
        out.push_back(std::stoi(row[0]));
    return out;
}

std::vector<event_data> counted(std::size_t count, const std::string& name) {
    std::vector<event_data> out;
    out.reserve(count);
    for (std::size_t i = 1; i <= count; ++i) out.emplace_back("Counted", name + std::to_string(i));
    return out;
}

numbers from_to(std::int64_t first, std::int64_t last) {
    numbers out;
    if (first <= last)
        for (std::int64_t i = first; i <= last; ++i) out.push_back(i);
    else
        for (std::int64_t i = first; i >= last; --i) out.push_back(i);
    return out;
}

} // namespace eventstore::test
