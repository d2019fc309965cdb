#include "bank.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/uuid/name_generator_sha1.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <utility>

namespace transfer {

namespace asio = boost::asio;
namespace es = eventstore;

namespace {

constexpr int most_tries = 100;

/// The same order has the same event ids: the store finds them, and stores nothing twice.
es::uuid id_of(const order& wanted, const std::string& side) {
    const boost::uuids::name_generator_sha1 ids(boost::uuids::ns::oid());
    return ids(wanted.id + '/' + side);
}

bool is_conflict(const es::failure& why) {
    return why.code() == es::errc::wrong_expected_version || why.code() == es::errc::stream_exists;
}

/// The first retry comes at once, the others after a while that grows, and is another one for each.
asio::awaitable<void> wait_before(int retry) {
    if (retry == 1) co_return;
    static thread_local std::minstd_rand random{std::random_device()()};
    const int most = 1 << std::min(retry, 7);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_after(std::chrono::milliseconds(1 + random() % static_cast<unsigned>(most)));
    co_await timer.async_wait(asio::use_awaitable);
}

} // namespace

std::optional<std::vector<es::stream_append>> decide(
    const order& wanted, const es::aggregate<account>& sender, const es::aggregate<account>& receiver) {
    if (sender.state().cents < wanted.cents) return std::nullopt;
    const sent out{wanted.id, wanted.to, wanted.cents};
    const received in{wanted.id, wanted.from, wanted.cents};
    std::vector<es::stream_append> both;
    both.emplace_back(wanted.from, sender.expected(), es::to_event_data(out).id(id_of(wanted, "sent")));
    both.emplace_back(wanted.to, receiver.expected(), es::to_event_data(in).id(id_of(wanted, "received")));
    return both;
}

bank::bank(es::store opened) : store_(std::move(opened)), accounts_(store_) {}

asio::awaitable<bool> bank::is_carried_out(order wanted) const {
    try {
        auto finding = store_.find_event(id_of(wanted, "sent"));
        co_await std::move(finding);
        co_return true;
    } catch (const es::error& why) {
        if (why.why().code() != es::errc::event_not_found) throw;
    }
    co_return false;
}

asio::awaitable<bool> bank::move(order wanted) const {
    if (wanted.from == wanted.to || wanted.cents <= 0)
        throw std::invalid_argument("a transfer moves some cents from one account to another one");
    for (int retry = 1;; ++retry) {
        const auto sender = co_await accounts_.load(wanted.from);
        const auto receiver = co_await accounts_.load(wanted.to);
        auto both = decide(wanted, sender, receiver);
        if (!both) { // perhaps because this order has taken the money already
            auto looking = is_carried_out(wanted);
            co_return co_await std::move(looking);
        }
        const auto outcome = co_await store_.try_append(std::move(*both)); // all or nothing
        if (outcome) co_return true;
        // What may have been stored has the same ids in the next try.
        const bool is_repeatable = is_conflict(outcome.error()) || outcome.error().outcome_unknown();
        if (!is_repeatable || retry == most_tries) throw es::error(outcome.error());
        ++conflicts_;
        co_await wait_before(retry);
    }
}

asio::awaitable<void> bank::deposit(std::string to, std::int64_t cents) const {
    const auto decide = [cents](const account&) { return deposited{cents}; };
    co_await accounts_.execute(to, decide);
}

asio::awaitable<std::int64_t> bank::balance(std::string of) const {
    const auto loaded = co_await accounts_.load(of);
    co_return loaded.state().cents;
}

} // namespace transfer
