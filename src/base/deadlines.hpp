/// The deadlines of all operations of a store, on one timer.
#pragma once

#include "base/operation.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/intrusive/set.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace eventstore::detail {

/// Expires operations that are not finished in time.
///
/// The timer runs only while operations are pending, so that it does not keep an io_context from ending. Thread safe.
class deadlines : public std::enable_shared_from_this<deadlines> {
public:
    explicit deadlines(const asio::any_io_executor& executor);
    ~deadlines();

    /// False if the context of the timer has gone.
    bool add(operation& what);
    void remove(operation& what) noexcept;

    /// The context of the timer is going: nothing expires any more, and what is pending is closed.
    void abandon() noexcept;

private:
    struct by_deadline {
        bool operator()(const operation& left, const operation& right) const noexcept {
            return left.deadline() < right.deadline();
        }
    };
    using ordered = boost::intrusive::multiset<operation,
        boost::intrusive::member_hook<operation, boost::intrusive::set_member_hook<>, &operation::deadline_hook>,
        boost::intrusive::compare<by_deadline>>;

    template <class Condition>
    std::vector<std::shared_ptr<operation>> take_while(Condition is_wanted); // with the mutex held, in order
    void arm_soon();                                                         // with the mutex held
    void arm();                                                              // on the strand
    void expire_due();                                                       // on the strand

    std::optional<asio::strand<asio::any_io_executor>> strand_; // none once abandoned, as the timer
    std::optional<asio::steady_timer> timer_;                   // touched on the strand only
    steady_time armed_for_ = steady_time::max();
    bool is_idle_ = false; // nothing was pending when it was last armed

    std::mutex mutex_;
    ordered pending_;
    bool arming_ = false; // an arm() is posted
    bool is_abandoned_ = false;
};

} // namespace eventstore::detail
