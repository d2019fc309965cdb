#include "projection/validation.hpp"

#include "base/text.hpp"
#include "storage/validation.hpp"
#include "subscription/validation.hpp"

namespace eventstore::projection {

namespace {

constexpr std::size_t longest_name = 480; // its subscriptions add a version and a number
constexpr int highest_version = 1'000'000;
constexpr std::size_t most_consumers = 64;

failure refuse(std::string text) { return failure(errc::invalid_argument, std::move(text)); }

} // namespace

std::optional<failure> check_name(const std::string& name) {
    if (auto why = storage::check_text("projection name", name)) return why;
    if (name.size() <= longest_name) return std::nullopt;
    return refuse(detail::message("projection name: it has ", std::to_string(name.size()), " bytes; 480 are the most"));
}

std::optional<failure> check_options(const std::string& name, const projection_options& options) {
    if (auto why = check_name(name)) return why;
    if (options.version() < 1 || options.version() > highest_version)
        return refuse(
            detail::message("projection_options::version is ", std::to_string(options.version()), "; 1 to 1,000,000"));
    if (options.consumers() < 1 || options.consumers() > most_consumers)
        return refuse(
            detail::message("projection_options::consumers is ", std::to_string(options.consumers()), "; 1 to 64"));
    return std::nullopt; // the others are options of subscriptions, which check them
}

} // namespace eventstore::projection
