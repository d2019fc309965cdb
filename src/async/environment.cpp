#include "async/environment.hpp"

#include <utility>

namespace eventstore::detail {

environment environment::make(const asio::any_io_executor& executor, logger::sink on_log, std::shared_ptr<clock> time) {
    return {
        executor, std::make_shared<timer_queue>(executor, std::move(time)), logger::make(std::move(on_log), executor)};
}

} // namespace eventstore::detail
