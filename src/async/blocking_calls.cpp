#include "async/blocking_calls.hpp"

namespace eventstore::detail {

asio::execution_context::id blocking_calls::id;
asio::execution_context::id file_calls::id;

} // namespace eventstore::detail
