#include "postgres/answer.hpp"

#include "postgres/bytes.hpp"

#include "support/server.hpp"

#include <boost/test/unit_test.hpp>
#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace answer_test {

using namespace eventstore::postgres;
using namespace std::string_view_literals;
using eventstore::timestamp;
using eventstore::uuid;
using eventstore::test::bytes;
using numbers = std::vector<std::optional<std::int64_t>>;

namespace {

using row = std::vector<std::optional<std::string>>;

/// Rows as libpq would make them of the server's bytes; nothing = null.
answer table_of(const std::vector<row>& rows) {
    PGresult* const made = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
    answer owner(made);
    std::string name = "column";
    std::vector<PGresAttDesc> columns(rows.front().size(), PGresAttDesc{name.data(), 0, 0, 1, 0, -1, -1});
    BOOST_REQUIRE(PQsetResultAttrs(made, static_cast<int>(columns.size()), columns.data()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t j = 0; j < columns.size(); ++j) {
            std::string text = rows[i][j].value_or("");
            const int length = rows[i][j] ? static_cast<int>(text.size()) : -1;
            BOOST_REQUIRE(PQsetvalue(made, static_cast<int>(i), static_cast<int>(j), text.data(), length));
        }
    }
    return owner;
}

answer row_of(const row& fields) { return table_of({fields}); }

/// Asks the real server, as libpq does it by itself.
class server_fixture {
public:
    answer ask(const char* sql, bool in_text = false) {
        return answer(PQexecParams(link(), sql, 0, nullptr, nullptr, nullptr, nullptr, in_text ? 0 : 1));
    }
    PGconn* link() const { return link_.get(); }

private:
    const std::unique_ptr<PGconn, decltype(&PQfinish)> link_{
        PQconnectdb(eventstore::test::test_server::url().c_str()), &PQfinish};
};

std::string sent(const numbers& elements) {
    parameters one;
    one.begin_array(type_oid::int8, elements.size(), true);
    for (const auto& each : elements) {
        if (each)
            one.add(*each);
        else
            one.add_null();
    }
    return std::string(one.value(0));
}

} // namespace

} // namespace answer_test

BOOST_AUTO_TEST_SUITE(answer_test)

BOOST_AUTO_TEST_CASE(fields_are_read_by_row_and_column) {
    const answer read = row_of({bytes("0102030405060708"), bytes("ffffffffffffffff"), bytes("01"), bytes("00")});
    BOOST_TEST(read.rows() == 1);
    BOOST_TEST(read.int8(0, 0) == 0x0102030405060708);
    BOOST_TEST(read.int8(0, 1) == -1);
    BOOST_TEST(read.boolean(0, 2));
    BOOST_TEST(!read.boolean(0, 3));
}

BOOST_AUTO_TEST_CASE(rows_follow_each_other) {
    std::vector<row> rows(1, row{"a"});
    for (int i = 1; i < 100; ++i) rows.push_back({std::to_string(i)});
    const answer read = table_of(rows);
    BOOST_TEST(read.rows() == 100);
    BOOST_TEST(read.bytes(0, 0) == "a");
    BOOST_TEST(read.bytes(99, 0) == "99");
}

BOOST_AUTO_TEST_CASE(bytes_are_read_with_their_length_and_not_to_a_nul) {
    const answer read = row_of({std::string("\0a\0"sv), "", std::nullopt});
    BOOST_TEST((read.bytes(0, 0) == "\0a\0"sv));
    BOOST_TEST(read.bytes(0, 1).empty());
    BOOST_TEST(!read.is_null(0, 1));
    BOOST_TEST(read.bytes(0, 2).empty());
    BOOST_TEST(read.is_null(0, 2));
}

BOOST_AUTO_TEST_CASE(times_are_read_on_both_sides_of_2000) {
    const timestamp year_2000 = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);
    const answer read = row_of({bytes("0000000000000001"), bytes("ffffffffffffffff"), bytes("fffca2fec4c82000")});
    BOOST_TEST((read.time(0, 0) == year_2000 + std::chrono::microseconds(1)));
    BOOST_TEST((read.time(0, 1) == year_2000 - std::chrono::microseconds(1)));
    BOOST_TEST((read.time(0, 2) == timestamp()));
}

BOOST_AUTO_TEST_CASE(ids_are_read_and_a_null_is_none) {
    const answer read = row_of({bytes("000102030405060708090a0b0c0d0eff"), std::nullopt});
    const uuid expected{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}};
    BOOST_TEST((read.id(0, 0) == expected));
    BOOST_TEST((read.optional_id(0, 0) == std::optional(expected)));
    BOOST_TEST(!read.optional_id(0, 1).has_value());
}

BOOST_AUTO_TEST_CASE(what_parameters_encode_is_read_back) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 200; ++i) {
        parameters all;
        const auto number = static_cast<std::int64_t>(random());
        const timestamp time(std::chrono::microseconds(static_cast<std::int64_t>(random() >> 10)));
        const uuid id = eventstore::make_uuid();
        all.add(number);
        all.add(time);
        all.add(id);
        const answer read = row_of({std::string(all.value(0)), std::string(all.value(1)), std::string(all.value(2))});
        BOOST_TEST(read.int8(0, 0) == number);
        BOOST_TEST((read.time(0, 1) == time));
        BOOST_TEST((read.id(0, 2) == id));
    }
}

BOOST_AUTO_TEST_CASE(an_array_of_numbers_is_read_with_its_nulls) {
    for (const numbers& elements :
        {numbers{}, numbers{5}, numbers{std::nullopt}, numbers{1, std::nullopt, -3}, numbers(1000, 7)}) {
        const auto decoded = decode_int8_array(sent(elements));
        BOOST_REQUIRE(decoded.has_value());
        BOOST_TEST((*decoded == elements));
        const answer read = row_of({sent(elements)});
        BOOST_TEST((read.int8_array(0, 0) == elements));
    }
}

BOOST_AUTO_TEST_CASE(a_null_instead_of_an_array_is_read_as_no_elements) {
    const answer read = row_of({std::nullopt, bytes("00")});
    BOOST_TEST(read.int8_array(0, 0).empty());
    BOOST_TEST(read.int8_array(0, 1).empty());
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_array_of_numbers_are_refused) {
    const char* const bad[] = {
        "",
        "00000000 00000000",                                                      // cut in the header
        "00000000 00000000 00000017",                                             // of int4
        "00000001 00000000 00000014",                                             // a dimension without its size
        "00000001 00000000 00000014 00000001",                                    // nor its lower bound
        "00000001 00000000 00000014 00000001 00000001",                           // no element
        "00000001 00000000 00000014 00000001 00000001 00000008 00000000",         // half an element
        "00000001 00000000 00000014 00000001 00000001 00000004 00000000",         // too short an element
        "00000001 00000000 00000014 00000001 00000001 fffffffe",                  // a length that is none
        "00000001 00000000 00000014 ffffffff 00000001",                           // a negative size
        "00000001 00000000 00000014 7fffffff 00000001 ffffffff",                  // a size beyond all bytes
        "ffffffff 00000000 00000014 00000001 00000001 ffffffff",                  // negative dimensions
        "00000002 00000000 00000014 00000001 00000001 00000001 00000001 ffffffff" // a matrix
    };
    for (const char* const each : bad) BOOST_TEST(!decode_int8_array(bytes(each)).has_value(), each);
}

BOOST_AUTO_TEST_CASE(an_array_with_bytes_after_its_end_is_refused) {
    BOOST_TEST(!decode_int8_array(sent(numbers{1}) + '\0').has_value());
    BOOST_TEST(!decode_int8_array(sent(numbers{}) + "more").has_value());
}

BOOST_AUTO_TEST_CASE(an_array_cut_anywhere_is_refused) {
    const std::string whole = sent(numbers{1, std::nullopt, 3});
    for (std::size_t length = 0; length < whole.size(); ++length)
        BOOST_TEST(!decode_int8_array(std::string_view(whole).substr(0, length)).has_value(), length);
}

BOOST_AUTO_TEST_CASE(random_bytes_never_read_beyond_their_end) {
    // With AddressSanitizer this finds a read beyond the end; without, only a crash.
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937 random(seed);
        for (int i = 0; i < 5000; ++i) {
            std::string text = sent(numbers(random() % 5, 1));
            for (int flips = 0; flips < 3; ++flips) text[random() % text.size()] = static_cast<char>(random() % 3 - 1);
            text.resize(random() % (text.size() + 1));
            text.shrink_to_fit();
            (void)decode_int8_array(text);
        }
    }
}

BOOST_AUTO_TEST_CASE(one_that_has_not_come_counts_as_an_error) {
    const answer none;
    BOOST_TEST(!none);
    BOOST_TEST(!answer(nullptr));
    BOOST_TEST(none.is_error());
    BOOST_TEST(none.rows() == 0);
    BOOST_TEST(none.tag().empty());
    BOOST_TEST(none.affected() == 0);
    BOOST_TEST(none.sqlstate().empty());
    BOOST_TEST(none.message().empty());
    BOOST_TEST(!none.storage());
}

BOOST_FIXTURE_TEST_CASE(rows_are_a_table_even_if_there_are_none, server_fixture) {
    const answer two = ask("select g as n, 'x' as t from generate_series(1, 2) as g");
    BOOST_TEST(bool(two));
    BOOST_TEST(two.is_table());
    BOOST_TEST(!two.is_error());
    BOOST_TEST(!two.is_command());
    BOOST_TEST(two.tag() == "SELECT 2");
    BOOST_TEST(two.rows() == 2);
    BOOST_TEST(two.columns() == 2);
    BOOST_TEST(two.name(0) == "n");
    BOOST_TEST(two.name(1) == "t");
    BOOST_TEST((two.type(0) == type_oid::int4));
    BOOST_TEST((two.type(1) == type_oid::text));
    BOOST_TEST(two.int4(1, 0) == 2);
    BOOST_TEST(two.bytes(1, 1) == "x");
    const answer empty = ask("select where false");
    BOOST_TEST(empty.is_table());
    BOOST_TEST(empty.rows() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_command_tells_what_it_did, server_fixture) {
    const answer made = ask("create temp table numbers (n) as select generate_series(1, 5)");
    BOOST_TEST(made.is_command());
    BOOST_TEST(!made.is_table());
    BOOST_TEST(!made.is_error());
    BOOST_TEST(made.affected() == 5);
    const answer changed = ask("update numbers set n = 7 where n > 2");
    BOOST_TEST(changed.tag() == "UPDATE 3");
    BOOST_TEST(changed.affected() == 3);
    BOOST_TEST(ask("begin").tag() == "BEGIN");
    const answer ended = ask("commit");
    BOOST_TEST(ended.tag() == "COMMIT");
    BOOST_TEST(ended.affected() == 0);
}

BOOST_FIXTURE_TEST_CASE(an_error_tells_its_state_and_its_detail, server_fixture) {
    const answer error =
        ask("do $$ begin raise exception 'first\n\tsecond' using errcode = 'ES001', detail = '{1}'; end $$");
    BOOST_TEST(error.is_error());
    BOOST_TEST(!error.is_command());
    BOOST_TEST(!error.ends_session());
    BOOST_TEST(error.sqlstate() == "ES001");
    BOOST_TEST(error.detail() == "{1}");
    BOOST_TEST(error.message().starts_with("ERROR:  first second DETAIL:  {1}"), error.message());
    BOOST_TEST(error.source_function() == "exec_stmt_raise");
    BOOST_TEST(error.tag().empty());
    BOOST_TEST(error.rows() == 0);
}

BOOST_FIXTURE_TEST_CASE(copy_is_neither_rows_nor_a_command, server_fixture) {
    const answer out = ask("copy (select 1) to stdout");
    BOOST_TEST(out.is_copy());
    BOOST_TEST(!out.is_table());
    BOOST_TEST(!out.is_command());
    BOOST_TEST(!out.is_error());
    BOOST_TEST(!answer().is_copy());
}

BOOST_FIXTURE_TEST_CASE(a_pipeline_tells_what_was_skipped_and_where_a_group_ends, server_fixture) {
    PQenterPipelineMode(link());
    for (const char* const sql : {"select 1 / 0", "select 1"})
        BOOST_REQUIRE(PQsendQueryParams(link(), sql, 0, nullptr, nullptr, nullptr, nullptr, 1) == 1);
    BOOST_REQUIRE(PQpipelineSync(link()) == 1);
    std::vector<answer> all;
    while (all.empty() || !all.back().is_end_of_group()) {
        answer next(PQgetResult(link()));
        if (next) all.push_back(next);
    }
    BOOST_REQUIRE(all.size() == 3u);
    BOOST_TEST(all[0].is_error());
    BOOST_TEST(all[0].sqlstate() == "22012");
    BOOST_TEST(all[1].is_skipped());
    for (const answer& each : {all[1], all[2]})
        BOOST_TEST((!each.is_error() && !each.is_table() && !each.is_command()));
    BOOST_TEST(!all[0].is_skipped());
    BOOST_TEST(!all[2].is_skipped());
}

BOOST_FIXTURE_TEST_CASE(bytes_in_text_are_unescaped, server_fixture) {
    for (const char* const form : {"hex", "escape"}) {
        BOOST_TEST(ask((std::string("set bytea_output = ") + form).c_str()).is_command());
        const std::vector<std::byte> bytes = ask("select '\\x00ff41'::bytea, ''::bytea", true).unescaped(0, 0);
        BOOST_TEST((bytes == std::vector<std::byte>{std::byte(0), std::byte(0xff), std::byte('A')}), form);
        BOOST_TEST(ask("select ''::bytea", true).unescaped(0, 0).empty(), form);
    }
}

BOOST_FIXTURE_TEST_CASE(a_notice_is_read_while_libpq_has_it, server_fixture) {
    std::string heard;
    PQsetNoticeReceiver(
        link(),
        [](void* to, const PGresult* lent) {
            const answer notice = answer::of_notice(lent);
            const answer copy = notice;
            BOOST_TEST(!copy.ends_session());
            BOOST_TEST(copy.sqlstate() == "ES123");
            *static_cast<std::string*>(to) = copy.message();
        },
        &heard);
    ask("do $$ begin raise notice 'look here' using errcode = 'ES123'; end $$");
    BOOST_TEST(heard == "NOTICE:  look here");
}

BOOST_FIXTURE_TEST_CASE(copies_share_what_came_and_keep_its_views, server_fixture) {
    std::string_view view;
    answer kept;
    std::shared_ptr<const void> storage;
    {
        const answer first = ask("select repeat('x', 100)");
        view = first.bytes(0, 0);
        kept = first;
        storage = first.storage();
        BOOST_TEST(kept.bytes(0, 0).data() == view.data());
    }
    kept = answer();
    BOOST_TEST(view == std::string(100, 'x'));
}

BOOST_AUTO_TEST_SUITE_END()
