/// \file
/// Typed handlers of a projection: one function for each type of event.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/decode.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_query.hpp>
#include <eventstore/projection_batch.hpp>
#include <eventstore/store_options.hpp>
#include <eventstore/typed_event.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventstore {

/// What to do with events that have no handler.
enum class unknown_types {
    skip, ///< they have no effect
    fail, ///< they fail as an event does whose handler throws: `unknown_event_type`
};

/// A handler of a projection that decodes each event, and calls the function for its type.
///
///     es::event_handlers handlers;
///     auto opened = [](es::transaction& tx, const account_opened& event) -> asio::awaitable<void> {
///         co_await tx.execute("insert into balances values ($1, 0)", event.id);
///     };
///     handlers.on<account_opened>(opened);
///     co_await es::run_projection(store, "balances", handlers, es::projection_options().query(handlers.query()));
///
/// The functions are called one after the other, in the order of the events. A function may take the recorded event and
/// the batch as well: `(transaction&, const Event&, const recorded_event&, const projection_batch&)`.
///
/// Errors, as those of a handler: `event_not_decodable`, and `unknown_event_type` with `unknown_types::fail`.
///
/// Copies share the functions. Thread safety: complete it before it runs.
class event_handlers {
public:
    event_handlers() : functions_(std::make_shared<function_map>()) {}
    explicit event_handlers(unknown_types unknown) : event_handlers() { unknown_ = unknown; }

    /// Sets the function for a type of event that has a codec, and for its former names.
    template <decodable_event Event, class Function>
    event_handlers& on(Function&& handler) {
        static_assert(detail::is_safe_in_await<Function>,
            "name the function first (auto opened = [text] {...};) and pass that: g++ 12 frees a temporary inside "
            "co_await twice");
        const function_ptr call =
            std::make_shared<const typed<Event, std::decay_t<Function>>>(std::forward<Function>(handler));
        (*functions_)[std::string(codec<Event>::type)] = call;
        if constexpr (requires { codec<Event>::former_types; })
            for (const auto& former : codec<Event>::former_types) (*functions_)[std::string(former)] = call;
        return *this;
    }

    /// Only events that have a function, unless others fail.
    event_query query() const {
        event_query types;
        if (unknown_ == unknown_types::fail) return types;
        for (const auto& [type, call] : *functions_) types.type(type);
        return types;
    }

    boost::asio::awaitable<void> operator()(transaction& tx, const projection_batch& batch) const {
        return handle(functions_, unknown_, tx, batch);
    }

private:
    class function {
    public:
        virtual ~function() = default;
        virtual boost::asio::awaitable<void> call(
            transaction& tx, const recorded_event& event, const projection_batch& batch) const = 0;
    };
    using function_ptr = std::shared_ptr<const function>;
    using function_map = std::map<std::string, function_ptr, std::less<>>;

    template <class Event, class Function>
    class typed final : public function {
    public:
        explicit typed(Function value) : function_(std::move(value)) {}

    private:
        boost::asio::awaitable<void> call(
            transaction& tx, const recorded_event& event, const projection_batch& batch) const override {
            const Event decoded = decode<Event>(event);
            if constexpr (std::is_invocable_v<const Function&, transaction&, const Event&, const recorded_event&,
                              const projection_batch&>) {
                auto working = function_(tx, decoded, event, batch);
                co_await std::move(working);
            } else if constexpr (std::is_invocable_v<const Function&, transaction&, const Event&,
                                     const recorded_event&>) {
                auto working = function_(tx, decoded, event);
                co_await std::move(working);
            } else {
                auto working = function_(tx, decoded);
                co_await std::move(working);
            }
        }

        Function function_;
    };

    static boost::asio::awaitable<void> handle(std::shared_ptr<const function_map> functions, unknown_types unknown,
        transaction& tx, const projection_batch& batch) {
        for (const recorded_event& event : batch) {
            const auto found = functions->find(event.type());
            if (found == functions->end()) {
                if (unknown == unknown_types::skip) continue;
                std::vector<detail::named_type> known;
                for (const auto& [type, call] : *functions) known.push_back({type, 0});
                throw error(detail::unknown_type(event, known));
            }
            auto working = found->second->call(tx, event, batch);
            co_await std::move(working);
        }
    }

    std::shared_ptr<function_map> functions_;
    unknown_types unknown_ = unknown_types::skip;
};

} // namespace eventstore
