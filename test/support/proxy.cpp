#include "support/proxy.hpp"

#include "support/session.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <future>
#include <list>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace eventstore::test {

namespace asio = boost::asio;
using boost::system::error_code;
using generic = asio::generic::stream_protocol;
using local = asio::local::stream_protocol;

namespace {

generic::endpoint endpoint_of(const session& server) {
    if (server.host().starts_with('/')) return local::endpoint(server.host() + "/.s.PGSQL." + server.port());
    asio::io_context context;
    asio::ip::tcp::resolver resolver(context);
    return resolver.resolve(server.host(), server.port()).begin()->endpoint();
}

/// One client and its connection to the server.
struct link {
    explicit link(asio::io_context& context) : client(context), server(context), gate(context) {
        gate.expires_at(asio::steady_timer::time_point::max());
    }

    void close() {
        error_code ignored;
        client.close(ignored);
        server.close(ignored);
        gate.cancel();
    }

    local::socket client;
    generic::socket server;
    asio::steady_timer gate; // cancelled whenever one of the flags changes
    bool answers_held = false;
    bool silent = false;
    bool deaf = false; // what the client sends is lost
};

} // namespace

class proxy::impl : public std::enable_shared_from_this<proxy::impl> {
public:
    explicit impl(generic::endpoint server) : server_(std::move(server)) {
        std::string folder = "/tmp/eventstore-proxy-XXXXXX";
        if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for the proxy");
        folder_ = folder;
        listen();
        thread_ = std::thread([this] { context_.run(); });
    }

    void stop() {
        in_thread([this] {
            acceptor_.reset();
            cut();
        });
        work_.reset();
        thread_.join();
        unlink(path().c_str());
        rmdir(folder_.c_str());
    }

    const std::string& folder() const noexcept { return folder_; }

    /// Runs `change` on the proxy's thread, and waits for it.
    template <class Change>
    void in_thread(Change change) {
        std::promise<void> done;
        asio::post(context_, [&] {
            change();
            done.set_value();
        });
        done.get_future().wait();
    }

    void listen() {
        unlink(path().c_str());
        acceptor_.emplace(context_, local::endpoint(path()));
        asio::co_spawn(context_, accept(), asio::detached);
    }

    void stop_listening() {
        acceptor_.reset();
        unlink(path().c_str());
    }

    bool is_listening() const { return acceptor_.has_value(); }

    void cut() {
        for (const auto& each : links_) each->close();
    }

    template <class Change>
    void for_each(Change change) {
        for (const auto& each : links_) {
            change(*each);
            each->gate.cancel();
        }
    }

    // Touched on the proxy's thread only.
    bool answers_held = false;
    bool silent = false;
    std::size_t to_lose = 0;
    std::string to_lose_with;
    std::string lost;
    int to_cut = 0;
    std::string to_cut_with;
    std::size_t connections() const { return links_.size(); }

private:
    std::string path() const { return folder_ + "/.s.PGSQL.5432"; }

    asio::awaitable<void> accept() {
        for (;;) {
            const auto made = std::make_shared<link>(context_);
            error_code failed;
            co_await acceptor_->async_accept(made->client, asio::redirect_error(asio::use_awaitable, failed));
            if (failed) co_return;
            made->answers_held = answers_held;
            made->silent = silent;
            links_.push_back(made);
            asio::co_spawn(context_, serve(made), asio::detached);
        }
    }

    asio::awaitable<void> serve(std::shared_ptr<link> made) {
        error_code failed;
        co_await made->server.async_connect(server_, asio::redirect_error(asio::use_awaitable, failed));
        if (failed) made->close();
        asio::co_spawn(context_, pass_answers(made), asio::detached);
        co_await pass_requests(made);
        made->close();
        links_.remove(made);
    }

    asio::awaitable<void> pass_requests(std::shared_ptr<link> made) {
        std::array<char, 1 << 16> buffer;
        error_code failed;
        for (;;) {
            std::size_t size = co_await made->client.async_read_some(
                asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failed));
            if (failed) co_return;
            while (made->silent && made->client.is_open()) co_await changed(*made);
            if (made->deaf) continue;
            const std::string_view sent(buffer.data(), size);
            if (to_cut > 0 && sent.find(to_cut_with) != sent.npos) {
                --to_cut;
                co_return;
            }
            if (to_lose > 0 && size >= to_lose && sent.find(to_lose_with) != sent.npos) {
                lost.assign(buffer.data() + size - to_lose, to_lose);
                size -= to_lose;
                to_lose = 0;
                made->deaf = true;
            }
            co_await asio::async_write(
                made->server, asio::buffer(buffer, size), asio::redirect_error(asio::use_awaitable, failed));
            if (failed) co_return;
        }
    }

    asio::awaitable<void> pass_answers(std::shared_ptr<link> made) {
        std::array<char, 1 << 16> buffer;
        error_code failed;
        for (;;) {
            const std::size_t size = co_await made->server.async_read_some(
                asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failed));
            if (failed) break;
            while ((made->silent || made->answers_held) && made->server.is_open()) co_await changed(*made);
            co_await asio::async_write(
                made->client, asio::buffer(buffer, size), asio::redirect_error(asio::use_awaitable, failed));
            if (failed) break;
        }
        made->close();
    }

    static asio::awaitable<void> changed(link& which) {
        error_code cancelled;
        co_await which.gate.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }

    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    generic::endpoint server_;
    std::string folder_;
    std::optional<local::acceptor> acceptor_;
    std::list<std::shared_ptr<link>> links_;
    std::thread thread_;
};

proxy::proxy(const std::string& url) {
    // On a Unix socket, which this one has, libpq does not speak TLS: it leads past what ends it.
    const bool is_secured = session(url).is_secured();
    impl_ = std::make_shared<impl>(endpoint_of(session(is_secured ? test_server::url() : url)));
    url_ = url_with(url, {{"host", impl_->folder()}, {"port", "5432"}});
    if (is_secured) url_ = url_with(url_, {{"sslmode", "disable"}});
}

proxy::~proxy() { impl_->stop(); }

void proxy::hold_answers() {
    impl_->in_thread([this] {
        impl_->answers_held = true;
        impl_->for_each([](link& each) { each.answers_held = true; });
    });
}

void proxy::pass_answers() {
    impl_->in_thread([this] {
        impl_->answers_held = false;
        impl_->for_each([](link& each) { each.answers_held = false; });
    });
}

void proxy::lose_last(std::size_t count, const std::string& text) {
    impl_->in_thread([&] {
        impl_->to_lose = count;
        impl_->to_lose_with = text;
        impl_->lost.clear();
    });
}

std::string proxy::lost() {
    std::string bytes;
    impl_->in_thread([&] { bytes = impl_->lost; });
    return bytes;
}

void proxy::cut_at(const std::string& text, int times) {
    impl_->in_thread([&] {
        impl_->to_cut = times;
        impl_->to_cut_with = text;
    });
}

void proxy::go_silent() {
    impl_->in_thread([this] {
        impl_->silent = true;
        impl_->for_each([](link& each) { each.silent = true; });
    });
}

void proxy::go_down() {
    impl_->in_thread([this] {
        impl_->stop_listening();
        impl_->cut();
    });
}

void proxy::heal() {
    impl_->in_thread([this] {
        impl_->silent = false;
        impl_->answers_held = false;
        impl_->to_lose = 0;
        impl_->to_cut = 0;
        if (!impl_->is_listening()) impl_->listen();
    });
}

void proxy::cut() {
    impl_->in_thread([this] { impl_->cut(); });
}

std::size_t proxy::connections() {
    std::size_t count = 0;
    impl_->in_thread([&] { count = impl_->connections(); });
    return count;
}

} // namespace eventstore::test
