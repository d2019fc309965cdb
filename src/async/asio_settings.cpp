#include <eventstore/asio_settings.hpp>

namespace eventstore::asio_setting {

// Made for the settings of this file, as is_another asks for them; what the optimiser sees through, it would not make.
template <class Setting>
bool is_set_otherwise_than_in_the_library() noexcept {
    const volatile bool answer = false;
    return answer;
}

} // namespace eventstore::asio_setting
