#include "postgres/exclusive_connection.hpp"

#include "postgres/exclusive_pool.hpp"

namespace eventstore::postgres {

void exclusive_connection::send(std::shared_ptr<request> next) {
    const std::shared_ptr<request> group[] = {std::move(next)};
    const auto opened = connection;
    if (opened)
        opened->send(group);
    else
        group[0]->on_lost(failure(errc::connection_lost, "the connection to PostgreSQL was lost"), false);
}

void exclusive_connection::drop(failure why) {
    post([self = shared_from_this(), why = std::move(why)] {
        if (const auto opened = self->connection) opened->drop(why);
    });
}

void exclusive_connection::abandon(const failure& why) {
    if (const auto opened = connection) opened->drop(why); // what is under way fails, and looks at it
    connection.reset();
    const std::lock_guard lock(mutex_);
    strand_.reset();
}

void lease::rest() {
    const auto owner = owner_.lock();
    if (owner && connection_ && !std::exchange(is_resting_, true)) owner->released(connection_);
}

bool lease::resume() {
    const auto owner = owner_.lock();
    if (owner && connection_ && owner->resume(connection_, user_)) return is_resting_ = false, true;
    connection_ = nullptr;
    return is_resting_ = false;
}

void lease::give_back() noexcept {
    const auto connection = std::exchange(connection_, nullptr);
    if (!connection || std::exchange(is_resting_, false)) return;
    if (const auto owner = owner_.lock()) owner->give_back(connection);
}

void lease::drop(const failure& why) noexcept {
    if (const auto connection = std::exchange(connection_, nullptr)) connection->drop(why);
}

} // namespace eventstore::postgres
