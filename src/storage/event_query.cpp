#include "storage/event_query.hpp"

#include "storage/sql.hpp"

#include <eventstore/recorded_event.hpp>

#include <algorithm>

namespace eventstore {

bool event_query::matches(const recorded_event& event) const noexcept {
    if (!types_.empty() && std::ranges::find(types_, event.type()) == types_.end()) return false;
    if (!event.stream().starts_with(stream_prefix_)) return false;
    return !correlation_id_ || event.correlation_id() == correlation_id_;
}

namespace storage {

std::string for_query(std::string_view sql) {
    constexpr std::string_view mark = "-- event_query $";
    const auto at = sql.find(mark);
    if (at == std::string_view::npos) return std::string(sql);
    std::string_view rest = sql.substr(at + mark.size());
    const auto end = std::min(rest.find('\n'), rest.size());
    const int first = std::stoi(std::string(rest.substr(0, end)));
    std::string result(sql.substr(0, at));
    for (std::size_t i = 0; i < sql::event_query.size(); ++i) {
        result += sql::event_query[i];
        if (sql::event_query[i] == '$') result += std::to_string(first + (sql::event_query[++i] - '1'));
    }
    return result += rest.substr(end);
}

void encode(postgres::parameters& to, const event_query& query) {
    if (query.types().empty()) {
        to.add_null();
    } else {
        to.begin_array(postgres::type_oid::text, query.types().size());
        for (const std::string& type : query.types()) to.add(type);
    }
    if (query.stream_prefix().empty())
        to.add_null();
    else
        to.add(query.stream_prefix());
    if (query.correlation_id())
        to.add(*query.correlation_id());
    else
        to.add_null();
}

} // namespace storage

} // namespace eventstore
