// fault_run [--minutes N] [--seconds N] [--seed S] [--faults NAME,NAME] [--short] [--keep] [--parent PID]: runs clients of
// stores under faults, and checks what they have recorded. Exit code 1: a violation; the last line repeats the run. SIGTERM
// ends it in order; so does, with --parent, the end of the process that has started it.
#include "faults/end_signals.hpp"
#include "faults/fault_plan.hpp"
#include "faults/faults.hpp"
#include "faults/run_end.hpp"
#include "faults/run_options.hpp"
#include "faults/testbed.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace eventstore::test::faults;
using std::chrono::milliseconds;

constexpr milliseconds tick{20};
constexpr milliseconds rest{1'500};
constexpr milliseconds short_rest{300};

/// Removed at the end, unless somebody should look into it.
class run_folder {
public:
    run_folder() {
        path_ = std::filesystem::temp_directory_path() / "eventstore-faults-XXXXXX";
        if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder for the run");
        // The server may have another user.
        std::filesystem::permissions(path_, std::filesystem::perms::others_exec | std::filesystem::perms::group_exec,
            std::filesystem::perm_options::add);
    }
    ~run_folder() {
        std::error_code ignored;
        if (!is_kept_) std::filesystem::remove_all(path_, ignored);
    }
    run_folder(const run_folder&) = delete;
    run_folder& operator=(const run_folder&) = delete;

    const std::string& path() const noexcept { return path_; }
    void keep() noexcept { is_kept_ = true; }

private:
    std::string path_;
    bool is_kept_ = false;
};

/// Injects the faults of a plan, each in its time.
class injector {
public:
    injector(testbed& bed, std::vector<fault_kind> kinds, std::vector<planned_fault> plan)
        : bed_(bed), kinds_(std::move(kinds)), plan_(std::move(plan)) {}

    std::vector<fault_window> run(milliseconds length) && {
        begun_ = std::chrono::steady_clock::now();
        std::size_t next = 0;
        while (now() < length || !active_.empty()) {
            if (was_told_to_end != 0) end_all();
            throw_if_told_to_end();
            while (next < plan_.size() && plan_[next].begin <= now()) begin(plan_[next++]);
            for (active_fault& one : active_) attempt("tick", one.name, [&] { one.running->tick(); });
            end_those_over();
            std::this_thread::sleep_for(tick);
        }
        return std::move(windows_);
    }

private:
    struct active_fault {
        std::string name;
        milliseconds end{0};
        std::size_t window = 0;
        std::unique_ptr<fault> running;
    };

    /// By the clock of the plan, which stands still while a fault begins or ends: those that follow keep their distance.
    milliseconds now() const {
        return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun_ - standing_);
    }

    void tell(const std::string& text) const {
        std::printf("%8.2f s  %s\n", static_cast<double>(now().count()) / 1'000, text.c_str());
        std::fflush(stdout);
    }

    template <class Operation>
    bool attempt(const char* step, const std::string& name, const Operation& operation) const {
        try {
            operation();
            return true;
        } catch (const std::exception& problem) {
            std::string text = problem.what();
            std::replace(text.begin(), text.end(), '\n', ' ');
            tell(name + ": " + step + ": " + text);
            return false;
        }
    }

    template <class Operation>
    void while_the_clock_stands(const Operation& operation) {
        const auto before = std::chrono::steady_clock::now();
        operation();
        standing_ += std::chrono::steady_clock::now() - before;
    }

    void begin(const planned_fault& planned) {
        const auto kind = std::find_if(
            kinds_.begin(), kinds_.end(), [&](const fault_kind& known) { return known.choice.name == planned.name; });
        tell(planned.name + " for " + std::to_string(planned.length.count()) + " ms");
        windows_.push_back({planned.name, monotonic_now(), never});
        active_.push_back(
            {planned.name, planned.end(), windows_.size() - 1, kind->make(bed_, planned.seed, planned.length)});
        while_the_clock_stands([&] { attempt("begin", planned.name, [&] { active_.back().running->begin(); }); });
    }

    void end_those_over() {
        for (std::size_t i = 0; i < active_.size();) {
            if (active_[i].end > now()) {
                ++i;
                continue;
            }
            const active_fault one = std::move(active_[i]);
            active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
            end(one);
        }
    }

    /// Another fault may be in the way: then again.
    void end(const active_fault& one) {
        while_the_clock_stands([&] {
            for (int attempts = 1; !attempt("end", one.name, [&] { one.running->end(); }) && attempts < 20; ++attempts)
                std::this_thread::sleep_for(milliseconds(500));
        });
        windows_[one.window].ended = monotonic_now();
        tell(one.name + " is over");
    }

    void end_all() {
        for (active_fault& one : active_) attempt("end", one.name, [&] { one.running->end(); });
    }

    testbed& bed_;
    std::vector<fault_kind> kinds_;
    std::vector<planned_fault> plan_;
    std::chrono::steady_clock::time_point begun_;
    std::chrono::steady_clock::duration standing_{0};
    std::vector<active_fault> active_;
    std::vector<fault_window> windows_;
};

/// Those that are asked for and can be injected here.
std::vector<fault_kind> chosen_kinds(const run_options& options, testbed& bed) {
    std::vector<fault_kind> kinds;
    std::vector<std::string> unknown = options.faults;
    for (fault_kind& kind : fault_kinds()) {
        const auto asked = std::find(unknown.begin(), unknown.end(), kind.choice.name);
        if (!options.faults.empty() && asked == unknown.end()) continue;
        if (asked != unknown.end()) unknown.erase(asked);
        const std::string obstacle = kind.obstacle(bed);
        if (!obstacle.empty()) {
            std::cout << "skipped: " << kind.choice.name << ", which cannot be injected here: " << obstacle << '\n';
            continue;
        }
        if (options.is_short) kind.choice.longest = kind.choice.shortest;
        kinds.push_back(std::move(kind));
    }
    if (!unknown.empty()) throw std::invalid_argument("there is no fault " + unknown.front());
    return kinds;
}

int run(const run_options& options) {
    std::cout << "seed " << options.seed << ", " << options.length.count() / 1'000 << " s" << std::endl;
    run_folder folder;
    if (options.keeps_records) folder.keep();
    testbed bed(folder.path(), options.seed, options.lease);
    if (!bed.server().has_tls()) std::cout << "skipped: TLS, for which the server has no certificate\n";
    std::vector<fault_kind> kinds = chosen_kinds(options, bed);
    std::vector<fault_choice> choices;
    for (const fault_kind& kind : kinds) choices.push_back(kind.choice);
    const milliseconds pause = options.is_short ? short_rest : rest;
    std::vector<planned_fault> plan = make_plan(options.seed, options.length, pause, choices);
    bed.start_all();
    const std::vector<fault_window> windows = injector(bed, std::move(kinds), std::move(plan)).run(options.length);
    std::cout << "all faults are over; waiting for the end" << std::endl;
    const run_result result = finish_run(bed, windows);

    std::cout << '\n' << result.table << '\n' << result.counts << '\n';
    for (const std::string& violation : result.violations) std::cout << "violation: " << violation << '\n';
    std::cout << result.violations.size() << " violations with seed " << options.seed << std::endl;
    if (result.violations.empty()) return 0;
    folder.keep();
    std::cout << "records: " << folder.path() << "\nrepeat it by: " << options.command() << std::endl;
    return 1;
}

} // namespace

int main(int count, char* arguments[]) try {
    const run_options options = parse_run_options(count, arguments);
    note_end_signals();
    if (options.parent != 0 && !end_with(options.parent, SIGTERM))
        throw std::runtime_error("it was not started by process " + std::to_string(options.parent));
    return run(options);
} catch (const std::exception& problem) {
    std::cerr << "fault_run: " << problem.what() << std::endl;
    return 2;
}
