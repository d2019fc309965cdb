#include "faults/statement_filter.hpp"

#include <utility>

namespace eventstore::test::faults {

namespace {

std::uint32_t length_at(std::string_view bytes, std::size_t at) {
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[at + i]);
    return length;
}

/// A message of the simple protocol, which raises the error.
std::string refusal(const std::string& sqlstate) {
    const std::string sql =
        "do $$ begin raise exception 'the proxy had this statement refused' using errcode = '" + sqlstate + "'; end $$";
    const auto length = static_cast<std::uint32_t>(4 + sql.size() + 1);
    std::string message = "Q";
    for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(length >> shift & 0xff);
    message += sql;
    message += '\0';
    return message;
}

} // namespace

void statement_filter::refuse_next(std::size_t after, std::string sqlstate) {
    is_armed_ = true;
    to_pass_ = after;
    sqlstate_ = std::move(sqlstate);
}

std::string statement_filter::pass(std::string_view bytes) {
    unread_ += bytes;
    std::string out;
    while (take_message(out)) {
    }
    return out;
}

bool statement_filter::take_message(std::string& out) {
    const std::size_t type_size = has_begun_ ? 1 : 0;
    if (unread_.size() < type_size + 4) return false;
    const std::size_t size = type_size + length_at(unread_, type_size);
    if (unread_.size() < size) return false;
    const char type = has_begun_ ? unread_.front() : '\0';
    has_begun_ = true;
    group_.append(unread_, 0, size);
    unread_.erase(0, size);
    switch (type) {
    case 'P': // Parse, Bind, Close, Describe: more follows
    case 'B':
    case 'C':
    case 'D': break;
    case 'E': executes_ = true; break;
    case 'Q':
        executes_ = true;
        end_group(out);
        break;
    case 'S': end_group(out); break;
    default: // the beginning, a password, Flush, data of COPY, the end: not to be held back
        executes_ = false;
        end_group(out);
    }
    return true;
}

void statement_filter::end_group(std::string& out) {
    const bool is_refused = is_armed_ && executes_ && to_pass_ == 0;
    if (is_armed_ && executes_ && to_pass_ > 0) --to_pass_;
    if (is_refused) {
        is_armed_ = false;
        out += refusal(sqlstate_);
    } else {
        out += group_;
    }
    group_.clear();
    executes_ = false;
}

} // namespace eventstore::test::faults
