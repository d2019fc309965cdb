#include "feed/listener.hpp"

#include "base/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace eventstore::feed {

namespace {

using detail::message;
using postgres::type_oid;

constexpr std::size_t channels_at_once = 250; // channels in one statement

// What fails, as causes in the log are told apart.
constexpr std::string_view listening = "listening";
constexpr std::string_view staying = "staying connected to listen";

failure closed_failure() { return failure(errc::store_closed, "nobody follows the log any more"); }

/// A statement of the listener's, which nobody waits for.
class listener_request : public postgres::request {
public:
    explicit listener_request(std::string text, std::vector<type_oid> types = std::vector<type_oid>()) {
        statement_.text = std::move(text);
        statement_.types = std::move(types);
        statement_.is_prepared = false;
        statement_.doing = "listening";
    }
    const postgres::statement& sql() const noexcept override { return statement_; }
    const postgres::parameters& arguments() const noexcept override { return arguments_; }
    void on_answer(postgres::answer) override {}
    void on_skipped() override {}
    void on_lost(const failure&, bool) override {}

protected:
    postgres::statement statement_;
    postgres::parameters arguments_;
};

/// Several statements as one; a single one as it is.
std::string all_of(const std::vector<std::string>& names) {
    if (names.size() == 1) return message("listen \"", names.front(), "\"");
    std::string text = "do $do$ begin ";
    for (const std::string& name : names) text += message("listen \"", name, "\"; ");
    return text += "end $do$";
}

} // namespace

/// Asks for the names of channels: a schema's own may be too long for one, hence the hash.
class listener::names_request final : public listener_request {
public:
    names_request(std::weak_ptr<listener> owner, std::vector<std::string> schemas)
        : listener_request(
              "select 'es_' || md5(s.name) from unnest($1) with ordinality as s (name, place) order by s.place",
              std::vector<type_oid>(1, type_oid::text_array)),
          owner_(std::move(owner)),
          schemas_(std::move(schemas)) {
        arguments_.begin_array(type_oid::text, schemas_.size());
        for (const std::string& schema : schemas_) arguments_.add(schema);
    }
    void on_answer(postgres::answer answer) override {
        const auto owner = owner_.lock();
        if (!owner) return;
        if (!answer.is_table()) return owner->refused(answer.to_failure("listening"));
        std::vector<std::string> names;
        for (int i = 0; i < answer.rows(); ++i) names.emplace_back(answer.bytes(i, 0));
        owner->named(schemas_, names);
    }

private:
    const std::weak_ptr<listener> owner_;
    const std::vector<std::string> schemas_;
};

/// Listens; what is committed after its end is heard.
class listener::listen_request final : public listener_request {
public:
    listen_request(
        std::weak_ptr<listener> owner, std::vector<std::string> schemas, const std::vector<std::string>& names)
        : listener_request(all_of(names)), owner_(std::move(owner)), schemas_(std::move(schemas)) {}

    void on_answer(postgres::answer answer) override {
        if (answer.is_error()) why_ = answer.to_failure("listening");
    }
    void on_synced(const failure* why) override {
        const auto owner = owner_.lock();
        if (!owner) return;
        if (why_ || why)
            owner->refused(why_ ? *why_ : *why);
        else
            owner->listened(schemas_);
    }

private:
    const std::weak_ptr<listener> owner_;
    const std::vector<std::string> schemas_;
    std::optional<failure> why_;
};

listener::listener(const postgres::connection_options& options, detail::environment where)
    : environment_(std::move(where)),
      connector_(std::make_shared<postgres::connector>(
          options, environment_, postgres::session_kind::listening, "connecting to listen")),
      longest_answer_(options.operation_timeout),
      strand_(environment_.executor) {}

void listener::join(std::string schema, std::weak_ptr<notification_receiver> receiver) {
    if (!strand_) return;
    asio::post(*strand_, [self = shared_from_this(), schema = std::move(schema), receiver = std::move(receiver)] {
        const auto alive = receiver.lock();
        if (self->closed_ || !alive) return;
        channel& joined = self->channels_[schema];
        joined.receivers.push_back({receiver, alive.get()});
        if (joined.is_listening)
            alive->on_listening();
        else if (self->connection_)
            self->update_soon();
        else
            self->start();
        const bool is_lost = !self->connection_ && (self->connects_.last_failure() || self->connects_.failures() > 1);
        if (is_lost) alive->on_listening_lost(); // the others know
    });
}

void listener::leave(std::string schema, const notification_receiver* receiver) {
    if (!strand_) return;
    asio::post(*strand_, [self = shared_from_this(), schema = std::move(schema), receiver] {
        const auto left = self->channels_.find(schema);
        if (left == self->channels_.end()) return;
        std::erase_if(left->second.receivers, [&](const registration& entry) { return entry.address == receiver; });
        if (!left->second.receivers.empty()) return;
        const std::string name = left->second.name;
        const bool is_listening = left->second.is_sent;
        self->channels_.erase(left);
        self->schemas_.erase(name);
        if (self->channels_.empty()) {
            self->pause_.end();
            self->connector_->stop_tries();
            if (const auto connection = self->connection_) connection->drop(closed_failure());
        } else if (self->connection_ && is_listening) {
            self->send(std::make_shared<listener_request>(message("unlisten \"", name, "\"")));
        }
    });
}

void listener::begin_stop() {
    if (!strand_) return;
    asio::post(*strand_, [self = shared_from_this()] {
        self->closed_ = true;
        self->channels_.clear();
        self->schemas_.clear();
        self->pause_.end();
        self->connector_->stop();
        if (const auto connection = self->connection_)
            connection->drop(failure(errc::store_closed, "the store is closed"));
        self->stopped();
    });
}

void listener::abandon() noexcept {
    closed_ = true;
    channels_.clear();
    if (const auto connection = connection_) connection->drop(closed_failure());
    answer_limit_.reset();
    strand_.reset();
}

void listener::start() {
    if (std::exchange(running_, true)) return;
    asio::co_spawn(*strand_, run(), [self = shared_from_this()](const std::exception_ptr&) {
        self->running_ = false;
        if (!self->closed_ && !self->connection_ && !self->channels_.empty()) self->start();
    });
}

asio::awaitable<void> listener::run() {
    const auto self = shared_from_this();
    while (!closed_ && !connection_ && !channels_.empty()) {
        if (environment_.now() < connects_.not_before()) {
            auto pausing = pause_.until(connects_.not_before());
            co_await std::move(pausing);
            if (closed_ || channels_.empty()) break;
        }
        auto connecting = postgres::connector::connect(connector_, *strand_);
        const auto made = co_await std::move(connecting);
        if (closed_ || channels_.empty()) break;
        if (made) {
            connects_.connected();
            listen_on(*made);
            update();
            break;
        }
        connects_.failed(made.error(), environment_.now(), detail::random_number());
    }
}

// From here on the connection keeps itself, and is ended by drop() only.
void listener::listen_on(std::shared_ptr<postgres::connection> connection) {
    connection->start_listening(
        [weak = weak_from_this()](std::string_view name, std::string_view text) {
            if (const auto self = weak.lock()) self->pass_on(name, text);
        },
        [weak = weak_from_this()](const failure& why) {
            if (const auto self = weak.lock()) self->broken(why);
        });
    connection_ = std::move(connection);
}

void listener::broken(const failure& why) {
    if (!std::exchange(connection_, nullptr)) return;
    unanswered_ = 0;
    answer_limit_.reset();
    if (closed_ || channels_.empty()) return;
    connector_->count_lost();
    environment_.logger->report(std::exchange(is_refused_, false) ? listening : staying, why);
    connects_.lost(environment_.now(), detail::random_number());
    std::vector<std::shared_ptr<notification_receiver>> lost;
    for (auto& [schema, state] : channels_) {
        state.is_asked = state.is_sent = state.is_listening = false;
        for (const registration& entry : state.receivers) {
            if (auto alive = entry.receiver.lock()) lost.push_back(std::move(alive));
        }
    }
    for (const auto& receiver : lost) receiver->on_listening_lost();
    start();
}

void listener::refused(const failure& why) {
    is_refused_ = true;
    if (const auto connection = connection_) connection->drop(why); // the next one may be luckier
}

void listener::update_soon() {
    if (std::exchange(updating_, true)) return;
    asio::post(*strand_, [self = shared_from_this()] {
        self->updating_ = false;
        self->update();
    });
}

// Asks for the names that are not known, and listens to those that are.
void listener::update() {
    std::vector<std::string> nameless, schemas, names;
    for (auto& [schema, state] : channels_) {
        if (state.name.empty()) {
            if (!std::exchange(state.is_asked, true)) nameless.push_back(schema);
        } else if (!std::exchange(state.is_sent, true)) {
            schemas.push_back(schema);
            names.push_back(state.name);
        }
    }
    const auto chunk_of = [](const std::vector<std::string>& all, std::size_t from) {
        const auto end = std::min(from + channels_at_once, all.size());
        return std::vector<std::string>(
            all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(end));
    };
    for (std::size_t at = 0; at < nameless.size(); at += channels_at_once)
        ask(std::make_shared<names_request>(weak_from_this(), chunk_of(nameless, at)));
    for (std::size_t at = 0; at < schemas.size(); at += channels_at_once)
        ask(std::make_shared<listen_request>(weak_from_this(), chunk_of(schemas, at), chunk_of(names, at)));
}

void listener::send(const std::shared_ptr<postgres::request>& request) {
    if (const auto connection = connection_) connection->send(std::span(&request, 1));
}

void listener::ask(const std::shared_ptr<postgres::request>& request) {
    if (!connection_) return;
    if (unanswered_++ == 0) await_answer();
    send(request);
}

// A connection that is open and says nothing would keep its followers from ever beginning.
void listener::await_answer() {
    answer_due_ = environment_.in(longest_answer_);
    answer_limit_ = detail::call_at(*environment_.timers, answer_due_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self && self->strand_) asio::post(*self->strand_, [self] { self->overdue(); });
    });
}

void listener::answered() {
    if (unanswered_ == 0) return;
    if (--unanswered_ == 0)
        answer_limit_.reset();
    else
        await_answer();
}

void listener::overdue() {
    if (unanswered_ == 0 || environment_.now() < answer_due_) return; // it came at the last moment
    refused(failure(errc::timeout,
        {.message = message("listening: no answer within ", std::to_string(longest_answer_.count()),
             " ms (operation_timeout); the connection is made anew"),
            .retry_helps = true}));
}

void listener::named(const std::vector<std::string>& schemas, const std::vector<std::string>& names) {
    answered();
    for (std::size_t i = 0; i < schemas.size() && i < names.size(); ++i) {
        const auto known = channels_.find(schemas[i]);
        if (known == channels_.end()) continue;
        known->second.name = names[i];
        schemas_[names[i]] = schemas[i];
    }
    update_soon();
}

void listener::listened(const std::vector<std::string>& schemas) {
    answered();
    connects_.proven();
    for (const std::string_view cause : {listening, staying}) environment_.logger->passed(cause);
    for (const std::string& schema : schemas) {
        const auto known = channels_.find(schema);
        if (known == channels_.end()) continue;
        known->second.is_listening = true;
        const auto receivers = known->second.receivers;
        for (const registration& entry : receivers) {
            if (const auto alive = entry.receiver.lock()) alive->on_listening();
        }
    }
}

notification notification::parse(std::string_view text) noexcept {
    const auto take_number = [&text]() -> std::int64_t {
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        std::int64_t number = 0;
        const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        return number;
    };
    notification read;
    read.kind = text.substr(0, text.find(' '));
    text.remove_prefix(read.kind.size());
    read.first = take_number();
    read.second = take_number();
    return read;
}

void listener::pass_on(std::string_view name, std::string_view text) {
    const auto schema = schemas_.find(std::string(name));
    if (schema == schemas_.end()) return;
    const auto known = channels_.find(schema->second);
    if (known == channels_.end()) return;
    const notification heard = notification::parse(text);
    for (const registration& entry : known->second.receivers) {
        if (const auto alive = entry.receiver.lock()) alive->on_notification(heard);
    }
}

} // namespace eventstore::feed
