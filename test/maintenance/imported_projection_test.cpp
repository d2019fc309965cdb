// What becomes of projections in an imported store: their read models are not in the file.
#include "projection/effects.hpp"

#include <eventstore/event_file.hpp>
#include <eventstore/schemas.hpp>

#include <cstdio>
#include <filesystem>

BOOST_AUTO_TEST_SUITE(imported_projection_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

/// A store with a projection, its export, and an empty store.
class copied_effects : public effects {
public:
    ~copied_effects() { std::remove(path_.c_str()); }

    std::string of_copy(std::string statement) const { return in(copy_.name(), std::move(statement)); }
    static std::string in(const std::string& schema, std::string statement) {
        const std::string written = "eventstore.";
        const std::string name = quoted_name(schema) + ".";
        for (auto at = statement.find(written); at != statement.npos; at = statement.find(written, at + name.size()))
            statement.replace(at, written.size(), name);
        return statement;
    }
    std::string in_copy(const std::string& statement) { return value(of_copy(statement)); }
    es::store_options copy() const {
        es::store_options how = options();
        how.schema(copy_.name());
        return how;
    }

    static es::projection_options version(int number, std::size_t consumers = 1) {
        return quick().version(number).consumers(consumers).max_retries(0);
    }

    /// Keeps the read model of a store until it holds everything.
    asio::awaitable<void> keep(es::store_options how, es::projection_options projecting) {
        const std::string schema = how.schema();
        const es::store store = co_await es::open(std::move(how));
        const std::string sql = "insert into " + in(schema, "eventstore.effects") + " values ($1, $2, $3, $4)";
        const es::projection_handler handler = [sql](es::transaction& tx, const es::projection_batch& batch) {
            return write(sql, tx, batch);
        };
        const es::event_page last = co_await store.read_all(es::read_options().backward().count(1));
        auto running = co_await start(es::run_projection(store, "effects", handler, projecting));
        const std::string reached =
            "select exists (select from eventstore.projections where switched_at is not null and "
            "version = " +
            std::to_string(projecting.version()) +
            " and eventstore.projection_position(name, version, consumers) >= " + std::to_string(last[0].position()) +
            ")";
        co_await eventually([&] { return value(in(schema, reached)) == "t"; }, 20s);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
        running.value();
    }
    asio::awaitable<void> keep_original(es::projection_options projecting = version(1)) {
        return keep(options(), std::move(projecting));
    }
    asio::awaitable<void> keep_copy(es::projection_options projecting = version(1)) {
        return keep(copy(), std::move(projecting));
    }

    asio::awaitable<void> append(es::store_options how, std::string data) {
        const es::store store = co_await es::open(std::move(how));
        co_await store.append("a", es::any_version, counted_one(data));
        co_await store.close();
    }

    /// Makes the copy.
    asio::awaitable<void> export_and_import(es::import_options importing = es::import_options()) {
        co_await es::migrate(copy());
        ask(of_copy("create table eventstore.effects (version integer, position bigint, is_live boolean, data text, "
                    "transaction bigint default txid_current())"));
        co_await es::export_events(options(), path_);
        co_await import_again(std::move(importing));
    }
    asio::awaitable<void> import_again(es::import_options importing = es::import_options()) {
        return import_file(copy(), path_, std::move(importing));
    }

    /// A store of ten events with a projection of them.
    void with_original(const std::function<asio::awaitable<void>()>& body) {
        auto work = [&](es::store store) -> asio::awaitable<void> {
            const auto events = counted(10);
            co_await store.append("a", es::any_version, events);
            co_await store.close();
            co_await keep_original();
            co_await body();
        };
        with_effects(work);
    }

private:
    static asio::awaitable<void> import_file(es::store_options into, std::string path, es::import_options importing) {
        const es::event_file_summary made = co_await es::import_events(std::move(into), path, std::move(importing));
        BOOST_TEST(made.projections > 0);
    }

    const fresh_schema copy_;
    const std::string path_ =
        (std::filesystem::temp_directory_path() / ("events-" + es::to_string(es::make_uuid()))).string();
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_projection_begins_anew_with_no_manual_step, copied_effects) {
    with_original([&]() -> asio::awaitable<void> {
        co_await export_and_import();
        BOOST_TEST(in_copy("select count(*) from eventstore.subscriptions") == "0");
        co_await keep_copy();
        const std::string all = "select string_agg(data, ' ' order by position) from eventstore.effects";
        BOOST_TEST(in_copy(all) == "1 2 3 4 5 6 7 8 9 10");
        // Imported once more, what it has here stays.
        co_await import_again();
        BOOST_TEST(in_copy("select position from eventstore.subscriptions where name = 'effects@1'") == "10");
        co_await append(copy(), "11");
        co_await keep_copy();
        BOOST_TEST(in_copy(all) == "1 2 3 4 5 6 7 8 9 10 11");
    });
}

BOOST_FIXTURE_TEST_CASE(events_that_have_had_their_side_effects_have_none_again, copied_effects) {
    with_original([&]() -> asio::awaitable<void> {
        co_await keep_original(version(2));
        co_await append(options(), "11"); // which the original does not come to handle
        co_await export_and_import();
        const std::string states =
            "select string_agg(version || ' ' || live_after || ' ' || (switched_at is null), ', ')"
            " from eventstore.projections";
        BOOST_TEST(in_copy(states) == "2 10 true");
        int switched = 0;
        const auto count = [&switched](es::transaction&) -> asio::awaitable<void> {
            ++switched;
            co_return;
        };
        co_await keep_copy(version(2).on_switch(count));
        BOOST_TEST(in_copy("select count(*) from eventstore.effects where version = 2") == "11");
        BOOST_TEST(in_copy("select string_agg(data, ' ') from eventstore.effects where is_live") == "11");
        BOOST_TEST(switched == 1);
        BOOST_TEST(in_copy(states) == "2 10 false");
    });
}

BOOST_FIXTURE_TEST_CASE(a_new_version_may_take_over_in_the_copy_without_the_old_one, copied_effects) {
    with_original([&]() -> asio::awaitable<void> {
        co_await export_and_import();
        co_await keep_copy(version(2));
        BOOST_TEST(in_copy("select count(*) from eventstore.effects where version = 2 and not is_live") == "10");
        BOOST_TEST(in_copy("select count(*) from eventstore.effects") == "10");
    });
}

BOOST_FIXTURE_TEST_CASE(neither_its_consumers_nor_its_parked_events_are_brought_along, copied_effects) {
    with_original([&]() -> asio::awaitable<void> {
        co_await append(options(), "bad");
        co_await keep_original();
        co_await keep_original(version(2, 3));
        BOOST_TEST(number("select count(*) from eventstore.parked_events") == 2);
        co_await export_and_import();
        BOOST_TEST(in_copy("select count(*) from eventstore.subscriptions") == "0");
        co_await keep_copy(version(2, 3));
        BOOST_TEST(in_copy("select count(*) from eventstore.effects where version = 2") == "10");
        BOOST_TEST(in_copy("select count(*) from eventstore.parked_events") == "1");
        // Those of the file are of another read model.
        ask(of_copy("delete from eventstore.parked_events"));
        co_await import_again();
        BOOST_TEST(in_copy("select count(*) from eventstore.parked_events") == "0");
    });
}

BOOST_FIXTURE_TEST_CASE(subscriptions_with_such_names_that_are_no_projections_are_kept, copied_effects) {
    with_original([&]() -> asio::awaitable<void> {
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@2', 7), ('$all', "
            "'effects@1/1', 7), ('a', 'effects@1', 7), ('$all', 'effects', 7)");
        co_await export_and_import();
        BOOST_TEST(
            in_copy("select string_agg(stream || ' ' || name, ', ' order by stream, name) from "
                    "eventstore.subscriptions") == "$all effects, $all effects@1/1, $all effects@2, a effects@1");
    });
}

BOOST_FIXTURE_TEST_CASE(with_its_read_model_brought_along_it_goes_on, copied_effects) {
    with_original([&]() -> asio::awaitable<void> {
        const auto kept = es::import_options().keep_projections();
        co_await append(options(), "bad");
        co_await keep_original();
        co_await export_and_import(kept);
        const std::string rows =
            "select string_agg(p::text, ' ' order by name, version) from eventstore.projections as p";
        BOOST_TEST(in_copy(rows) == value(rows));
        BOOST_TEST(in_copy("select position from eventstore.parked_events") == "11");
        ask(of_copy("insert into eventstore.effects select * from ") + here("eventstore.effects"));
        co_await append(copy(), "12");
        co_await keep_copy();
        BOOST_TEST(in_copy("select string_agg(data, ' ' order by position) from eventstore.effects") ==
            "1 2 3 4 5 6 7 8 9 10 12");
    });
}

BOOST_FIXTURE_TEST_CASE(no_projection_is_made_to_a_checkpoint_of_the_copy, copied_effects) {
    with_original([&]() -> asio::awaitable<void> {
        co_await es::migrate(copy());
        ask(of_copy(
            "insert into eventstore.subscriptions (stream, name, position, epoch) values ('$all', 'effects@1', 3, 1)"));
        co_await export_and_import(es::import_options().keep_projections());
        BOOST_TEST(in_copy("select count(*) from eventstore.projections") == "0");
        co_await import_again();
        BOOST_TEST(in_copy("select count(*) from eventstore.projections") == "0");
        BOOST_TEST(in_copy("select position from eventstore.subscriptions") == "3");
    });
}

BOOST_AUTO_TEST_SUITE_END()
