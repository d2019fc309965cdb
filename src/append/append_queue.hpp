/// Which appends go together: decisions without I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace eventstore::append {

/// Appends that wait for their flush, first come, first served, within a budget of bytes.
///
/// `Request` has `bytes`, `events` (their number), `piece` (of the queue's own use) and `is_claimed()`. What was admitted
/// counts until release().
template <class Request>
class append_queue {
public:
    using pointer = std::shared_ptr<Request>;

    struct limits {
        std::size_t queued_bytes = std::size_t{64} << 20; ///< in the queue and under way
        std::size_t flush_events = 10'000;
        std::size_t flush_bytes = std::size_t{8} << 20;
    };

    explicit append_queue(limits bounds) : limits_(bounds) {}

    /// True if another request fits into the budget. One that is larger than the budget fits when nothing else is there.
    bool has_room(std::size_t bytes) const noexcept {
        return waiting_.size() == admitted_ && (used_ == 0 || used_ + bytes <= limits_.queued_bytes);
    }

    void push(pointer request) {
        waiting_.push_back(std::move(request));
        admit();
    }

    /// Puts the requests of a failed flush back in front, in their order. They stay admitted.
    void push_front(std::vector<pointer> requests) {
        for (auto iterator = requests.rbegin(); iterator != requests.rend(); ++iterator) {
            ++admitted_;
            waiting_.push_front(std::move(*iterator));
        }
    }

    /// The same for a flush that failed as a whole, perhaps for the sake of one of them: its halves are sent apart from each
    /// other and from all else. One bad request among n is found in 2 * log2(n) flushes, and ends up alone.
    void push_front_halved(std::vector<pointer> requests) {
        const std::size_t half = (requests.size() + 1) / 2;
        for (std::size_t i = 0; i < requests.size(); ++i) requests[i]->piece = pieces_ + (i < half ? 1 : 2);
        pieces_ += 2;
        push_front(std::move(requests));
    }

    /// The same, apart from all else, and as it is.
    void push_front_alone(std::vector<pointer> requests) {
        ++pieces_;
        for (const pointer& request : requests) request->piece = pieces_;
        push_front(std::move(requests));
    }

    /// The next one that is admitted asks to be sent apart from others.
    bool goes_alone() const noexcept { return admitted_ > 0 && waiting_.front()->piece != 0; }

    /// The next flush: as many admitted requests as its limits allow, one at least. Those that were cancelled are left
    /// out and released.
    std::vector<pointer> cut() {
        return cut([](const Request&) { return true; });
    }
    /// The same up to the first request that is not `wanted`.
    template <class Condition>
    std::vector<pointer> cut(Condition wanted) {
        std::vector<pointer> flush;
        std::size_t events = 0;
        std::size_t bytes = 0;
        while (admitted_ > 0) {
            pointer& next = waiting_.front();
            if (!next->is_claimed()) {
                const bool fits =
                    events + next->events <= limits_.flush_events && bytes + next->bytes <= limits_.flush_bytes;
                if (!flush.empty() && (!fits || next->piece != flush.front()->piece)) break;
                if (!wanted(*next)) break;
                events += next->events;
                bytes += next->bytes;
                flush.push_back(std::move(next));
            } else {
                used_ -= next->bytes;
            }
            waiting_.pop_front();
            --admitted_;
            admit();
        }
        return flush;
    }

    /// Takes out a request that its caller has given up, and frees its bytes. False if it is not here.
    bool remove(const Request* request) {
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            if (waiting_[i].get() != request) continue;
            if (i < admitted_) {
                used_ -= request->bytes;
                --admitted_;
            }
            waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
            admit();
            return true;
        }
        return false;
    }

    /// The bytes of a request that has left the queue are free again.
    void release(std::size_t bytes) {
        used_ -= bytes;
        admit();
    }

    /// Empties the queue.
    std::deque<pointer> take_all() {
        for (std::size_t i = 0; i < admitted_; ++i) used_ -= waiting_[i]->bytes;
        admitted_ = 0;
        return std::exchange(waiting_, {});
    }

    std::size_t budget() const noexcept { return limits_.queued_bytes; }
    bool empty() const noexcept { return waiting_.empty(); }
    std::size_t size() const noexcept { return waiting_.size(); }
    std::size_t admitted() const noexcept { return admitted_; }
    std::size_t used_bytes() const noexcept { return used_; }

private:
    void admit() {
        while (admitted_ < waiting_.size()) {
            const std::size_t bytes = waiting_[admitted_]->bytes;
            if (used_ != 0 && used_ + bytes > limits_.queued_bytes) return;
            used_ += bytes;
            ++admitted_;
        }
    }

    limits limits_;
    std::deque<pointer> waiting_; // the first `admitted_` of them count in `used_`
    std::size_t admitted_ = 0;
    std::size_t used_ = 0;
    std::uint64_t pieces_ = 0; // of flushes that failed; 0 = of none
};

} // namespace eventstore::append
