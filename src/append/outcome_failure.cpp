#include "append/outcome_failure.hpp"

#include "base/text.hpp"

namespace eventstore::append {

using detail::message;
using detail::quoted_for_message;

namespace {

std::string expectation(std::int64_t expected) {
    switch (expected) {
    case -2: return "that it exists";
    case -1: return "any version";
    case 0: return "that it does not exist";
    default: return message("version ", std::to_string(expected));
    }
}

std::string appending_to(const append_part& part) {
    return message(
        part.originals.empty() ? "appending to stream " : "linking into stream ", quoted_for_message(part.stream));
}

std::string appending_to(const append_request& append) {
    const std::string first = appending_to(append.parts.front());
    const std::size_t others = append.parts.size() - 1;
    return others == 0 ? first : message(first, " and ", std::to_string(others), others == 1 ? " other" : " others");
}

/// Of a number in base 36, which an SQLSTATE is, too.
std::string sqlstate_of(std::int64_t number) {
    std::string text(5, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, number /= 36) {
        const auto value = static_cast<char>(number % 36);
        *digit = static_cast<char>(value < 10 ? '0' + value : 'A' + value - 10);
    }
    return text;
}

std::string bad_event(const append_part& part, std::int64_t place) {
    if (place < 1 || static_cast<std::size_t>(place) > part.events.size()) return "an event";
    const event_data& event = part.events[static_cast<std::size_t>(place) - 1];
    return message("the event ", to_string(event.id()), " of type ", quoted_for_message(event.type()));
}

/// What the server says of a text that is not for it, in the place of its own words: they come without the text.
std::string_view why_no_jsonb(std::string_view sqlstate) {
    if (sqlstate == "22P05") return "jsonb cannot hold the character \\u0000";
    if (sqlstate == "22P02") return "it is not JSON";
    if (sqlstate == "22021") return "it is not UTF-8";
    if (sqlstate == "22003") return "a number is too large";
    if (sqlstate == "54001") return "it is nested too deeply";
    if (sqlstate == "54000") return "it is too large as jsonb";
    return "it is refused";
}

std::string_view earlier_attempt(const append_request& append) {
    return append.is_retry ? "; an earlier attempt lost its connection, and may have stored it" : "";
}

/// What is refused now may fit when the stream has moved on. An earlier attempt, whose connection was lost, may come as late
/// as that. (A version that the stream has passed fits again only if it is deleted for good and made anew so soon.)
bool may_fit_later(const append_part& part, const append_plan::outcome& why) {
    using kind = append_plan::outcome::kind;
    return why.status == kind::stream_not_found || why.status == kind::stream_deleted ||
        why.status == kind::event_not_found ||
        (why.status == kind::wrong_version && part.expected > why.actual_version);
}

} // namespace

failure to_failure(const append_request& append, const append_part& part, const append_plan::outcome& why) {
    using kind = append_plan::outcome::kind;
    failure::details details;
    details.stream = part.stream;
    const bool is_about_versions = why.status == kind::wrong_version || why.status == kind::stream_exists ||
        why.status == kind::stream_not_found || why.status == kind::stream_deleted;
    if (is_about_versions && part.expected >= 0) details.expected = part.expected;
    if (is_about_versions && why.actual_version >= 0) details.actual = why.actual_version;
    const std::string actual = std::to_string(why.actual_version);
    std::string text = appending_to(part);
    errc code = errc::wrong_expected_version;
    switch (why.status) {
    case kind::stream_exists:
        code = errc::stream_exists;
        text += message(": expected that it does not exist, but it is at version ", actual);
        break;
    case kind::stream_not_found:
        code = errc::stream_not_found;
        text += ": expected that it exists, but it has no events";
        break;
    case kind::stream_deleted:
        code = errc::stream_deleted;
        text += ": it was deleted";
        break;
    case kind::event_not_found:
        code = errc::event_not_found;
        text += ": one of the events to link to is not stored";
        break;
    case kind::event_too_large:
        code = errc::invalid_argument;
        text += message(": ", bad_event(part, why.bad_event), " has ", std::to_string(why.why_bad),
            " bytes of data and metadata, as they are read back; 67108864 (64 MB) are the most");
        break;
    case kind::no_jsonb:
        code = errc::invalid_argument;
        details.sqlstate = sqlstate_of(why.why_bad);
        text += message(": the server does not take data or metadata of ", bad_event(part, why.bad_event),
            " as jsonb: ", why_no_jsonb(details.sqlstate), " (SQLSTATE ", details.sqlstate, ")");
        break;
    case kind::duplicate_event:
        code = errc::duplicate_event;
        if (!part.originals.empty()) {
            text += ": one of the events is in that stream already";
            break;
        }
        text += ": an event with one of these ids is stored already, elsewhere, or with only a part of these events; "
                "give new events new ids, and retry with exactly the same events";
        break;
    case kind::appended:
    case kind::already_appended:
    case kind::unit_failed:
    case kind::wrong_version:
        if (part.after && why.actual_version == part.expected) {
            text += message(": it is at version ", actual, ", as expected, but its last event is not ",
                to_string(*part.after),
                ": it was deleted for good and made anew, or has lost its end; read it from the start, and decide "
                "anew");
            break;
        }
        text += message(": expected ", expectation(part.expected), ", but it is at version ", actual,
            "; read what was added, decide anew, and append at that version");
        break;
    }
    if (append.parts.size() > 1) text += "; nothing was stored in the other streams of this append either";
    if (append.is_retry && may_fit_later(part, why)) {
        details.outcome_unknown = true;
        text += "; an earlier attempt lost its connection, and may be carried out when the stream has moved on";
    }
    details.message = std::move(text);
    return failure(code, std::move(details));
}

failure about(const append_request& append, const failure& why) {
    failure::details details = why.all();
    details.stream = append.stream();
    // This attempt stored nothing, unless its answer is not understood; but an earlier one may have.
    details.outcome_unknown = append.is_retry || why.outcome_unknown();
    // A payload that is no jsonb and was sent alone.
    const bool is_argument = why.code() == errc::database_error && why_no_jsonb(details.sqlstate) != "it is refused";
    details.message = message(appending_to(append), ": ", why.message(),
        why.outcome_unknown() ? "; it may be stored: a retry with the same events is safe" : "",
        earlier_attempt(append));
    return failure(is_argument ? errc::invalid_argument : why.code(), std::move(details));
}

failure lost_again_and_again(const append_request& append, const failure& why, bool is_closed) {
    failure::details details = about(append, why).all();
    details.outcome_unknown = append.is_retry;
    details.retry_helps = true;
    if (!is_closed && append.attempts > 1) {
        details.message =
            message(appending_to(append), ": its connection was lost each of the ", std::to_string(append.attempts),
                " times that it was sent, the last ", std::to_string(append.attempts_alone),
                " times by itself; it may be what the server's process ends at, or stored; last: ", why.message());
    }
    return failure(is_closed ? errc::store_closed : errc::connection_lost, std::move(details));
}

failure lock_not_available(const append_request& append, const failure& why, const lock_holder& holder) {
    failure::details details = why.all();
    details.stream = append.stream();
    details.retry_helps = true;
    details.outcome_unknown = append.is_retry;
    details.message = message(appending_to(append), ": ",
        holder.is_known() ? holder.lock : "the lock of the log, or one on its tables,", " was not to be had in time",
        holder.is_known() ? "; it is " : "", holder.session, " (SQLSTATE ", details.sqlstate, ")",
        earlier_attempt(append));
    return failure(errc::lock_timeout, std::move(details));
}

failure ended_early(errc why, failure::details details, const lock_holder& holder) {
    std::string reason = why == errc::cancelled ? " was cancelled" : ": no answer in time";
    if (holder.is_known()) reason += message(", because of ", holder.lock, " ", holder.session);
    details.message = message("appending to stream ", quoted_for_message(details.stream), reason,
        details.outcome_unknown ? "; it was under way, and may be stored: a retry with the same events is safe"
                                : "; nothing was stored");
    return failure(why, std::move(details));
}

failure not_connected(failure::details details, const failure& last) {
    details.message =
        message("appending to stream ", quoted_for_message(details.stream), ": no connection could be had in time, ",
            details.outcome_unknown
                ? "and an earlier attempt lost its own: it may be stored, a retry with the same events is safe"
                : "nothing was stored",
            "; last: ", last.message());
    const bool is_refusal = last.code() == errc::server_unusable || last.code() == errc::log_truncated;
    const errc otherwise = details.outcome_unknown ? errc::timeout : errc::connection_lost;
    return failure(is_refusal ? last.code() : otherwise, std::move(details));
}

failure overloaded(const std::string& stream, std::size_t used, std::size_t budget) {
    return failure(errc::overloaded,
        {.message = message("appending to stream ", quoted_for_message(stream), ": ", std::to_string(used), " of ",
             std::to_string(budget), " bytes for queued appends are in use; try again later"),
            .stream = stream,
            .retry_helps = true});
}

result<append_results> result_of(const append_request& append, std::span<const append_plan::outcome> outcomes) {
    result<append_results> all{append_results()};
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].status == append_plan::outcome::kind::unit_failed) continue;
        if (!outcomes[i].is_success()) return to_failure(append, append.parts[i], outcomes[i]);
        all->push_back(outcomes[i].result);
    }
    return all;
}

} // namespace eventstore::append
