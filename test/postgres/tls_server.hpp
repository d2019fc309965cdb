// A server that speaks TLS, in records whose sizes a test chooses.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test {

/// A message of PostgreSQL's protocol, from the server.
std::string message_of(char type, std::string_view body);
/// One of a type that clients ignore, or tell as a notice, with so many bytes in all.
std::string notice_of(std::size_t bytes);

/// Accepts one connection at a time, and whatever is said on it, on a thread of its own. It has no events, no tables: it
/// answers by the script.
class tls_server {
public:
    /// What is sent in answer to one message of the client: bytes, and the sizes of the records that they are put into (the
    /// last of which may be smaller). All records leave in one write.
    struct answer {
        std::string bytes;
        std::vector<std::size_t> records;
    };

    /// `welcome` answers the client's first message, each of `answers` one that asks for an answer.
    tls_server(answer welcome, std::vector<answer> answers);
    ~tls_server();
    tls_server(const tls_server&) = delete;
    tls_server& operator=(const tls_server&) = delete;

    std::string url() const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace eventstore::test
