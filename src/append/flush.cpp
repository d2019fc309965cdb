#include "append/flush.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::append {

flush::flush(std::shared_ptr<const storage::statements> known, const storage::log_mark& seen, append_list appends,
    append_care least, std::weak_ptr<postgres::connection> connection, std::function<void()> ended)
    : statements_(std::move(known)),
      appends_(std::move(appends)),
      plan_(appends_),
      is_careful_(plan_.needs_care() ||
          std::ranges::any_of(appends_, [](const auto& append) { return append->asks_for_care; })),
      is_lone_(!is_careful_ && plan_.is_lone()),
      statement_(is_lone_ ? &statements_->append_event : &statements_->append_events),
      arguments_(is_lone_ ? plan_.lone_arguments(seen) : plan_.arguments(is_careful_ ? append_care::all : least, seen)),
      connection_(std::move(connection)),
      ended_(std::move(ended)) {}

flush::~flush() = default;

bool flush::goes_alone() const noexcept { return appends_.front()->piece != 0; }

bool flush::shares_streams(const append_request& other) const {
    if (streams_.empty()) {
        for (const append_plan::group& group : plan_.groups()) streams_.insert(group.stream);
    }
    return std::ranges::any_of(other.parts, [&](const append_part& part) { return streams_.contains(part.stream); });
}

void flush::on_synced(const failure* why) {
    if (end_) return;
    flush_end& end = end_.emplace();
    if (const auto connection = connection_.lock(); connection && connection->take_unreplicated()) {
        // Committed here, but the synchronous standby does not have it: neither a success nor a failure.
        end.why = failure(
            errc::connection_lost, {.message = "appending: the server stopped waiting for its synchronous standby"});
        end.is_lost = end.was_sent = true;
    } else if (why) {
        end.why = *why;
    } else if (!answer_.is_table()) {
        end.why = answer_.to_failure(statement_->doing);
    } else {
        const auto values = answer_.rows() == 1 ? answer_.int8_array(0, 0) : append_plan::answer();
        end.verdict = is_lone_ ? plan_.lone_outcome(values) : plan_.outcomes(values);
        if (!end.verdict)
            end.why = failure(errc::schema_too_new,
                {.message = detail::message("appending: the function ", statement_->name,
                     " of the schema gave an answer that this version of the library does not understand"),
                    .outcome_unknown = true});
    }
    finish();
}

void flush::on_skipped() {
    on_lost(failure(errc::connection_lost, "the connection has forgotten its prepared statements"), false);
}

void flush::on_lost(const failure& why, bool was_sent) {
    if (end_) return;
    flush_end& end = end_.emplace();
    end.why = why;
    end.is_lost = true;
    end.was_sent = was_sent;
    finish();
}

void flush::finish() {
    unwatch();
    answer_ = postgres::answer();
    if (const auto tell = std::exchange(ended_, nullptr)) tell();
}

void flush::expire() noexcept {
    if (const auto connection = connection_.lock())
        connection->drop_soon(
            failure(errc::connection_lost, "dropped a connection that did not answer an append in time"));
}

} // namespace eventstore::append
