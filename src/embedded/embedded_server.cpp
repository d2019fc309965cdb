#include "embedded/embedded_server.hpp"

#include "async/clock.hpp"
#include "embedded/readiness.hpp"
#include "embedded/small_file.hpp"
#include "embedded/start_failure.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <system_error>

namespace eventstore::detail {

namespace {

/// Whether the server says that it is up. One that was killed said so, too: a hint, that costs no session.
bool says_ready(const std::filesystem::path& data_folder) {
    const std::string file = embedded::small_file(AT_FDCWD, (data_folder / "postmaster.pid").c_str());
    std::string_view text = file;
    for (int line = 1; line < 8 && !text.empty(); ++line)
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    return text.starts_with("ready") || text.starts_with("standby");
}

/// The last whole lines of a file, some 4 kB at most.
std::string tail_of(int file) {
    constexpr off_t longest = 4'096;
    struct stat status;
    if (::fstat(file, &status) != 0) return {};
    const off_t from = std::max<off_t>(0, status.st_size - longest);
    std::string text(static_cast<std::size_t>(status.st_size - from), '\0');
    const ssize_t size = ::pread(file, text.data(), text.size(), from);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    if (from > 0) text.erase(0, text.find('\n') + 1);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

} // namespace

std::unique_ptr<embedded_server> embedded_server::start(
    const embedded_postgres_options& options, std::stop_token stop) {
    try {
        return std::unique_ptr<embedded_server>(new embedded_server(options, std::move(stop)));
    } catch (const std::system_error& e) { // of this process's own making: no descriptors or memory left
        embedded::fail("the embedded PostgreSQL cannot be started: ", e.what());
    }
}

embedded_server::embedded_server(const embedded_postgres_options& options, std::stop_token stop)
    : plan_(embedded::make_plan(options, stop)),
      log_(embedded::make_nameless_file()),
      start_timeout_(options.start_timeout()),
      watchdog_(plan_, log_, false) {
    const auto deadline = detail::machine_time() + start_timeout_;
    watchdog_.begin();
    wait_until_ready(deadline, stop);
    embedded::make_database(plan_.administration_url, options.database());
}

void embedded_server::stop() noexcept { end("fast\n"); }

void embedded_server::end(std::string_view order) noexcept {
    watchdog_.end(order);
    plan_.lock.close();
    stopped_ = true;
}

void embedded_server::restart(embedded_postgres::shutdown mode) try {
    if (stopped_) embedded::fail("the embedded PostgreSQL was stopped for good: start another one");
    // Made before the other one ends: there is no moment at which nobody would clean up.
    embedded::watchdog next(plan_, log_, true);
    watchdog_.end(mode == embedded_postgres::shutdown::fast ? "fast keep\n" : "immediate keep\n");
    watchdog_ = std::move(next);
    watchdog_.begin();
    wait_until_ready(detail::machine_time() + start_timeout_, {});
} catch (const std::system_error& e) {
    end({});
    embedded::fail("the embedded PostgreSQL cannot be started again: ", e.what());
} catch (...) {
    end({});
    throw;
}

void embedded_server::wait_until_ready(
    std::chrono::steady_clock::time_point deadline, const std::stop_token& stop) const {
    while (!says_ready(plan_.data_folder) || !embedded::takes_sessions(plan_.administration_url)) {
        if (!watchdog_.server_lives(milliseconds(3))) fail_with_log("ended while it was starting");
        if (stop.stop_requested())
            throw error(failure(errc::cancelled, "the start of the embedded PostgreSQL was cancelled"));
        if (detail::machine_time() >= deadline)
            fail_with_log("did not take connections within " + std::to_string(start_timeout_.count()) +
                " ms; give it more time with the option `start_timeout`");
    }
}

void embedded_server::fail_with_log(const std::string& problem) const {
    const std::string log = tail_of(log_.get());
    embedded::fail("the embedded PostgreSQL ", std::to_string(plan_.binaries.major), " in ",
        quoted_for_message(plan_.data_folder.native()),
        plan_.user.drop_program.empty() ? std::string() : ", run as the user '" + plan_.user.name + "',", " ", problem,
        log.empty() ? "; its log is empty" : "; its log ends with:\n", log);
}

} // namespace eventstore::detail
