// The program `eventstore`: an event store for people and for shell scripts.
#include "cli/arguments.hpp"
#include "cli/findings.hpp"
#include "cli/usage_error.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

namespace eventstore::cli {

namespace {

enum exit_code { done = 0, failed = 1, wrong_usage = 2, not_as_expected = 3 };

exit_code exit_code_of(const boost::system::error_code& code) {
    if (code.category() != category()) return failed;
    switch (static_cast<errc>(code.value())) {
    case errc::wrong_expected_version:
    case errc::stream_exists:
    case errc::stream_not_found:
    case errc::stream_deleted:
    case errc::duplicate_event:
    case errc::event_not_found:
    case errc::snapshot_not_found:
    case errc::subscription_not_found:
    case errc::projection_not_found: return not_as_expected;
    case errc::invalid_argument:
    case errc::reserved_stream: return wrong_usage;
    default: return failed;
    }
}

/// One line, whatever the message holds.
void print_error(std::string message) {
    while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
    std::replace(message.begin(), message.end(), '\n', ' ');
    std::cerr << "eventstore: " << message << std::endl;
}

void run_command(arguments given, output& out) {
    std::optional<embedded_postgres> server;
    if (given.folder && given.command->store != store_use::never) {
        server.emplace(embedded_postgres::start_now(embedded_postgres_options().data_folder(*given.folder)));
        given.url = server->url();
    }

    asio::thread_pool background(1);
    asio::io_context context(1);
    std::exception_ptr failure;
    asio::co_spawn(context, given.command->run(task{given, out, background.get_executor()}),
        [&](std::exception_ptr e) { failure = e; });
    context.run();
    background.join(); // the store has ended in order
    out.flush();
    if (server) server->stop(); // in order, which the next start is quicker after
    if (failure) std::rethrow_exception(failure);
}

int run_program(int count, const char* const* words) {
    output out;
    try {
        if (std::optional<arguments> given = parse_arguments(count, words, out)) run_command(std::move(*given), out);
        out.flush();
        return done;
    } catch (const usage_error& e) {
        print_error(e.what());
        return wrong_usage;
    } catch (const unsound& e) {
        print_error(e.what());
        return e.exit_code();
    } catch (const error& e) {
        print_error(e.what());
        return exit_code_of(e.code());
    } catch (const std::exception& e) {
        print_error(e.what());
        return failed;
    }
}

} // namespace

} // namespace eventstore::cli

int main(int count, char* words[]) {
    std::signal(SIGPIPE, SIG_IGN); // a reader that goes away is the end of the output, not of the program
    return eventstore::cli::run_program(count, words);
}
