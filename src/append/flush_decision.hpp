/// What is done about a flush that has come back: decisions without I/O.
#pragma once

#include "append/append_plan.hpp"

#include <eventstore/error.hpp>

#include <cstddef>
#include <optional>

namespace eventstore::append {

/// How a flush has come back.
struct flush_end {
    std::optional<append_plan::verdict> verdict; ///< the server has judged each append
    failure why;                                 ///< else: the server has refused the whole, or the connection was lost
    bool is_lost = false;
    bool was_sent = false; ///< of a lost one: it may have been carried out
};

/// What it was.
struct flush_facts {
    std::size_t appends = 1;
    bool is_careful = false;        ///< each append was judged by itself
    bool has_other_servers = false; ///< to ask, and they were not asked since the last success
};

enum class flush_step {
    deliver,        ///< each caller is told what became of its append
    send_carefully, ///< again, so that each append is judged by itself
    send_halves,    ///< again, in two parts apart from each other: one of the appends may be to blame
    send_again,     ///< as it is
    explain_lock,   ///< it waited for a lock in vain: the callers are told who holds it
    fail,           ///< every caller
};

struct flush_decision {
    flush_step step = flush_step::fail;
    bool drops_connection = false; ///< before: the next one may lead to another server

    bool goes_again() const noexcept {
        return step == flush_step::send_carefully || step == flush_step::send_halves || step == flush_step::send_again;
    }
};

flush_decision decide(const flush_facts& facts, const flush_end& end);

} // namespace eventstore::append
