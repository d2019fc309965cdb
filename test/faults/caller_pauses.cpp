#include "faults/caller_pauses.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>
#include <unordered_map>

namespace eventstore::test::faults {

namespace {

struct span {
    instant begun = 0;
    instant ended = 0;
    instant length = 0;
};

bool overlap(const fault_window& window, instant begun, instant ended) {
    return begun <= window.ended && ended >= window.begun;
}

class pause_finder {
public:
    pause_finder(const history& records, const std::vector<fault_window>& windows)
        : records_(records), windows_(windows) {
        for (const process_pause& pause : records.pauses) pauses_[pause.process].push_back(&pause);
        note_calls();
        note_deliveries();
    }

    longest_pauses in(const fault_window& window) const {
        longest_pauses found;
        found.times = 1;
        found.call = longest(calls_, window);
        found.stored = longest(stored_, window);
        found.delivery = longest(deliveries_, window);
        return found;
    }

private:
    using place = std::pair<name_number, std::int64_t>; // of an event: its store and position

    instant longest(const std::vector<span>& spans, const fault_window& window) const {
        instant length = 0;
        for (const span& one : spans)
            if (one.length > length && overlap(window, one.begun, one.ended) && !is_of_an_earlier(window, one))
                length = one.length;
        return length;
    }

    /// It began in another fault, which was over before this one began, and counts there.
    bool is_of_an_earlier(const fault_window& window, const span& one) const {
        return std::any_of(windows_.begin(), windows_.end(), [&](const fault_window& other) {
            return other.ended < window.begun && other.begun <= one.begun && one.begun <= other.ended;
        });
    }

    instant running_time(name_number process, instant from, instant to) const {
        instant running = to - from;
        const auto found = pauses_.find(process);
        if (found == pauses_.end()) return running;
        for (const process_pause* pause : found->second)
            running -= std::max<instant>(0, std::min(to, pause->ended) - std::max(from, pause->begun));
        return running;
    }

    void note_calls() {
        std::unordered_map<uuid, instant, uuid_hash> first_begun;
        for (const append_attempt& attempt : records_.appends) {
            if (attempt.ended == never || attempt.parts.empty() || attempt.parts.front().ids.empty()) continue;
            const auto first = first_begun.try_emplace(attempt.parts.front().ids.front(), attempt.begun).first;
            const auto span_from = [&](instant begun) {
                return span{begun, attempt.ended, running_time(attempt.process, begun, attempt.ended)};
            };
            calls_.push_back(span_from(attempt.begun));
            if (attempt.end != outcome::done) continue;
            stored_.push_back(span_from(first->second));
            for (const append_part& part : attempt.parts)
                for (std::int64_t position = part.told.first_position; position <= part.told.last_position; ++position)
                    acknowledged_.try_emplace({attempt.store, position}, attempt.ended);
        }
    }

    void note_deliveries() {
        struct delivery {
            instant at = 0;
            std::int64_t position = 0;
            name_number process = 0;
        };
        using subscription = std::tuple<name_number, name_number, name_number>;
        std::map<subscription, std::vector<delivery>> all;
        for (const ownership& owner : records_.ownerships) {
            auto& of = all[{owner.store, owner.stream, owner.subscription}];
            for (const owner_step& step : owner.steps)
                if (step.done == owner_step::kind::delivered) of.push_back({step.at, step.position, owner.process});
        }
        for (auto& [key, list] : all) {
            std::sort(list.begin(), list.end(),
                [](const delivery& left, const delivery& right) { return left.at < right.at; });
            std::set<std::int64_t> seen;
            instant before = 0;
            for (const delivery& one : list) {
                const auto acknowledged = acknowledged_.find({std::get<0>(key), one.position});
                if (seen.insert(one.position).second && acknowledged != acknowledged_.end()) {
                    const instant begun = std::max(before, acknowledged->second);
                    if (begun < one.at)
                        deliveries_.push_back({begun, one.at, running_time(one.process, begun, one.at)});
                }
                before = one.at;
            }
        }
    }

    const history& records_;
    const std::vector<fault_window>& windows_;
    std::unordered_map<name_number, std::vector<const process_pause*>> pauses_;
    std::map<place, instant> acknowledged_;
    std::vector<span> calls_;
    std::vector<span> stored_;
    std::vector<span> deliveries_;
};

std::string seconds_of(instant length) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f s", static_cast<double>(length) / 1e9);
    return text;
}

std::string columns_of(const longest_pauses& pauses) {
    if (pauses.times == 0) return "0 | | | |";
    return std::to_string(pauses.times) + " | " + seconds_of(pauses.call) + " | " + seconds_of(pauses.stored) + " | " +
        seconds_of(pauses.delivery) + " |";
}

} // namespace

void longest_pauses::include(const longest_pauses& other) {
    times += other.times;
    call = std::max(call, other.call);
    stored = std::max(stored, other.stored);
    delivery = std::max(delivery, other.delivery);
}

std::map<std::string, pauses_of_a_fault> longest_pauses_of(
    const history& records, const std::vector<fault_window>& windows) {
    const pause_finder finder(records, windows);
    std::map<std::string, pauses_of_a_fault> found;
    for (const fault_window& window : windows) {
        const bool has_company = std::any_of(windows.begin(), windows.end(),
            [&](const fault_window& other) { return &other != &window && overlap(window, other.begun, other.ended); });
        pauses_of_a_fault& of = found[window.name];
        (has_company ? of.together : of.alone).include(finder.in(window));
    }
    return found;
}

std::string table_of(const std::map<std::string, pauses_of_a_fault>& pauses) {
    std::string table = "| fault | alone | longest call | until stored | without a delivery | together | longest call "
                        "| until stored | without a delivery |\n|---|---|---|---|---|---|---|---|---|\n";
    for (const auto& [name, of] : pauses)
        table += "| " + name + " | " + columns_of(of.alone) + " " + columns_of(of.together) + "\n";
    return table;
}

} // namespace eventstore::test::faults
