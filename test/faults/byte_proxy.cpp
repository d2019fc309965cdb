#include "faults/byte_proxy.hpp"

#include "faults/statement_filter.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <list>
#include <random>
#include <string>
#include <string_view>
#include <thread>

namespace eventstore::test::faults {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// What statements are refused with: what a server may say of any statement, and nothing that is about the schema. The
/// checker knows which of them a projection takes for a refusal of an event (projection_rules.cpp).
constexpr std::array<const char*, 7> refusals = {"40001", "40P01", "53100", "53200", "55P03", "57014", "XX000"};
constexpr std::size_t most_split = 300; // bytes in a row: each costs a packet

struct link {
    explicit link(asio::io_context& context) : client(context), server(context), gate(context) {
        gate.expires_at(asio::steady_timer::time_point::max());
    }

    void close(bool resets = false) {
        error_code ignored;
        if (resets) client.set_option(tcp::socket::linger(true, 0), ignored);
        if (resets) server.set_option(tcp::socket::linger(true, 0), ignored);
        client.close(ignored);
        server.close(ignored);
        gate.cancel();
    }

    tcp::socket client;
    tcp::socket server;
    asio::steady_timer gate; // cancelled when a stall is over
    statement_filter filter;
};

} // namespace

class byte_proxy::impl {
public:
    impl(std::uint16_t server_port, bool is_secured, std::uint64_t seed, recorder& records)
        : records_(records),
          server_(asio::ip::address_v4::loopback(), server_port),
          is_secured_(is_secured),
          random_(seed),
          acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          port_(acceptor_.local_endpoint().port()) {
        asio::co_spawn(context_, accept(), asio::detached);
        thread_ = std::thread([this] { context_.run(); });
    }

    ~impl() {
        in_thread([this] {
            acceptor_.close();
            for (const auto& open : links_) open->close();
        });
        work_.reset();
        thread_.join();
    }

    std::uint16_t port() const noexcept { return port_; }

    void change(disturbance kind, direction at) {
        in_thread([&] {
            kind_ = kind;
            direction_ = at;
            ++generation_;
            for (const auto& open : links_) {
                open->gate.cancel();
                if (kind != disturbance::refuse) open->filter.disarm();
            }
        });
    }

    std::uint64_t disturbances() {
        std::uint64_t count = 0;
        in_thread([&] { count = disturbances_; });
        return count;
    }

private:
    /// One direction of a link.
    struct flow {
        std::shared_ptr<link> of;
        tcp::socket& from;
        tcp::socket& to;
        bool is_to_server;
        std::uint64_t generation = 0;
        std::size_t until_next = 0; // bytes before the next disturbance
    };

    template <class Change>
    void in_thread(Change change) {
        std::promise<void> done;
        asio::post(context_, [&] {
            change();
            done.set_value();
        });
        done.get_future().wait();
    }

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    std::size_t next_offset() { return below(3) == 0 ? below(200) : below(20'000); }

    disturbance kind_for(const flow& one) const {
        if (direction_ == direction::both) return kind_;
        return (direction_ == direction::to_server) == one.is_to_server ? kind_ : disturbance::none;
    }

    asio::awaitable<void> accept() {
        for (;;) {
            const auto made = std::make_shared<link>(context_);
            error_code failed;
            co_await acceptor_.async_accept(made->client, asio::redirect_error(asio::use_awaitable, failed));
            if (failed) co_return;
            links_.push_back(made);
            asio::co_spawn(context_, serve(made), asio::detached);
        }
    }

    asio::awaitable<void> serve(std::shared_ptr<link> made) {
        error_code failed;
        co_await made->server.async_connect(server_, asio::redirect_error(asio::use_awaitable, failed));
        if (!failed) {
            made->client.set_option(tcp::no_delay(true), failed);
            made->server.set_option(tcp::no_delay(true), failed);
            const auto requests = std::make_shared<flow>(flow{made, made->client, made->server, true});
            const auto answers = std::make_shared<flow>(flow{made, made->server, made->client, false});
            asio::co_spawn(context_, pass(answers), asio::detached);
            co_await pass(requests);
        } else {
            made->close();
        }
        links_.remove(made);
    }

    /// Until the link is closed, by either flow.
    asio::awaitable<void> pass(std::shared_ptr<flow> one) {
        std::array<char, 1 << 14> buffer;
        error_code failed;
        while (one->of->client.is_open()) {
            const std::size_t size = co_await one->from.async_read_some(
                asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failed));
            if (failed) break;
            std::string bytes(buffer.data(), size);
            if (one->is_to_server && !is_secured_) bytes = filtered(*one, bytes);
            const bool goes_on = co_await forward(*one, bytes);
            if (!goes_on) break;
        }
        one->of->close();
    }

    std::string filtered(flow& one, const std::string& bytes) {
        statement_filter& filter = one.of->filter;
        if (kind_ == disturbance::refuse && !filter.is_armed()) {
            ++disturbances_;
            filter.refuse_next(below(30), refusals[below(refusals.size())]);
        }
        const bool was_armed = filter.is_armed();
        std::string sent = filter.pass(bytes);
        if (was_armed && !filter.is_armed()) records_.statement_refused(filter.sqlstate());
        return sent;
    }

    asio::awaitable<bool> forward(flow& one, std::string_view bytes) {
        while (!bytes.empty()) {
            const disturbance kind = kind_for(one);
            if (kind == disturbance::none || kind == disturbance::refuse) co_return co_await send(one, bytes);
            if (one.generation != generation_) {
                one.generation = generation_;
                one.until_next = next_offset();
            }
            const std::size_t size = std::min(one.until_next, bytes.size());
            one.until_next -= size;
            if (size > 0) {
                const bool is_sent = co_await send(one, bytes.substr(0, size));
                if (!is_sent) co_return false;
            }
            bytes.remove_prefix(size);
            if (one.until_next > 0 || bytes.empty()) continue;
            one.until_next = next_offset();
            ++disturbances_;
            const bool goes_on = co_await hit(one, kind, bytes);
            if (!goes_on) co_return false;
        }
        co_return true;
    }

    /// Disturbs the flow before these bytes. Takes from them what it has sent or lost.
    asio::awaitable<bool> hit(flow& one, disturbance kind, std::string_view& bytes) {
        error_code failed;
        switch (kind) {
        case disturbance::none:
        case disturbance::refuse: break;
        case disturbance::cut: one.of->close(below(2) == 0); co_return false;
        case disturbance::stall:
            one.of->gate.expires_after(std::chrono::milliseconds(50 + below(4'000)));
            co_await one.of->gate.async_wait(asio::redirect_error(asio::use_awaitable, failed));
            break;
        case disturbance::delay: {
            asio::steady_timer timer(context_, std::chrono::milliseconds(1 + below(100)));
            co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, failed));
            break;
        }
        case disturbance::split:
            for (std::size_t count = std::min(most_split, bytes.size()); count > 0; --count) {
                const bool is_sent = co_await send(one, bytes.substr(0, 1));
                if (!is_sent) co_return false;
                bytes.remove_prefix(1);
            }
            break;
        case disturbance::half_close:
            one.to.shutdown(tcp::socket::shutdown_send, failed);
            // What comes is lost; the other direction goes on until somebody closes.
            std::array<char, 1 << 12> lost;
            while (!failed)
                co_await one.from.async_read_some(
                    asio::buffer(lost), asio::redirect_error(asio::use_awaitable, failed));
            co_return false;
        }
        co_return true;
    }

    asio::awaitable<bool> send(flow& one, std::string_view bytes) {
        error_code failed;
        co_await asio::async_write(
            one.to, asio::buffer(bytes.data(), bytes.size()), asio::redirect_error(asio::use_awaitable, failed));
        co_return !failed;
    }

    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    recorder& records_;
    tcp::endpoint server_;
    bool is_secured_;
    std::mt19937_64 random_;
    tcp::acceptor acceptor_;
    std::uint16_t port_;
    std::list<std::shared_ptr<link>> links_;
    disturbance kind_ = disturbance::none;
    direction direction_ = direction::both;
    std::uint64_t generation_ = 0;
    std::uint64_t disturbances_ = 0;
    std::thread thread_;
};

byte_proxy::byte_proxy(std::uint16_t server_port, bool is_secured, std::uint64_t seed, recorder& refusals)
    : impl_(std::make_unique<impl>(server_port, is_secured, seed, refusals)) {}

byte_proxy::~byte_proxy() = default;

std::uint16_t byte_proxy::port() const noexcept { return impl_->port(); }

void byte_proxy::disturb(disturbance kind, direction at) { impl_->change(kind, at); }

void byte_proxy::calm() { impl_->change(disturbance::none, direction::both); }

std::uint64_t byte_proxy::disturbances() { return impl_->disturbances(); }

} // namespace eventstore::test::faults
