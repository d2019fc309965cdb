// Subscriptions in memory, and the processes that have them one after the other.
#pragma once

#include "faults/checker.hpp"
#include "faults/made_store.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace eventstore::test::faults {

/// The records of a process that is made up.
struct made_file {
    std::string process;
    std::string text;
};

/// A process, and the clock of all of them.
class made_process {
public:
    made_process(std::string name, instant& now)
        : file_(std::make_shared<made_file>(made_file{std::move(name), {}})),
          records(
              file_->process, [file = file_](std::string_view lines) { file->text += lines; },
              [&now] { return ++now; }) {}

private:
    std::shared_ptr<made_file> file_;

public:
    recorder records;

    const std::shared_ptr<made_file>& file() const noexcept { return file_; }
    /// It is killed while it writes this record: a part of it is in the file.
    template <class Write>
    void kill_while(made_random& random, const Write& write) {
        const std::size_t before = file_->text.size();
        write(records);
        file_->text.resize(before + random.below(file_->text.size() - before));
    }
};

/// What the database holds of a subscription.
struct made_subscription {
    subscription_rules rules;
    const made_store* store = nullptr;
    std::int64_t checkpoint = 0;
    std::int64_t epoch = 0;
    std::map<std::int64_t, std::int64_t> parked; // deliveries, by position
    std::map<std::int64_t, std::int64_t> deliveries;
    made_bug bug = made_bug::none;

    bool wants(const made_event& event) const;
    std::string key_of(const made_event& event) const;
};

/// One owner of it: what it has in memory.
class made_owner {
public:
    made_owner(
        made_subscription& of, std::shared_ptr<made_process> process, made_random& random, std::size_t consumers);

    /// Something that it may do: take a batch, acknowledge or refuse one, write the checkpoint, lose a consumer.
    void step();
    /// Handles everything that is there.
    void drain();
    void write_checkpoint();
    /// In order: the checkpoint is written, and the records tell of the end.
    void release();
    void kill();
    /// Another one has it: what this one writes has no effect.
    void fence() { is_fenced_ = true; }

    const std::shared_ptr<made_process>& process() const noexcept { return process_; }

private:
    enum class state { waiting, in_flight, done };
    struct pending_event {
        const made_event* event = nullptr;
        state at = state::waiting;
        unsigned consumer = 0;
        std::string key;
    };
    struct open_batch {
        std::uint64_t number = 0;
        unsigned consumer = 0;
        std::vector<std::int64_t> positions;
    };

    void look();
    bool is_due(const pending_event& event, unsigned consumer) const;
    bool take(unsigned consumer);
    std::vector<std::int64_t> choose(unsigned consumer);
    void settle(std::size_t batch, bool may_refuse);
    void acknowledge_through(std::size_t batch);
    void refuse(const open_batch& batch, std::optional<std::int64_t> position);
    void lose_consumer();
    void replay();
    std::int64_t done_through() const;
    std::vector<delivered_event> hand_out(const std::vector<std::int64_t>& positions);
    void deliver(unsigned consumer, const std::vector<std::int64_t>& positions);

    made_subscription& of_;
    std::shared_ptr<made_process> process_;
    made_random& random_;
    std::uint64_t ownership_ = 0;
    bool is_fenced_ = false;
    std::map<std::int64_t, std::int64_t> deliveries_; // as far as it knows
    std::map<std::int64_t, std::int64_t> parked_;     // when it became the owner
    std::size_t looked_through_ = 0;                  // of the log
    std::map<std::int64_t, pending_event> pending_;
    std::vector<open_batch> open_;
    std::vector<unsigned> consumers_;
    unsigned last_consumer_ = 0;
};

} // namespace eventstore::test::faults
