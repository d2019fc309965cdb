#include "append/flush.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::append {

flush::flush(std::shared_ptr<const storage::statements> known, const storage::log_mark& seen, append_list appends,
    append_care least, std::weak_ptr<postgres::connection> on, std::function<void()> ended)
    : statements_(std::move(known)),
      appends_(std::move(appends)),
      plan_(appends_),
      is_careful_(
          plan_.needs_care() || std::ranges::any_of(appends_, [](const auto& each) { return each->asks_for_care; })),
      is_lone_(!is_careful_ && plan_.is_lone()),
      what_(is_lone_ ? &statements_->append_event : &statements_->append_events),
      arguments_(is_lone_ ? plan_.lone_arguments(seen) : plan_.arguments(is_careful_ ? append_care::all : least, seen)),
      on_(std::move(on)),
      ended_(std::move(ended)) {}

flush::~flush() = default;

bool flush::goes_alone() const noexcept { return appends_.front()->piece != 0; }

bool flush::shares_streams(const append_request& other) const {
    if (streams_.empty()) {
        for (const append_plan::group& each : plan_.groups()) streams_.insert(each.stream);
    }
    return std::ranges::any_of(other.parts, [&](const append_part& part) { return streams_.contains(part.stream); });
}

void flush::on_synced(const failure* why) {
    if (end_) return;
    flush_end& how = end_.emplace();
    if (const auto link = on_.lock(); link && link->take_unreplicated()) {
        // Committed here, but the synchronous standby does not have it: neither a success nor a failure.
        how.why = failure(
            errc::connection_lost, {.message = "appending: the server stopped waiting for its synchronous standby"});
        how.is_lost = how.was_sent = true;
    } else if (why) {
        how.why = *why;
    } else if (!answer_.is_table()) {
        how.why = answer_.to_failure(what_->doing);
    } else {
        const auto values = answer_.rows() == 1 ? answer_.int8_array(0, 0) : append_plan::answer();
        how.verdict = is_lone_ ? plan_.lone_outcome(values) : plan_.outcomes(values);
        if (!how.verdict)
            how.why = failure(errc::schema_too_new,
                detail::message("appending: the function ", what_->name,
                    " of the schema gave an answer that this version of the library does not understand"));
    }
    come_back();
}

void flush::on_skipped() {
    on_lost(failure(errc::connection_lost, "the connection has forgotten its prepared statements"), false);
}

void flush::on_lost(const failure& why, bool was_sent) {
    if (end_) return;
    flush_end& how = end_.emplace();
    how.why = why;
    how.is_lost = true;
    how.was_sent = was_sent;
    come_back();
}

void flush::come_back() {
    unwatch();
    answer_ = postgres::answer();
    if (const auto tell = std::exchange(ended_, nullptr)) tell();
}

void flush::expire() noexcept {
    if (const auto link = on_.lock())
        link->drop_soon(failure(errc::connection_lost, "dropped a connection that did not answer an append in time"));
}

} // namespace eventstore::append
