#include <eventstore/embedded_postgres.hpp>

#include "embedded/embedded_server.hpp"
#include "embedded/start_operation.hpp"

#include <utility>

namespace eventstore {

embedded_postgres::embedded_postgres(std::unique_ptr<detail::embedded_server> server) noexcept
    : server_(std::move(server)) {}
embedded_postgres::embedded_postgres() noexcept = default;
embedded_postgres::~embedded_postgres() = default;
embedded_postgres::embedded_postgres(embedded_postgres&&) noexcept = default;
embedded_postgres& embedded_postgres::operator=(embedded_postgres&&) noexcept = default;

boost::asio::awaitable<embedded_postgres> embedded_postgres::start(embedded_postgres_options options) {
    auto starting = embedded::start_server(std::move(options));
    std::unique_ptr<detail::embedded_server> server = co_await std::move(starting);
    co_return embedded_postgres(std::move(server));
}

embedded_postgres embedded_postgres::start_now(embedded_postgres_options options) {
    return embedded_postgres(detail::embedded_server::start(options, {}));
}

const std::string& embedded_postgres::url() const noexcept {
    static const std::string none;
    return server_ ? server_->url() : none;
}

const std::filesystem::path& embedded_postgres::data_folder() const noexcept {
    static const std::filesystem::path none;
    return server_ ? server_->data_folder() : none;
}

void embedded_postgres::stop() {
    if (server_) server_->stop();
}

void embedded_postgres::restart(shutdown mode) {
    if (server_) server_->restart(mode);
}

} // namespace eventstore
