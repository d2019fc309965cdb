// What other sessions notify, which anybody may who can connect to the database.
#include "fuzz/fuzz_input.hpp"

#include "feed/listener.hpp"

#include <string>

using eventstore::feed::notification;
using eventstore::test::fuzz_input;
using eventstore::test::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const notification heard = notification::parse(text);
    must(text.starts_with(heard.kind), "the kind is the first word");
    must(heard.kind.find(' ') == std::string_view::npos, "and one word");

    fuzz_input input(data, size);
    const std::int64_t first = input.integer();
    const std::int64_t second = input.integer();
    const std::string said = "log " + std::to_string(first) + ' ' + std::to_string(second);
    const notification known = notification::parse(said);
    must(known.kind == "log" && known.first == first && known.second == second, "what is told is heard");
    return 0;
}
