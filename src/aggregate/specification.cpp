// What aggregate_test.hpp needs, whatever the types are.
#include <eventstore/aggregate_test.hpp>

#include "base/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace eventstore {

specification_failed::~specification_failed() = default;

namespace detail {

namespace asio = boost::asio;

namespace {

std::string described(const event_data& event) {
    std::string text =
        message(event.type(), " ", event.data().empty() ? "(no data)" : storable_text(event.data(), 2'000));
    if (!event.metadata().empty()) text += message(", metadata ", storable_text(event.metadata(), 2'000));
    return text;
}

std::string described(const std::vector<event_data>& events) {
    if (events.empty()) return "  nothing\n";
    std::string text;
    for (const event_data& event : events) text += message("  ", described(event), "\n");
    return text;
}

std::string described(const tested_decision& found) {
    if (!found.is_refused) return described(found.events);
    std::string text = "  a refusal: " + (found.reason.empty() ? "(no message)" : found.reason);
    if (found.code) text += message(" (", category().message(static_cast<int>(*found.code)), ")");
    return text + "\n";
}

bool is_expected(const event_data& found, const event_data& expected) {
    return found.type() == expected.type() && found.data() == expected.data() &&
        (expected.metadata().empty() || found.metadata() == expected.metadata());
}

bool is_expected(const std::vector<event_data>& found, const std::vector<event_data>& expected) {
    if (found.size() != expected.size()) return false;
    for (std::size_t i = 0; i < found.size(); ++i)
        if (!is_expected(found[i], expected[i])) return false;
    return true;
}

/// Not destroyed at the end of the program either, but known then: checkers of leaks do not report it.
void keep_for_ever(std::unique_ptr<asio::io_context> context) {
    static std::mutex mutex;
    static auto& kept = *new std::vector<std::unique_ptr<asio::io_context>>();
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(context));
}

} // namespace

decided run_decision(asio::awaitable<decided> deciding) {
    using namespace std::chrono_literals;
    auto context = std::make_unique<asio::io_context>(1);
    std::exception_ptr failed;
    std::optional<decided> outcome;
    asio::co_spawn(*context, std::move(deciding), [&](const std::exception_ptr& thrown, decided what) {
        failed = thrown;
        outcome = std::move(what);
    });
    context->run_for(1s);
    if (!outcome) {
        keep_for_ever(std::move(context)); // what the decision waits for may still have it
        fail_specification("the decision did not end within a second: it waits for something outside of the test");
    }
    if (failed) std::rethrow_exception(failed);
    return *std::move(outcome);
}

void take_refusal(tested_decision& into, const std::exception_ptr& thrown) {
    into.is_refused = true;
    into.events.clear();
    try {
        std::rethrow_exception(thrown);
    } catch (const specification_failed&) {
        throw;
    } catch (const error& why) {
        into.code = why.why().code();
        into.reason = why.what();
    } catch (const std::exception& why) {
        into.reason = why.what();
    } catch (...) {
        into.reason = "something that is no std::exception was thrown";
    }
}

recorded_event as_recorded(const event_data& event, std::int64_t version) {
    return recorded_event::make("tested", version, version, event);
}

void fail_specification(const std::string& message) { throw specification_failed(message); }

void expect_events(const tested_decision& found, const std::vector<event_data>& expected) {
    if (!found.is_refused && is_expected(found.events, expected)) return;
    fail_specification(message("expected:\n", described(expected), "but the decision was:\n", described(found)));
}

void expect_refusal(const tested_decision& found, std::optional<errc> code, std::string_view part_of_reason) {
    const bool has_code = !code || found.code == code;
    if (found.is_refused && has_code && found.reason.find(part_of_reason) != std::string::npos) return;
    std::string wanted = "  a refusal";
    if (!part_of_reason.empty()) wanted += message(" with the text ", quoted_for_message(part_of_reason));
    if (code) wanted += message(" (", category().message(static_cast<int>(*code)), ")");
    fail_specification(message("expected:\n", wanted, "\nbut the decision was:\n", described(found)));
}

void expect_same_text(std::string_view subject, const event_data& written, const event_data& written_again) {
    if (written.data() == written_again.data()) return;
    fail_specification(message("the codec of the ", subject, " ", quoted_for_message(written_again.type()),
        " does not read what it writes:\n  written: ", described(written),
        "\n  read, and written again: ", described(written_again), "\n"));
}

void expect_applied(const recorded_event& event, const result<bool>& applied, bool must_be_known) {
    if (!applied) fail_specification(applied.error().message());
    if (!*applied && must_be_known)
        fail_specification(message("the decision returned an event of the type ", quoted_for_message(event.type()),
            ", which the state does not have among its events"));
}

} // namespace detail

} // namespace eventstore
