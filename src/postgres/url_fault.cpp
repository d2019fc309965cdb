#include "postgres/url_fault.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace eventstore::postgres {

namespace {

using conninfo = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

constexpr std::string_view encode =
    "in a user's name or a password an '@' is written %40, a '/' %2F, a ':' %3A and a '%' %25";

std::string_view without_scheme(std::string_view url) {
    for (const std::string_view scheme : {"postgresql://", "postgres://"})
        if (url.starts_with(scheme)) return url.substr(scheme.size());
    return {};
}

bool is_uri(std::string_view url) { return url.starts_with("postgresql://") || url.starts_with("postgres://"); }

/// Cuts off what stands before the separator, and that with it.
std::string_view take_until(std::string_view& text, char separator) {
    const auto end = std::min(text.find(separator), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

bool are_ports(std::string_view list) {
    while (!list.empty()) {
        const std::string_view port = take_until(list, ',');
        unsigned number = 0;
        const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
        const bool is_number = problem == std::errc() && end == port.data() + port.size();
        if (!port.empty() && (!is_number || number < 1 || number > 65'535)) return false;
    }
    return true;
}

bool is_hexadecimal(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

bool is_encoded(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') continue;
        if (i + 2 >= text.size() || !is_hexadecimal(text[i + 1]) || !is_hexadecimal(text[i + 2])) return false;
        if (text.substr(i + 1, 2) == "00") return false;
    }
    return true;
}

bool is_keyword(std::string_view name) {
    const conninfo known(PQconninfoParse("", nullptr), &PQconninfoFree);
    for (const PQconninfoOption* option = known.get(); option && option->keyword; ++option)
        if (name == option->keyword) return true;
    return name == "ssl"; // ssl=true, as JDBC has it
}

/// Of a URI, by its text: what libpq may even take, but otherwise than it was meant.
std::optional<std::string> fault_in_uri(std::string_view rest) {
    if (!is_encoded(rest))
        return "a '%' in it is not followed by the two digits of an encoded character; " + std::string(encode);
    const auto user_end = rest.find_first_of("@/");
    if (user_end != std::string_view::npos && rest[user_end] == '@') rest.remove_prefix(user_end + 1);
    const std::string_view hosts = rest.substr(0, rest.find_first_of("/?"));
    const std::string_view path = rest.substr(0, rest.find('?')).substr(hosts.size());
    if (hosts.find('@') != std::string_view::npos)
        return "there is an '@' too many before its host; " + std::string(encode);
    if (path.find('@') != std::string_view::npos) return "there is an '@' behind the first '/'; " + std::string(encode);
    for (std::string_view list = hosts; !list.empty();) {
        std::string_view host = take_until(list, ',');
        if (host.starts_with('[')) {
            const auto end = host.find(']');
            if (end == std::string_view::npos) return "the ']' of an IPv6 address is missing";
            host.remove_prefix(end + 1);
            if (!host.empty() && host.front() != ':') return "only a port may follow the ']' of an IPv6 address";
        }
        const auto colon = host.find(':');
        if (colon != std::string_view::npos && !are_ports(host.substr(colon + 1)))
            return "a port is no number from 1 to 65535; " + std::string(encode);
    }
    const auto query = rest.find('?');
    for (std::string_view list = query == std::string_view::npos ? std::string_view() : rest.substr(query + 1);
         !list.empty();) {
        std::string_view option = take_until(list, '&');
        const bool has_value = option.find('=') != std::string_view::npos;
        if (!has_value) return "an option behind the '?' has no value";
        if (!is_keyword(take_until(option, '='))) return "libpq knows no option of a name that stands behind the '?'";
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string> fault_in_url(const std::string& url) {
    if (is_uri(url)) {
        if (auto why = fault_in_uri(without_scheme(url))) return why;
    } else if (!url.empty() && url.find('=') == std::string::npos) {
        return "it neither begins with postgresql:// nor consists of keywords with values";
    }
    const conninfo parsed(PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree);
    if (!parsed && is_uri(url)) return "libpq does not understand it; " + std::string(encode);
    if (!parsed)
        return "libpq knows no such keyword, or a value with a blank in it does not stand in single quotes, or a quote "
               "is "
               "missing";
    for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option) {
        const std::string_view name = option->keyword;
        const std::string_view value = option->val ? option->val : "";
        if (name == "port" && !are_ports(value)) return "a port is no number from 1 to 65535";
        if (name == "dbname" && is_uri(value)) return "a URI stands where the name of the database belongs";
        if (name == "host")
            for (std::string_view list = value; !list.empty();)
                if (take_until(list, ',').find('@', 1) !=
                    std::string_view::npos) // before a socket without a file it may stand
                    return "there is an '@' in the name of a host; " + std::string(encode);
    }
    return std::nullopt;
}

} // namespace eventstore::postgres
