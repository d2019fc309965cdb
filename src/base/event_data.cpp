#include <eventstore/event_data.hpp>

namespace eventstore {

event_data::event_data(std::string type, std::string data)
    : id_(make_uuid()), type_(std::move(type)), data_(std::move(data)) {}

} // namespace eventstore
