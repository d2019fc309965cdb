// Command lines: they are understood, or refused with a reason, in which no connection string stands.
#include "fuzz/fuzz_input.hpp"

#include "cli/arguments.hpp"
#include "cli/command_table.hpp"
#include "cli/usage_error.hpp"

#include <cstdint>
#include <string>
#include <typeinfo>
#include <vector>

using namespace eventstore;
using eventstore::test::fuzz_input;
using eventstore::test::must;

namespace {

constexpr std::string_view secret = "Zq7xKw93";

/// Words, one on each line; the secret stands for each '$'.
std::vector<std::string> words_of(fuzz_input& input) {
    std::vector<std::string> words{"eventstore"};
    while (!input.is_empty() && words.size() < 30) {
        std::string& word = words.emplace_back();
        for (const char c : input.until('\n')) {
            if (c == '$')
                word += secret;
            else if (c != '\0')
                word += c;
        }
    }
    return words;
}

void check(const cli::arguments& given) {
    if (given.command == nullptr) return;
    const auto is_number = [&](const char* name) {
        return given.has(name) && given.values[name].value().type() == typeid(std::int64_t);
    };
    try {
        if (is_number("from")) given.from(); // it is a word for some commands
        if (is_number("count")) given.count();
    } catch (const cli::usage_error& e) {
        must(std::string_view(e.what()).size() > 5, "a refusal says why");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz_input input(data, size);
    const std::vector<std::string> words = words_of(input);
    std::vector<const char*> pointers;
    for (const std::string& word : words) pointers.push_back(word.c_str());
    cli::output nowhere;
    try {
        const auto given = cli::parse_arguments(static_cast<int>(pointers.size()), pointers.data(), nowhere);
        if (given) check(*given);
    } catch (const cli::usage_error& e) {
        const std::string_view why = e.what();
        must(why.size() > 5, "a refusal says why");
        must(why.find(secret) == std::string_view::npos, "and tells no part of a connection string");
    }
    return 0;
}
