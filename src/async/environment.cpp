#include "async/environment.hpp"

#include <utility>

namespace eventstore::detail {

environment environment::make(
    const asio::any_io_executor& executor, std::function<void(std::string_view)> on_log, std::shared_ptr<clock> time) {
    logger::sink to;
    if (on_log) to = [tell = std::move(on_log)](log_level, std::string_view text) { tell(text); };
    return {executor, std::make_shared<timer_queue>(executor, std::move(time)), logger::make(std::move(to), executor)};
}

} // namespace eventstore::detail
