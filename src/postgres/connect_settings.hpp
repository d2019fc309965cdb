/// Where and how to connect.
#pragma once

#include "postgres/connection_options.hpp"
#include "postgres/host_list.hpp"

#include <eventstore/error.hpp>

#include <string>
#include <utility>
#include <vector>

namespace eventstore::postgres {

/// What a session is for; it decides which time limits the server is asked to keep.
enum class session_kind {
    reading,        ///< those of its role
    appending,      ///< waits for the log's lock no longer than a caller would; never ends a flush by itself
    transacting,    ///< those of its role, for the SQL of callers; a vanished host is found out soon
    administration, ///< none
    listening,      ///< those of its role; past a pooler, if the store knows a way, or through one that keeps sessions
};

/// Keywords and values for libpq, from the caller's url and what the store adds to it. What the caller says wins.
class connect_settings {
public:
    /// Fails with invalid_argument, without a word of the url.
    static result<connect_settings> make(const connection_options& options, session_kind kind);

    /// Null-terminated, for PQconnectStartParams; valid until the object changes or goes.
    std::vector<const char*> keywords() const;
    std::vector<const char*> values() const;

    /// The value of a keyword; empty if not given.
    std::string_view value(std::string_view keyword) const noexcept;

    /// What libpq says, which quotes hosts and files: without what might be a secret in a url that was not meant so. Of the
    /// hosts, addresses and folders stay; a user and a database, of which the server speaks, unless they look like more.
    std::string without_secrets(std::string text) const;

    /// What is run at once in each session that these settings make, before its first script and in one with it; may be
    /// empty. A server that cannot do it does without.
    const std::string& opening() const noexcept { return opening_; }

    /// What current_setting('eventstore.session') must be in the session: else the startup options did not reach it, or it
    /// is another client's, and a pooler stands between. Empty if no options are sent.
    const std::string& token() const noexcept { return token_; }

    void use_hosts(const host_list& hosts);

private:
    void add_default(std::string_view keyword, std::string value);
    void set(std::string_view keyword, std::string value);

    std::string opening_;
    std::string token_;
    std::vector<std::pair<std::string, std::string>> given_;
};

} // namespace eventstore::postgres
