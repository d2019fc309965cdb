/// The findings of a verification, of which there may be more than memory should hold.
#pragma once

#include <eventstore/finding.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

/// Keeps so many, and counts the rest. Notes leave three quarters of the room to what is worse.
class finding_list {
public:
    explicit finding_list(std::size_t most) : most_(most), most_notes_(std::max<std::size_t>(most / 4, 1)) {}

    void add(finding one) {
        const bool is_note = one.severity == severity::note;
        if (one.severity == severity::problem) ++problems_;
        if (kept_.size() >= most_ || (is_note && notes_ >= most_notes_)) {
            ++left_out_;
            return;
        }
        if (is_note) ++notes_;
        kept_.push_back(std::move(one));
    }
    bool is_full() const noexcept { return kept_.size() >= most_; }
    std::int64_t problems() const noexcept { return problems_; }
    std::int64_t left_out() const noexcept { return left_out_; }
    std::vector<finding> take() { return std::move(kept_); }

private:
    std::size_t most_;
    std::size_t most_notes_;
    std::size_t notes_ = 0;
    std::int64_t problems_ = 0;
    std::int64_t left_out_ = 0;
    std::vector<finding> kept_;
};

} // namespace eventstore::maintenance
