#include "append/flush_decision.hpp"

#include <string_view>

namespace eventstore::append {

namespace {

/// Whether the server has refused the flush for what is in it, rather than for the state that it is in.
bool is_refusal(const failure& why) {
    return !why.sqlstate().empty() && why.code() != errc::lock_timeout && why.code() != errc::connection_lost &&
        why.code() != errc::log_truncated;
}

/// Whether the appends that are to blame are found out when each is judged by itself: an id that is stored already, or
/// twice in the flush; what is no JSON, or too large as such.
bool is_told_when_careful(std::string_view sqlstate) {
    const bool is_of_data = sqlstate.starts_with("22") && sqlstate != "22023"; // which is for the whole flush
    return sqlstate == "23505" || sqlstate == "ES003" || is_of_data || sqlstate.starts_with("54");
}

} // namespace

flush_decision decide(const flush_facts& facts, const flush_end& end) {
    if (end.verdict) return {flush_step::deliver};
    // The events' ids make it safe to send it again. One of them may be what its backend dies of.
    if (end.is_lost) return {end.was_sent ? flush_step::send_halves : flush_step::send_again};
    const failure& why = end.why;
    if (is_told_when_careful(why.sqlstate()) && !facts.is_careful) return {flush_step::send_carefully};
    if (facts.appends > 1 && is_refusal(why)) return {flush_step::send_halves};
    // A server that became a standby: nothing was carried out, and the next connection may lead to another one.
    if (why.code() == errc::connection_lost) return {flush_step::send_again, true};
    // Nothing was written. An old primary may have come back before the new one in the url.
    if (why.code() == errc::log_truncated && facts.has_other_servers) return {flush_step::send_again, true};
    if (why.code() == errc::lock_timeout) return {flush_step::explain_lock};
    return {flush_step::fail};
}

} // namespace eventstore::append
