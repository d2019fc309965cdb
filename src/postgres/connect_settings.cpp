#include "postgres/connect_settings.hpp"

#include "base/text.hpp"
#include "postgres/sql_error.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace eventstore::postgres {

namespace {

// libpq quotes the part that it does not understand, which may be a password, with quotation marks of its own in it:
// everything between the first mark and the last one goes.
std::string without_quotations(std::string_view text) {
    const auto first = text.find('"');
    if (first == std::string_view::npos) return std::string(text);
    return detail::message(text.substr(0, first), "\"...\"", text.substr(text.rfind('"') + 1));
}

// Not to be overruled. Above this level, the statements after the log's lock would not see what was committed before they
// had it.
constexpr char isolation[] = " -c default_transaction_isolation=read\\ committed";
// Nor this, where all SQL is the library's own: a function or an operator that somebody has put where the role looks may
// fit its arguments better than the polymorphic one of PostgreSQL's that is meant, and would run with the role's rights.
constexpr char search_path[] = " -c search_path=pg_catalog,pg_temp";

std::string session_settings(const store_options& options, session_kind kind) {
    // A host that vanished while it held locks (that of the log, or rows of the caller's) must not hold them until the
    // system's own keepalives, hours later, find out.
    const auto quiet = std::max<std::int64_t>(options.operation_timeout().count() / 1000 - 4, 1);
    const std::string keepalives = detail::message(
        " -c tcp_keepalives_idle=", std::to_string(quiet), " -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3");
    // The caller's SQL is planned as its role has it. Times are read back in the form that ISO gives them.
    if (kind == session_kind::transacting) return "-c DateStyle=ISO" + keepalives;

    // Plans are kept, and made while tables may still be tiny: a scan of a whole table is never the right one here.
    std::string settings = "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off";
    if (kind == session_kind::appending) {
        // A flush is never cancelled, since many callers share it; but it waits for the lock no longer than they would.
        const auto patience = std::max<std::int64_t>(options.operation_timeout().count() * 3 / 4, 1);
        settings += detail::message(" -c statement_timeout=0 -c lock_timeout=", std::to_string(patience), keepalives);
    } else if (kind == session_kind::administration) {
        settings += " -c statement_timeout=0 -c lock_timeout=0";
    }
    return settings;
}

} // namespace

result<connect_settings> connect_settings::make(const store_options& options, session_kind kind) {
    char* raw_message = nullptr;
    const bool is_direct = kind == session_kind::listening && !options.session_url().empty();
    const std::string& url = is_direct ? options.session_url() : options.url();
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
        PQconninfoParse(url.c_str(), &raw_message), &PQconninfoFree);
    const std::unique_ptr<char, decltype(&PQfreemem)> message(raw_message, &PQfreemem);
    if (!parsed) {
        return failure(errc::invalid_argument,
            detail::message("the ", is_direct ? "session_url" : "url",
                " of the store is not valid: ", one_line(without_quotations(message ? message.get() : "out of memory")),
                "; write postgresql://user@host:5432/database, or keyword=value pairs"));
    }

    connect_settings settings;
    for (const PQconninfoOption* each = parsed.get(); each->keyword; ++each) {
        if (each->val) settings.given_.emplace_back(each->keyword, each->val);
    }

    settings.add_default("fallback_application_name", "eventstore");
    std::erase_if(settings.given_, [](const auto& each) { return each.first == "client_encoding"; });
    settings.add_default("client_encoding", "UTF8"); // what the store has checked its texts for
    settings.add_default("keepalives_idle", "30");
    settings.add_default("keepalives_interval", "10");
    settings.add_default("keepalives_count", "3");
    settings.add_default("tcp_user_timeout", std::to_string(options.operation_timeout().count()));
    const bool many_hosts = settings.value("host").find(',') != std::string_view::npos ||
        settings.value("hostaddr").find(',') != std::string_view::npos;
    if (many_hosts) settings.add_default("target_session_attrs", "read-write"); // follows a fail-over

    if (!options.is_pooled() || is_direct) { // a pooler refuses startup options
        std::string all = session_settings(options, kind);
        const std::string last =
            detail::message(kind == session_kind::transacting ? "" : search_path, isolation); // the last one wins
        if (const char* environment = std::getenv("PGOPTIONS"); environment && settings.value("options").empty())
            all += detail::message(" ", environment);
        const auto given = std::ranges::find(settings.given_, "options", &std::pair<std::string, std::string>::first);
        if (given != settings.given_.end())
            given->second = detail::message(all, " ", given->second, last);
        else
            settings.given_.emplace_back("options", all + last);
    }
    return settings;
}

void connect_settings::add_default(std::string_view keyword, std::string value_) {
    if (value(keyword).empty()) given_.emplace_back(keyword, std::move(value_));
}

std::string_view connect_settings::value(std::string_view keyword) const noexcept {
    for (const auto& [name, text] : given_) {
        if (name == keyword) return text;
    }
    return {};
}

std::vector<const char*> connect_settings::keywords() const {
    std::vector<const char*> list;
    for (const auto& each : given_) list.push_back(each.first.c_str());
    list.push_back(nullptr);
    return list;
}

std::vector<const char*> connect_settings::values() const {
    std::vector<const char*> list;
    for (const auto& each : given_) list.push_back(each.second.c_str());
    list.push_back(nullptr);
    return list;
}

std::string connect_settings::without_password(std::string text) const {
    const std::string_view password = value("password");
    if (password.empty()) return text;
    for (auto at = text.find(password); at != std::string::npos; at = text.find(password, at + 3))
        text.replace(at, password.size(), "***");
    return text;
}

} // namespace eventstore::postgres
