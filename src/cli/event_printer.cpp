#include "cli/event_printer.hpp"

#include "cli/event_json.hpp"
#include "cli/time_text.hpp"

#include <string>
#include <utility>
#include <vector>

namespace eventstore::cli {

event_printer::event_printer(const task& work)
    : out_(work.out),
      format_(work.given.format),
      table_(work.out, {{"POSITION", true}, {"VERSION", true}, {"CREATED AT"}, {"STREAM"}, {"TYPE"}, {"DATA"}}) {}

void event_printer::print(const recorded_event& event) {
    if (format_ == style::json) {
        out_.put(to_json(event) += '\n');
        return;
    }
    std::vector<std::string> cells;
    cells.push_back(std::to_string(event.position()));
    cells.push_back(std::to_string(event.version()));
    cells.push_back(to_text(event.created_at()));
    cells.emplace_back(event.stream());
    cells.emplace_back(event.type());
    cells.push_back(shown(event.data()));
    table_.add(std::move(cells));
}

void event_printer::flush() {
    if (format_ == style::table) table_.flush();
    out_.flush();
}

} // namespace eventstore::cli
