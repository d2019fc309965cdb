// Has the server refuse statements of a client: what a client sends is cut into groups that end with Sync, and instead of
// one of them the server gets a statement that raises an error. So the refusal is the server's own: what the client is
// told is true, the answers keep their order, and a transaction that was open is aborted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::test::faults {

/// Of one connection without TLS, from its first byte on. Pure.
class statement_filter {
public:
    /// Takes what the client has sent, and returns what the server is to get: groups that are complete.
    std::string pass(std::string_view bytes);

    /// Has the group after the next `after` ones that execute something refused, with this SQLSTATE. Once.
    void refuse_next(std::size_t after, std::string sqlstate);
    bool is_armed() const noexcept { return is_armed_; }
    /// Of what is to be refused, or was refused last.
    const std::string& sqlstate() const noexcept { return sqlstate_; }
    /// What was to be refused is not.
    void disarm() noexcept { is_armed_ = false; }

private:
    bool take_message(std::string& out);
    void end_group(std::string& out);

    std::string unread_; // an incomplete message
    std::string group_;
    bool has_begun_ = false; // the first message has no type
    bool executes_ = false;  // the group
    bool is_armed_ = false;
    std::size_t to_pass_ = 0;
    std::string sqlstate_;
};

} // namespace eventstore::test::faults
