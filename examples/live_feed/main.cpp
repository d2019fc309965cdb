// An HTTP server before a store: append by POST, read by GET, and a live feed that any browser can follow.
//
//     live_feed                                            with a PostgreSQL of its own, gone at the end
//     live_feed --url postgresql://localhost/shop          with yours
#include "server.hpp"

#include <eventstore/eventstore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace asio = boost::asio;
namespace es = eventstore;
namespace po = boost::program_options;
using boost::system::error_code;

namespace {

struct settings {
    std::string url;
    std::string schema;
    std::uint16_t port = 0;
    bool ends_with_input = false;
};

asio::awaitable<void> read_to_the_end(asio::posix::stream_descriptor& input) {
    std::array<char, 1024> text{};
    error_code failed;
    while (!failed)
        co_await input.async_read_some(asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
}

asio::awaitable<void> run(settings given) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const es::store store = co_await es::open(es::store_options(given.url).schema(given.schema).create());
    const auto server = std::make_shared<live_feed::server>(executor, store, given.port);

    asio::signal_set signals(executor, SIGINT, SIGTERM);
    signals.async_wait([server](error_code failed, int) {
        if (!failed) server->stop();
    });
    asio::posix::stream_descriptor input(executor);
    if (given.ends_with_input) {
        input.assign(::dup(STDIN_FILENO)); // closed by its owner; standard input stays open
        asio::co_spawn(executor, read_to_the_end(input), [server](std::exception_ptr) { server->stop(); });
    }

    std::cout << "live_feed: http://127.0.0.1:" << server->port() << "/\n";
    if (!given.ends_with_input) std::cout << "Ctrl-C ends it\n";
    std::cout << std::flush;
    co_await server->run();
    signals.cancel();
    input.close();
    co_await store.close(); // what was appended is answered; the connections to PostgreSQL end in order
}

std::optional<po::variables_map> parse_arguments(int count, char* words[]) {
    po::options_description options("usage: live_feed [OPTION]...");
    auto add = options.add_options();
    add("port", po::value<std::uint16_t>()->default_value(8080), "of 127.0.0.1; 0 is any that is free");
    add("url", po::value<std::string>(), "the PostgreSQL to use; by default one of its own, gone at the end");
    add("embedded", po::value<std::string>(), "the folder of a PostgreSQL of its own that stays");
    add("schema", po::value<std::string>()->default_value("eventstore"), "the schema of the store");
    add("end-with-input", "end when standard input does, for programs that start this one");
    add("help", "print this");
    po::variables_map values;
    po::store(po::parse_command_line(count, words, options), values);
    if (values.count("help") == 0) return values;
    std::cout << options;
    return std::nullopt;
}

} // namespace

int main(int count, char* words[]) try {
    const std::optional<po::variables_map> given = parse_arguments(count, words);
    if (!given) return 0;

    std::optional<es::embedded_postgres> postgres;
    if (given->count("url") == 0) {
        es::embedded_postgres_options options;
        if (given->count("embedded") > 0) options.data_folder((*given)["embedded"].as<std::string>());
        postgres.emplace(es::embedded_postgres::start_now(options));
    }
    settings chosen;
    chosen.url = postgres ? postgres->url() : (*given)["url"].as<std::string>();
    chosen.schema = (*given)["schema"].as<std::string>();
    chosen.port = (*given)["port"].as<std::uint16_t>();
    chosen.ends_with_input = given->count("end-with-input") > 0;

    asio::io_context context(1); // one thread runs it, which takes the place of a strand
    asio::co_spawn(context, run(std::move(chosen)), [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    });
    context.run();
} catch (const std::exception& e) {
    std::cerr << "live_feed: " << e.what() << '\n';
    return 1;
}
