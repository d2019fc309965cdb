/// \file
/// What verify, examine and validate find.
#pragma once

#include <cstdint>
#include <string>

namespace eventstore {

/// How bad a finding is.
enum class severity {
    note,    ///< worth knowing; nothing has to be done
    warning, ///< costs time or space, or will become a problem
    problem, ///< data is damaged, or events can be lost, or the store does not work
};

/// One thing that was found, and what to do about it. Every text is one line.
struct finding {
    eventstore::severity severity = severity::note;
    std::string check;         ///< the check, one fixed word for each: `missing_event`, `synchronous_commit`
    std::string subject;       ///< the stream, subscription, setting, table, index or session concerned; may be empty
    std::string message;       ///< what was expected, and what is there
    std::string advice;        ///< what to do about it
    std::string command;       ///< the advice as SQL, or as a command of the shell, that can be pasted; may be empty
    std::int64_t position = 0; ///< the position concerned; 0 if none is
    std::int64_t version = 0;  ///< the version of the stream concerned; 0 if none is
};

/// "note", "warning" or "problem".
constexpr const char* to_text(severity value) noexcept {
    switch (value) {
    case severity::note: return "note";
    case severity::warning: return "warning";
    case severity::problem: break;
    }
    return "problem";
}

} // namespace eventstore
