// A flush: what its groups demand is what its appends demand one after the other; and any answer is judged, or refused.
#include "fuzz/fuzz_input.hpp"

#include "append/append_plan.hpp"
#include "append/appends.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;
using eventstore::append::append_plan;

namespace {

constexpr std::size_t streams = 3;
constexpr std::int64_t highest_version = 9;

std::string name_of(std::size_t stream) { return std::string(1, static_cast<char>('a' + stream)); }

std::vector<append_ptr> make_appends(fuzz_input& input) {
    std::vector<append_ptr> appends;
    for (std::size_t left = 1 + input.below(12); left > 0; --left) {
        const std::string stream = name_of(input.below(streams));
        const auto expected = static_cast<std::int64_t>(input.below(highest_version + 3)) - 2; // -2 = exists, -1 = any
        appends.push_back(append_of(stream, expected, 1 + input.below(3)));
    }
    return appends;
}

/// The appends to one stream, against the demand of its group, from each version.
void check_stream(
    const append_plan& plan, const std::vector<append_ptr>& appends, const std::string& stream, bool& can_pass) {
    std::vector<append_ptr> of_stream;
    for (const append_ptr& each : appends)
        if (each->stream() == stream) of_stream.push_back(each);
    if (of_stream.empty()) return;
    const auto group = std::ranges::find(plan.groups(), stream, &append_plan::group::stream);
    must(group != plan.groups().end(), "each stream has a group");
    bool passes_somewhere = false;
    for (std::int64_t before = 0; before <= 2 * highest_version; ++before) {
        std::int64_t version = before;
        const bool all_pass =
            std::ranges::all_of(of_stream, [&](const append_ptr& each) { return passes(*each, version); });
        passes_somewhere = passes_somewhere || all_pass;
        if (!plan.needs_care())
            must(group_passes(group->expected, before) == all_pass, "a group demands what its appends do");
    }
    can_pass = can_pass && passes_somewhere;
}

void check_answer(const append_plan& plan, const std::vector<append_ptr>& appends, fuzz_input& input) {
    append_plan::answer answer;
    while (!input.is_empty() && answer.size() < 100) {
        if (input.flag())
            answer.push_back(input.flag() ? std::int64_t{input.byte()} : input.integer());
        else
            answer.push_back(std::nullopt);
    }
    if (const auto verdict = plan.outcomes(answer))
        must(verdict->outcomes.size() == appends.size(), "each append has one outcome");
    if (!plan.is_lone()) return;
    if (const auto verdict = plan.lone_outcome(answer))
        must(verdict->outcomes.size() == 1, "a lone append has one outcome");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz_input input(data, size);
    const std::vector<append_ptr> appends = make_appends(input);
    const append_plan plan(appends);
    bool can_pass = true;
    for (std::size_t i = 0; i < streams; ++i) check_stream(plan, appends, name_of(i), can_pass);
    must(plan.needs_care() != can_pass, "care is asked for where, and only where, one of them must fail");
    for (const auto care : {append::append_care::none, append::append_care::ids, append::append_care::all})
        must(plan.arguments(care, storage::log_mark()).size() > 0, "it can be sent");
    if (plan.is_lone()) must(plan.lone_arguments(storage::log_mark()).size() > 0, "it can be sent alone");
    check_answer(plan, appends, input);
    return 0;
}
