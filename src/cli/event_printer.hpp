// Events as the commands print them.
#pragma once

#include "cli/arguments.hpp"
#include "cli/table.hpp"

#include <eventstore/recorded_event.hpp>

namespace eventstore::cli {

/// Lines of JSON, or rows of a table.
class event_printer {
public:
    explicit event_printer(const task& work);

    void print(const recorded_event& event);
    void flush();

private:
    output& out_;
    style format_;
    table table_;
};

} // namespace eventstore::cli
