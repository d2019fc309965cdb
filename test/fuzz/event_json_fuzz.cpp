// Lines of JSON, as `append` takes them: what was read can be printed, and read again.
#include "fuzz/fuzz_input.hpp"

#include "cli/event_json.hpp"
#include "cli/json_text.hpp"
#include "cli/usage_error.hpp"

#include <optional>
#include <string>

using namespace eventstore;
using eventstore::test::fuzz_input;
using eventstore::test::must;

namespace {

std::optional<cli::input_event> read(std::string_view line) {
    try {
        return cli::parse_event(line);
    } catch (const cli::usage_error& e) {
        must(std::string_view(e.what()).size() > 5, "a refusal says why");
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const auto first = read(line);
    if (!first || !cli::is_utf8(first->event.type())) return 0; // the store refuses it
    const std::string text = cli::to_json(recorded_event::make("s", 1, 1, first->event));
    must(text.find('\n') == std::string::npos, "an event is one line");
    const auto second = read(text);
    must(second.has_value(), "what is printed can be read");
    must(second->event.data() == first->event.data(), "the data is the same");
    must(second->event.metadata() == first->event.metadata(), "the metadata is the same");
    must(second->event.type() == first->event.type(), "the type is the same");
    must(second->event.correlation_id() == first->event.correlation_id(), "the correlation id is the same");
    must(second->event.causation_id() == first->event.causation_id(), "the causation id is the same");
    return 0;
}
