#include "postgres/connect_settings.hpp"

#include "base/text.hpp"
#include "postgres/url_fault.hpp"

#include <eventstore/uuid.hpp>

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <memory>

namespace eventstore::postgres {

namespace {

using detail::message;

/// Words that libpq's messages hold anyway, and values that give nothing away.
bool is_harmless(std::string_view keyword, std::string_view value) {
    constexpr std::string_view words[] = {"localhost", "disable", "allow", "prefer", "require", "verify-ca",
        "verify-full", "any", "read-write", "read-only", "primary", "standby", "prefer-standby", "TLSv1", "TLSv1.1",
        "TLSv1.2", "TLSv1.3", "random", "none", "password", "md5", "gss", "sspi", "scram-sha-256", "system"};
    if (std::ranges::find(words, value) != std::end(words)) return true;
    if (keyword == "host" && value.starts_with('/')) return true; // where a socket is
    if (value.find_first_not_of("0123456789") == std::string_view::npos) return true;
    const std::string text(value);
    unsigned char address[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, text.c_str(), address) == 1 || ::inet_pton(AF_INET6, text.c_str(), address) == 1;
}

bool is_letter_or_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// \param anywhere inside of words, too
void hide(std::string& text, std::string_view value, bool anywhere) {
    constexpr std::string_view stars = "***";
    for (auto at = text.find(value); at != std::string::npos; at = text.find(value, at)) {
        const auto end = at + value.size();
        const bool is_within = (at > 0 && is_letter_or_digit(text[at - 1]) && is_letter_or_digit(value.front())) ||
            (end < text.size() && is_letter_or_digit(text[end]) && is_letter_or_digit(value.back()));
        if (!anywhere && is_within) {
            at = end;
        } else {
            text.replace(at, value.size(), stars);
            at += stars.size();
        }
    }
}

// Not to be overruled. Above this level, the statements after the log's lock would not see what was committed before they
// had it.
constexpr char isolation[] = " -c default_transaction_isolation=read\\ committed";
// Nor this, where all SQL is the library's own: a function or an operator that somebody has put where the role looks may
// fit its arguments better than the polymorphic one of PostgreSQL's that is meant, and would run with the role's rights.
constexpr char search_path[] = " -c search_path=pg_catalog,pg_temp";

// Nor this: that the server has stopped waiting for its synchronous standby is told in a warning, and nowhere else.
std::string messages(session_kind kind) {
    return kind == session_kind::transacting ? " -c client_min_messages=notice" : " -c client_min_messages=warning";
}

// A statement that nobody waits for any more ends with its connection. Not every server can do that.
constexpr char watch[] = "set client_connection_check_interval = '1s'; ";
// A listening session is idle by nature.
constexpr char stay[] = "set search_path = pg_catalog, pg_temp; set idle_session_timeout = 0; ";

std::string session_settings(const connection_options& options, session_kind kind) {
    // A host that vanished while it held locks (that of the log, or rows of the caller's) must not hold them until the
    // system's own keepalives, hours later, find out.
    const auto quiet = std::max<std::int64_t>(options.operation_timeout.count() / 1000 - 4, 1);
    const std::string keepalives = message(
        " -c tcp_keepalives_idle=", std::to_string(quiet), " -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3");
    // The caller's SQL is planned as its role has it. Times are read back in the form that ISO gives them.
    if (kind == session_kind::transacting) return "-c DateStyle=ISO" + keepalives;

    // Plans are kept, and made while tables may still be tiny: a scan of a whole table is never the right one here.
    std::string settings = "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off";
    if (kind == session_kind::appending) {
        // A flush is never cancelled, since many callers share it; but it waits for the lock no longer than they would.
        const auto lock_limit = std::max<std::int64_t>(options.operation_timeout.count() * 3 / 4, 1);
        settings += message(" -c statement_timeout=0 -c lock_timeout=", std::to_string(lock_limit), keepalives);
    } else if (kind == session_kind::administration) {
        settings += " -c statement_timeout=0 -c lock_timeout=0";
    }
    return settings;
}

} // namespace

result<connect_settings> connect_settings::make(const connection_options& options, session_kind kind) {
    const bool is_direct = kind == session_kind::listening && !options.session_url.empty();
    const std::string& url = is_direct ? options.session_url : options.url;
    if (const auto why = fault_in_url(url))
        return failure(errc::invalid_argument,
            message("the ", is_direct ? "session_url" : "url", " of the store is not valid: ", *why,
                "; write postgresql://user@host:5432/database, or keyword=value pairs"));
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
        PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree);
    if (!parsed) return failure(errc::invalid_argument, "the url of the store cannot be read: out of memory");

    connect_settings settings;
    for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option) {
        if (option->val) settings.given_.emplace_back(option->keyword, option->val);
    }

    settings.add_default("fallback_application_name", "eventstore");
    std::erase_if(settings.given_, [](const auto& option) { return option.first == "client_encoding"; });
    settings.add_default("client_encoding", "UTF8"); // what the store has checked its texts for
    settings.add_default("keepalives_idle", "30");
    settings.add_default("keepalives_interval", "10");
    settings.add_default("keepalives_count", "3");
    settings.add_default("tcp_user_timeout", std::to_string(options.operation_timeout.count()));
    const bool many_hosts = settings.value("host").find(',') != std::string_view::npos ||
        settings.value("hostaddr").find(',') != std::string_view::npos;
    if (many_hosts) settings.add_default("target_session_attrs", "read-write"); // follows a fail-over

    // A pooler refuses startup options; and there may be one of those that keep sessions on the way of the one that listens.
    if (kind == session_kind::listening) {
        settings.opening_ = stay;
    } else if (!options.is_pooled) {
        settings.opening_ = watch;
        settings.token_ = to_string(make_uuid());
        std::string all = session_settings(options, kind);
        const std::string last = message(kind == session_kind::transacting ? "" : search_path, isolation);
        if (const char* environment = std::getenv("PGOPTIONS"); environment && settings.value("options").empty())
            all += message(" ", environment);
        if (const auto own = settings.value("options"); !own.empty()) all += message(" ", own);
        all += message(last, messages(kind), " -c eventstore.session=", settings.token_);
        settings.set("options", std::move(all)); // of what is set twice, the last one wins
    }
    return settings;
}

void connect_settings::add_default(std::string_view keyword, std::string value_) {
    if (value(keyword).empty()) given_.emplace_back(keyword, std::move(value_));
}

void connect_settings::set(std::string_view keyword, std::string value_) {
    const auto given = std::ranges::find(given_, keyword, &std::pair<std::string, std::string>::first);
    if (given != given_.end())
        given->second = std::move(value_);
    else
        given_.emplace_back(keyword, std::move(value_));
}

void connect_settings::use_hosts(const host_list& hosts) {
    set("host", hosts.hosts);
    set("hostaddr", hosts.addresses);
    set("port", hosts.ports);
}

std::string_view connect_settings::value(std::string_view keyword) const noexcept {
    for (const auto& [name, text] : given_) {
        if (name == keyword) return text;
    }
    return {};
}

std::vector<const char*> connect_settings::keywords() const {
    std::vector<const char*> list;
    for (const auto& option : given_) list.push_back(option.first.c_str());
    list.push_back(nullptr);
    return list;
}

std::vector<const char*> connect_settings::values() const {
    std::vector<const char*> list;
    for (const auto& option : given_) list.push_back(option.second.c_str());
    list.push_back(nullptr);
    return list;
}

std::string connect_settings::without_secrets(std::string text) const {
    constexpr std::string_view secret[] = {"password", "sslpassword"};
    constexpr std::string_view of_server[] = {"user", "dbname"}; // which names them in its errors
    constexpr std::string_view told_of_nowhere[] = {
        "application_name", "fallback_application_name", "client_encoding", "options", "replication"};
    std::vector<std::string> hidden; // where it is a word of its own
    for (const auto& [name, raw] : given_) {
        const std::string value = detail::one_line(raw); // as all messages are
        if (value.empty() || std::ranges::find(told_of_nowhere, name) != std::end(told_of_nowhere)) continue;
        if (std::ranges::find(secret, name) != std::end(secret)) {
            hide(text, value, true);
        } else if (std::ranges::find(of_server, name) != std::end(of_server)) {
            if (value.find_first_of(":/@") != std::string::npos) hidden.push_back(value); // a URL taken for a name
        } else {
            for (std::string_view list = value; !list.empty();) {
                const auto end = std::min(list.find(','), list.size());
                if (!is_harmless(name, list.substr(0, end))) hidden.emplace_back(list.substr(0, end));
                list.remove_prefix(std::min(end + 1, list.size()));
            }
        }
    }
    std::ranges::sort(hidden, std::ranges::greater(), &std::string::size); // one may be a part of another
    for (const std::string& word : hidden) hide(text, word, false);
    return text;
}

} // namespace eventstore::postgres
