// Connection strings: whatever is wrong with one, no word of a password is told.
#include "fuzz/fuzz_input.hpp"

#include "postgres/connect_settings.hpp"
#include "postgres/url_fault.hpp"

#include <array>
#include <string>

using namespace eventstore;
using eventstore::test::fuzz_input;
using eventstore::test::must;

namespace {

constexpr std::string_view secret = "Zq7xKw93";

/// The input, in which the secret stands for each '$'.
std::string with_secret(std::string_view text) {
    std::string made;
    for (const char c : text) {
        if (c == '$')
            made += secret;
        else if (c != '\0')
            made += c;
    }
    return made;
}

void check_silence(std::string_view told) {
    must(told.find(secret) == std::string_view::npos, "no word of a connection string is told");
}

std::string first_of(std::string_view list, std::string_view otherwise) {
    const std::string_view first = list.substr(0, list.find(','));
    return std::string(first.empty() ? otherwise : first);
}

/// Without the first host, as PQhost and PQport tell it, there are fewer, until there is none.
void check_hosts(postgres::host_list hosts) {
    for (;;) {
        const std::string host = first_of(hosts.hosts, first_of(hosts.addresses, "/run/postgresql"));
        const auto others = hosts.without(host, first_of(hosts.ports, "5432"));
        if (!others) return;
        must(others->size() < hosts.size(), "without one there are fewer hosts");
        hosts = *others;
    }
}

void check_settings(const postgres::connect_settings& settings) {
    const auto keywords = settings.keywords();
    const auto values = settings.values();
    must(keywords.size() == values.size() && keywords.back() == nullptr && values.back() == nullptr,
        "each keyword has a value, and the lists end");
    if (settings.value("password").find(secret) == std::string_view::npos) return;
    const std::string password(settings.value("password"));
    check_silence(settings.without_secrets("password authentication failed for \"" + password + "\""));
    check_silence(settings.without_secrets(password));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz_input input(data, size);
    constexpr std::array kinds{postgres::session_kind::reading, postgres::session_kind::appending,
        postgres::session_kind::transacting, postgres::session_kind::administration, postgres::session_kind::listening};
    const auto kind = input.one_of(std::span<const postgres::session_kind>(kinds));
    const std::string url = with_secret(input.bytes(size));
    const auto fault = postgres::fault_in_url(url);
    if (fault) check_silence(*fault);
    const auto settings = postgres::connect_settings::make(postgres::connection_options(store_options(url)), kind);
    must(!settings || !fault, "a string with a fault is refused");
    if (settings)
        check_settings(*settings);
    else
        check_silence(settings.error().message());

    // Hosts as a connection string lists them.
    const auto middle = url.find('|');
    if (middle == std::string::npos) return 0;
    check_hosts({url.substr(0, middle), {}, url.substr(middle + 1)});
    return 0;
}
