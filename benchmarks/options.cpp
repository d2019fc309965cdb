#include "options.hpp"

#include <sstream>
#include <stdexcept>

namespace eventstore::benchmarks {

namespace {

template <class Number>
Number number(const std::string& option, const std::string& text, Number least) {
    std::istringstream in(text);
    Number value{};
    if (!(in >> value) || in.peek() != std::istringstream::traits_type::eof() || value < least)
        throw std::invalid_argument("not a value for " + option + ": " + text);
    return value;
}

std::vector<chosen_cell> parse_cells(const std::string& list) {
    std::vector<chosen_cell> cells;
    std::istringstream in(list);
    for (std::string item; std::getline(in, item, ',');) {
        const auto colon = item.find(':');
        chosen_cell cell;
        cell.name = item.substr(0, colon);
        if (colon != std::string::npos) cell.concurrency = number("--cell", item.substr(colon + 1), 1);
        cells.push_back(cell);
    }
    return cells;
}

} // namespace

options parse_options(int count, char** arguments) {
    options parsed;
    double seconds = 0;
    int rounds = 0;
    for (int i = 1; i < count; ++i) {
        const std::string option = arguments[i];
        const auto value = [&]() -> std::string {
            if (++i == count) throw std::invalid_argument(option + " needs a value");
            return arguments[i];
        };
        if (option == "--cell")
            parsed.cells = parse_cells(value());
        else if (option == "--json")
            parsed.json = value();
        else if (option == "--url")
            parsed.url = value();
        else if (option == "--rounds")
            rounds = number(option, value(), 1);
        else if (option == "--seconds")
            seconds = number(option, value(), 0.1);
        else if (option == "--threads")
            parsed.threads = number(option, value(), 1);
        else if (option == "--quick")
            parsed.quick = true;
        else if (option == "--list")
            parsed.list = true;
        else if (option == "--help" || option == "-h")
            parsed.help = true;
        else
            throw std::invalid_argument("no such option: " + option + " (see --help)");
    }
    if (parsed.quick) {
        parsed.rounds = 1;
        parsed.seconds = 0.3;
        parsed.warm_up = 0.1;
    }
    if (rounds > 0) parsed.rounds = rounds;
    if (seconds > 0) parsed.seconds = seconds;
    return parsed;
}

} // namespace eventstore::benchmarks
