/// The inside of a query_result.
#pragma once

#include "base/live_objects.hpp"
#include "postgres/result.hpp"

#include <eventstore/query_result.hpp>

#include <utility>

namespace eventstore::detail {

/// The answer to SQL of the caller's, with all values in text.
class query_data : private live_object {
public:
    explicit query_data(postgres::result_handle answer) noexcept : answer_(std::move(answer)) {}

    const PGresult* answer() const noexcept { return answer_.get(); }

private:
    const postgres::result_handle answer_;
};

} // namespace eventstore::detail
