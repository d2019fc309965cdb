// PostgreSQL's own programs, pg_dump and pg_restore, as tests run them.
#pragma once

#include "support/session.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace eventstore::test {

inline std::string quoted_for_shell(const std::string& word) {
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

/// What a command prints. Throws when it fails.
inline std::string text_printed_by(const std::string& command) {
    FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    std::string text;
    std::array<char, 65536> block;
    while (const std::size_t size = std::fread(block.data(), 1, block.size(), pipe)) text.append(block.data(), size);
    if (::pclose(pipe) != 0) throw std::runtime_error("it fails: " + command);
    return text;
}

/// Quoted; the one that came with the server, or else that of the PATH.
inline std::string client_program(const std::string& name) {
    static const std::filesystem::path folder =
        session(test_server::superuser_url()).value("select setting from pg_config where name = 'BINDIR'");
    const std::string beside_the_server = (folder / name).string();
    return quoted_for_shell(std::filesystem::exists(beside_the_server) ? beside_the_server : name);
}

inline boost::test_tools::assertion_result server_can_be_dumped(boost::unit_test::test_unit_id) {
    try {
        text_printed_by(client_program("pg_dump") +
            " --schema-only --schema=pg_toast --dbname=" + quoted_for_shell(test_server::url()) + " 2>&1");
        return true;
    } catch (const std::runtime_error&) {
        boost::test_tools::assertion_result no(false);
        no.message() << "there is no pg_dump for this server";
        return no;
    }
}

/// For test cases that need them: pg_dump refuses a server that is newer than itself.
inline boost::unit_test::precondition has_client_programs() {
    return boost::unit_test::precondition(&server_can_be_dumped);
}

} // namespace eventstore::test
