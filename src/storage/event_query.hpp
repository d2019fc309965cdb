/// An event_query as SQL; event_query::matches is the same in memory.
#pragma once

#include "postgres/parameters.hpp"

#include <eventstore/event_query.hpp>

#include <string>
#include <string_view>

namespace eventstore::storage {

/// Puts the test of an event_query (statements/event_query.sql) in the place of `-- event_query $N`, with its parameters
/// numbered from N on.
std::string for_query(std::string_view sql);

/// Of its parameters, in order.
inline constexpr postgres::type_oid query_types[] = {
    postgres::type_oid::text_array, postgres::type_oid::text, postgres::type_oid::uuid};

void encode(postgres::parameters& to, const event_query& query);

} // namespace eventstore::storage
