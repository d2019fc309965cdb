// The other end of a connection of libpq, which says what a test wants it to say.
#pragma once

#include "postgres/answer.hpp"

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore::test {

/// A connection to a server that is no server: it accepts whatever is sent, and answers by the script. For what libpq
/// makes of messages, where a real server would have to be brought to say them.
class scripted_server {
public:
    scripted_server();
    ~scripted_server();
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;

    PGconn* connection() const noexcept { return connection_.get(); }

    /// The fields of an error, by their codes in the protocol.
    using fields = std::vector<std::pair<char, std::string>>;

    /// What libpq makes of an error that the server sends in answer to a statement.
    postgres::answer error(const fields& what);

    /// Closes the server's end, and lets libpq notice.
    void hang_up();

private:
    void say(char type, std::string_view body);

    std::string folder_;
    int listener_ = -1;
    int socket_ = -1;
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

} // namespace eventstore::test
