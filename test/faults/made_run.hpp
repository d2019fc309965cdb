// A whole run that is made up: writers, subscribers, faults, and what the database holds at the end. From a seed, and
// always right.
#pragma once

#include "faults/history.hpp"
#include "faults/made_owner.hpp"

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::test::faults {

struct made_run {
    std::vector<made_file> files;
    std::vector<log_facts> stores;
    std::vector<subscription_rules> subscriptions;

    history read() const;
    std::vector<violation> check() const;
};

/// What a run is made of.
struct made_shape {
    int steps = 150;
    bool has_changes = true; ///< streams are deleted and restored
    bool is_finished = true; ///< everything is delivered and acknowledged at the end
    made_bug bug = made_bug::none;
};

class made_world {
public:
    made_world(unsigned seed, made_shape shape);

    made_run run();

private:
    struct made_tenant {
        explicit made_tenant(std::string schema) : store(std::move(schema)) {}

        made_store store;
        std::map<std::string, projected_stream> rows; // of its read model
        std::vector<std::int64_t> parked;             // by its handler
        std::size_t projected = 0;                    // of the log
    };

    /// A call of a writer, which the server may carry out after the writer has gone.
    struct made_call {
        made_tenant* tenant = nullptr;
        std::shared_ptr<made_process> writer;
        std::uint64_t attempt = 0;
        std::vector<part_to_append> parts; // of an append
        std::string stream;                // of a change
        stream_change change = stream_change::soft_delete;
        bool is_handled = false;
        bool is_told = false;
        made_answer answer;
    };

    struct made_subscriber {
        made_subscription state;
        std::unique_ptr<made_owner> owner;
        std::unique_ptr<made_owner> fenced; // an owner before it, that is at work still
        instant until = 0;
        bool is_paused = false;
    };

    void add_subscriptions(made_tenant& tenant);
    void step();
    void call();
    void append(made_call& call);
    void handle(made_call& call);
    void tell(made_call& call);
    void kill_writer();
    void serve(made_subscriber& subscriber);
    void own(made_subscriber& subscriber);
    void take_over(made_subscriber& subscriber);
    void end_fenced(made_subscriber& subscriber);
    void park(made_tenant& tenant, const made_event& event);
    void project(made_tenant& tenant);
    void finish();
    made_run result();
    std::shared_ptr<made_process> new_process(const std::string& kind);
    std::string any_stream() { return "s" + std::to_string(random_.below(4)) + (random_.one_in(9) ? " %" : ""); }

    made_random random_;
    made_shape shape_;
    instant now_ = 1'000;
    std::list<made_tenant> tenants_;
    std::list<made_subscriber> subscribers_;
    std::vector<std::shared_ptr<made_file>> files_;
    std::shared_ptr<made_process> driver_;
    std::vector<std::shared_ptr<made_process>> writers_;
    std::list<made_call> calls_;
    std::vector<std::pair<made_tenant*, std::vector<part_to_append>>> to_retry_;
    int processes_ = 0;
    // Its records do not move the clock of the others.
    std::shared_ptr<made_file> projector_file_ = std::make_shared<made_file>(made_file{"projector", {}});
    recorder projector_{
        "projector", [this](std::string_view lines) { projector_file_->text += lines; }, [this] { return now_; }};
};

} // namespace eventstore::test::faults
