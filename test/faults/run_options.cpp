#include "faults/run_options.hpp"

#include <charconv>
#include <random>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace eventstore::test::faults {

namespace {

std::vector<std::string> names_in(std::string_view list) {
    std::vector<std::string> names;
    while (!list.empty()) {
        const std::size_t end = list.find(',');
        names.emplace_back(list.substr(0, end));
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    }
    return names;
}

} // namespace

std::string run_options::command() const {
    std::string line =
        "test/run.sh faults --seconds " + std::to_string(length.count() / 1'000) + " --seed " + std::to_string(seed);
    if (is_short) line += " --short";
    for (std::size_t i = 0; i < faults.size(); ++i) line += (i == 0 ? " --faults " : ",") + faults[i];
    return line;
}

run_options parse_run_options(int count, const char* const arguments[]) {
    run_options options;
    options.seed = std::random_device()();
    for (int i = 1; i < count; ++i) {
        const std::string_view name = arguments[i];
        const auto value = [&]() -> std::string {
            if (++i == count) throw std::invalid_argument("nothing follows " + std::string(name));
            return arguments[i];
        };
        const auto number = [&] {
            const std::string text = value();
            std::uint64_t found = 0;
            const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), found);
            if (problem != std::errc() || end != text.data() + text.size())
                throw std::invalid_argument(std::string(name) + " " + text + " is no number");
            return found;
        };
        if (name == "--minutes")
            options.length = std::chrono::minutes(number());
        else if (name == "--seconds")
            options.length = std::chrono::seconds(number());
        else if (name == "--seed")
            options.seed = number();
        else if (name == "--faults")
            options.faults = names_in(value());
        else if (name == "--short")
            options.is_short = true;
        else if (name == "--keep")
            options.keeps_records = true;
        else if (name == "--parent")
            options.parent = static_cast<pid_t>(number());
        else
            throw std::invalid_argument("there is no option " + std::string(name) +
                "; those are --minutes N, --seconds N, --seed S, --faults NAME,NAME, --short, --keep, --parent PID");
    }
    return options;
}

} // namespace eventstore::test::faults
