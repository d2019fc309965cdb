// The program live_feed, started on the schema of a test.
#pragma once

#include "examples/child_program.hpp"
#include "support/store_fixture.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::test {

class live_feed_program : public child_program {
public:
    /// Returns when it can be reached. Port 0: any that is free.
    explicit live_feed_program(const std::string& schema, std::uint16_t port = 0)
        : child_program(command(schema, port)) {
        const std::string line = read_until('\n'); // live_feed: http://127.0.0.1:8080/
        port_ = std::uint16_t(std::stoul(line.substr(line.rfind(':') + 1)));
    }

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

    static std::vector<std::string> command(const std::string& schema, std::uint16_t port) {
        return {LIVE_FEED_PROGRAM, "--end-with-input", "--url", test_server::url(), "--schema", schema, "--port",
            std::to_string(port)};
    }

private:
    std::uint16_t port_ = 0;
};

} // namespace eventstore::test
