// Optimistic concurrency: decide by what you have read, and append only if nobody else was faster.
//
//     02_optimistic_concurrency                                      with a PostgreSQL of its own, gone at the end
//     02_optimistic_concurrency postgresql://localhost/shop          with yours
#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;

namespace {

void check(bool holds, const std::string& claim) {
    if (!holds) throw std::runtime_error("this is not so: " + claim);
    std::cout << "  " << claim << '\n';
}

/// Takes the next free seat, and returns its number; nothing when the flight is full. Whoever loses a race reads again,
/// decides again and tries again: there are no locks, and no seat is sold twice.
asio::awaitable<std::optional<std::int64_t>> book(es::store store, std::string flight, std::int64_t seats, int& races) {
    for (;;) {
        const es::event_page sold = co_await store.read(flight);
        const std::int64_t version = sold.back().version(); // the first event is no booking
        if (version - 1 >= seats) co_return std::nullopt;
        // The name comes first: what is handed to try_append again would be the same event, and stored once.
        const es::event_data booked("SeatBooked", "{\"seat\":" + std::to_string(version) + "}");
        const auto outcome = co_await store.try_append(flight, version, booked); // throws nothing
        if (outcome) co_return version;
        if (outcome.error().code() != es::errc::wrong_expected_version) throw es::error(outcome.error());
        ++races;
    }
}

asio::awaitable<void> travel_agency(es::store store, std::string flight, std::int64_t seats, int& sold, int& races) {
    for (;;) {
        const std::optional<std::int64_t> seat = co_await book(store, flight, seats, races);
        if (!seat) co_return;
        ++sold;
    }
}

asio::awaitable<void> run(std::string url) {
    using namespace asio::experimental::awaitable_operators;
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string flight = "flight-" + es::to_string(es::make_uuid());

    std::cout << "what an append may expect of its stream\n";
    const es::event_data planned("FlightPlanned", R"({"from":"Rome"})");
    co_await store.append(flight, es::no_stream, planned); // that it does not exist yet
    try {
        co_await store.append(flight, es::no_stream, es::event_data("FlightPlanned", R"({"from":"Oslo"})"));
        check(false, "a second plan is refused");
    } catch (const es::error& e) {
        check(e.code() == es::errc::stream_exists, e.what());
    }
    try {
        co_await store.append(flight, 7, es::event_data("SeatBooked", "{}"));
        check(false, "a version that the stream is not at is refused");
    } catch (const es::error& e) {
        check(e.why().expected().value() == 7 && e.why().actual().value() == 1, e.what());
    }

    std::cout << "\nthree agencies sell 20 seats at the same time\n";
    int sold[3] = {}, races = 0;
    co_await (travel_agency(store, flight, 20, sold[0], races) && travel_agency(store, flight, 20, sold[1], races) &&
        travel_agency(store, flight, 20, sold[2], races));
    std::cout << "  sold: " << sold[0] << ", " << sold[1] << " and " << sold[2] << "; races lost: " << races << '\n';
    check(sold[0] + sold[1] + sold[2] == 20, "20 seats are sold, none of them twice");
    const es::stream_info info = co_await store.stream_info(flight);
    check(info.version == 21, "and the stream is at version 21");
}

} // namespace

int main(int count, char* arguments[]) try {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());

    asio::io_context context;
    asio::co_spawn(
        asio::make_strand(context), run(server ? server->url() : arguments[1]), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    context.run();
} catch (const std::exception& e) {
    std::cerr << "02_optimistic_concurrency: " << e.what() << '\n';
    return 1;
}
