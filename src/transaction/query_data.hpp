/// The inside of a query_result.
#pragma once

#include "base/live_objects.hpp"
#include "postgres/answer.hpp"

#include <eventstore/query_result.hpp>

#include <utility>

namespace eventstore::detail {

/// The answer to SQL of the caller's, with all values in text.
class query_data : private live_object {
public:
    explicit query_data(postgres::answer whole) noexcept : answer(std::move(whole)) {}

    const postgres::answer answer;
};

} // namespace eventstore::detail
