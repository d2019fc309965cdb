#include "postgres/exclusive_connection.hpp"

#include "postgres/exclusive_pool.hpp"

namespace eventstore::postgres {

void exclusive_connection::send(std::shared_ptr<request> what) {
    const std::shared_ptr<request> group[] = {std::move(what)};
    const auto keep = link;
    if (keep)
        keep->send(group);
    else
        group[0]->on_lost(failure(errc::connection_lost, "the connection to PostgreSQL was lost"), false);
}

void exclusive_connection::drop(failure why) {
    post([self = shared_from_this(), why = std::move(why)] {
        if (const auto keep = self->link) keep->drop(why);
    });
}

void exclusive_connection::abandon(const failure& why) {
    if (const auto keep = link) keep->drop(why); // what is under way fails, and looks at it
    link.reset();
    const std::lock_guard lock(mutex_);
    strand_.reset();
}

void lease::rest() {
    const auto owner = owner_.lock();
    if (owner && what_ && !std::exchange(is_resting_, true)) owner->released(what_);
}

bool lease::resume() {
    const auto owner = owner_.lock();
    if (owner && what_ && owner->resume(what_, user_)) return is_resting_ = false, true;
    what_ = nullptr;
    return is_resting_ = false;
}

void lease::give_back() noexcept {
    const auto what = std::exchange(what_, nullptr);
    if (!what || std::exchange(is_resting_, false)) return;
    if (const auto owner = owner_.lock()) owner->give_back(what);
}

void lease::drop(const failure& why) noexcept {
    if (const auto what = std::exchange(what_, nullptr)) what->drop(why);
}

} // namespace eventstore::postgres
