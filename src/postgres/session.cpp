#include "postgres/session.hpp"

#include "postgres/session_pool.hpp"

namespace eventstore::postgres {

void session::send(std::shared_ptr<request> what) {
    const std::shared_ptr<request> group[] = {std::move(what)};
    const auto keep = link;
    if (keep)
        keep->send(group);
    else
        group[0]->on_lost(failure(errc::connection_lost, "the connection to PostgreSQL was lost"), false);
}

void session::drop(failure why) {
    post([self = shared_from_this(), why = std::move(why)] {
        if (const auto keep = self->link) keep->drop(why);
    });
}

void session_lease::give_back() noexcept {
    const auto what = std::exchange(session_, nullptr);
    if (!what) return;
    if (const auto owner = owner_.lock()) owner->give_back(what);
}

void session_lease::drop(const failure& why) noexcept {
    if (const auto what = std::exchange(session_, nullptr)) what->drop(why);
}

} // namespace eventstore::postgres
