#include "postgres/host_list.hpp"

#include <algorithm>
#include <vector>

namespace eventstore::postgres {

namespace {

std::vector<std::string_view> split(std::string_view list) {
    std::vector<std::string_view> all;
    for (;;) {
        const auto end = list.find(',');
        all.push_back(list.substr(0, end));
        if (end == std::string_view::npos) return all;
        list.remove_prefix(end + 1);
    }
}

std::string_view at(const std::vector<std::string_view>& list, std::size_t index) {
    return index < list.size() ? list[index] : std::string_view();
}

void add(std::string& list, std::string_view entry, bool is_first) {
    if (!is_first) list += ',';
    list += entry;
}

} // namespace

std::size_t host_list::size() const noexcept {
    const auto count = [](const std::string& list) { return std::ranges::count(list, ',') + 1; };
    return static_cast<std::size_t>(std::max(count(hosts), count(addresses)));
}

std::optional<host_list> host_list::without(std::string_view name, std::string_view port) const {
    const auto names = split(hosts);
    const auto numbers = split(addresses);
    const auto port_entries = split(ports);
    const bool is_one_port = port_entries.size() == 1;
    host_list left;
    if (is_one_port) left.ports = ports;
    bool is_first = true;
    for (std::size_t i = 0; i < size(); ++i) {
        const std::string_view port_entry = is_one_port ? port_entries.front() : at(port_entries, i);
        const std::string_view host = at(names, i).empty() ? at(numbers, i) : at(names, i);
        const bool is_name = host == name || (host.empty() && name.starts_with('/')); // the default socket
        if (is_name && (port_entry.empty() ? std::string_view("5432") : port_entry) == port) continue;
        add(left.hosts, at(names, i), is_first);
        if (!addresses.empty()) add(left.addresses, at(numbers, i), is_first);
        if (!is_one_port) add(left.ports, port_entry, is_first);
        is_first = false;
    }
    if (is_first) return std::nullopt;
    return left;
}

} // namespace eventstore::postgres
