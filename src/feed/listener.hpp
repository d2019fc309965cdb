/// One connection that listens for all stores of a group.
#pragma once

#include "async/environment.hpp"
#include "async/pause.hpp"
#include "async/service.hpp"
#include "base/live_objects.hpp"
#include "postgres/connector.hpp"
#include "postgres/connector_state.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eventstore::feed {

namespace asio = boost::asio;

/// What has happened: a word, and one or two numbers. sql/functions/40_tell_followers.sql sends them.
struct notification {
    std::string_view kind; ///< "log", "restored"; of subscriptions "free", "gone", "replay"
    std::int64_t first = 0;
    std::int64_t second = 0;

    static notification parse(std::string_view text) noexcept;
};

/// Who is told of notifications. Called on the listener's strand.
class notification_receiver {
public:
    virtual ~notification_receiver() = default;
    /// It is told of all notifications from now on; what came before may have been missed. Again after each loss.
    virtual void on_listening() = 0;
    /// It is not told any more, or not yet: the connection is lost, or the server refuses.
    virtual void on_listening_lost() = 0;
    virtual void on_notification(const notification& notification) = 0;
};

/// Listens to the channels of the schemas that somebody wants to hear of. While nobody does, it has no connection. Where it
/// is refused (a standby, some poolers), it tries again ever less often, every two seconds in the end. Thread safe.
class listener : public std::enable_shared_from_this<listener>, public detail::service, private detail::live_object {
public:
    listener(const postgres::connection_options& options, detail::environment where);

    void join(std::string schema, std::weak_ptr<notification_receiver> receiver);
    /// May be told a little more after this.
    void leave(std::string schema, const notification_receiver* receiver);

    void abandon() noexcept override;

private:
    /// Ends the connection, and tells nobody anything more.
    void begin_stop() override;
    void drop() override { stopped(); }

    class names_request;
    class listen_request;

    struct registration {
        std::weak_ptr<notification_receiver> receiver;
        const notification_receiver* address = nullptr;
    };
    struct channel {
        std::string name; ///< empty: not asked for yet, or asked for
        bool is_asked = false;
        bool is_sent = false;
        bool is_listening = false;
        std::vector<registration> receivers;
    };

    // On the strand, as all that follows.
    void start();
    asio::awaitable<void> run();
    void listen_on(std::shared_ptr<postgres::connection> connection);
    void broken(const failure& why);
    void update_soon();
    void update();
    void named(const std::vector<std::string>& schemas, const std::vector<std::string>& names);
    void listened(const std::vector<std::string>& schemas);
    void refused(const failure& why);
    void ask(const std::shared_ptr<postgres::request>& request);
    void await_answer();
    void answered();
    void overdue();
    void pass_on(std::string_view name, std::string_view message);
    void send(const std::shared_ptr<postgres::request>& request);

    const detail::environment environment_;
    const std::shared_ptr<postgres::connector> connector_;
    const std::chrono::milliseconds longest_answer_;
    std::optional<postgres::connection::strand> strand_; // none once abandoned

    std::map<std::string, channel> channels_;              // by schema
    std::unordered_map<std::string, std::string> schemas_; // by the name of the channel
    detail::pause pause_{environment_.timers};
    postgres::connector_state connects_;
    bool is_refused_ = false; // by the server that the connection leads to
    bool running_ = false;
    bool updating_ = false; // an update() is posted
    bool closed_ = false;
    std::shared_ptr<postgres::connection> connection_;
    std::size_t unanswered_ = 0; // statements
    detail::steady_time answer_due_{};
    std::shared_ptr<detail::timed> answer_limit_;
};

} // namespace eventstore::feed
