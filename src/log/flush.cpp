#include "log/flush.hpp"

#include "base/text.hpp"
#include "log/appender.hpp"
#include "postgres/sql_error.hpp"

#include <boost/asio/post.hpp>

namespace eventstore::log {

flush::flush(const std::shared_ptr<appender>& owner, std::vector<std::shared_ptr<append_request>> appends, bool careful)
    : owner_(owner),
      statements_(owner->statements_),
      appends_(std::move(appends)),
      plan_(appends_),
      is_lone_(!careful && plan_.is_lone()),
      is_careful_(careful || plan_.needs_care()),
      what_(is_lone_ ? &owner->statements_->append_event : &owner->statements_->append_events),
      arguments_(is_lone_ ? plan_.lone_arguments(owner->seen_->latest())
                          : plan_.arguments(is_careful_, owner->seen_->latest())) {}

flush::~flush() = default;

void flush::on_answer(postgres::result_handle answer) { answer_ = std::move(answer); }

void flush::on_synced(const failure* why) {
    const auto keep = shared_from_this();
    const auto owner = owner_.lock();
    end();
    if (!owner) return;
    if (owner->connection_ && owner->connection_->take_unreplicated()) {
        // Committed here, but the synchronous standby does not have it: neither a success nor a failure.
        failure::facts facts;
        facts.message = "appending: the server stopped waiting for its synchronous standby";
        was_sent_ = true;
        return owner->lost(*this, failure(errc::connection_lost, std::move(facts)));
    }
    if (why) return owner->failed(*this, *why);
    if (PQresultStatus(answer_.get()) != PGRES_TUPLES_OK)
        return owner->failed(*this, postgres::to_failure(answer_.get(), what_->doing));

    const postgres::rows rows(answer_.get());
    const auto values = rows.count() == 1 ? rows.int8_array(0, 0) : append_plan::answer();
    const auto verdict = is_lone_ ? plan_.lone_outcome(values) : plan_.outcomes(values);
    if (!verdict) {
        return owner->failed(*this,
            failure(errc::schema_too_new,
                detail::message("appending: the function ", what_->name,
                    " of the schema gave an answer that this version of the "
                    "library does not understand")));
    }
    owner->stored(*this, *verdict);
}

void flush::on_skipped() {
    on_lost(failure(errc::connection_lost, "the connection has forgotten its prepared statements"), false);
}

void flush::on_lost(const failure& why, bool was_sent) {
    const auto keep = shared_from_this();
    end();
    was_sent_ = was_sent;
    if (const auto owner = owner_.lock()) owner->lost(*this, why);
}

void flush::end() noexcept {
    is_over_.store(true, std::memory_order_release);
    unwatch();
}

void flush::expire() noexcept {
    const auto owner = owner_.lock();
    if (!owner) return;
    asio::post(owner->strand(), [owner, self = std::static_pointer_cast<flush>(shared_from_this())] {
        if (!self->is_over() && owner->connection_) {
            owner->connection_->drop(
                failure(errc::connection_lost, "dropped a connection that did not answer an append in time"));
        }
    });
}

} // namespace eventstore::log
