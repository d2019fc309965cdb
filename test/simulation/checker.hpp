// What must be true in every run, compared with a record of its own: what writers were told, and what consumers had.
#pragma once

#include "simulation/database_model.hpp"
#include "simulation/schedule.hpp"

#include <eventstore/append_result.hpp>
#include <eventstore/recorded_event.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

enum class rule {
    none,
    stored_event_is_missing, ///< or stands elsewhere than was told
    refused_event_is_stored,
    event_is_stored_twice,
    log_has_a_gap,
    delivered_event_differs,
    delivered_again, ///< without a reason, within one ownership
    delivered_out_of_order,
    checkpoint_passes_an_event, ///< that its owner has not done
    checkpoint_went_back,
    written_by_another_owner,
    two_owners,
    effect_is_doubled,       ///< of a transaction that acknowledges
    hand_out_is_not_counted, ///< an event that somebody had is told as new
    was_not_delivered,       ///< though the faults are long over
    checkpoint_is_behind,    ///< the same
    does_not_settle,         ///< an append has not been answered, though the faults are long over
};
std::string_view name_of(rule broken) noexcept;

struct violation {
    rule broken = rule::none;
    std::string text;
};

class checker {
public:
    checker(const schedule& plan, const database_model& database, const event_loop& loop);

    const std::optional<violation>& found() const noexcept { return found_; }

    struct counts {
        int takeovers = 0;
        int deliveries = 0;
        int redeliveries = 0; ///< of what another owner had, or was refused
        int exhausted = 0;
        int effects = 0;
        int refused_appends = 0;
        int unknown_appends = 0;
    };
    const counts& counted() const noexcept { return counts_; }

    // Appends: one operation with the same ids, in one attempt or several.

    struct part {
        std::string stream;
        std::vector<uuid> ids;
    };
    std::size_t appending(std::vector<part> parts); ///< returns its number
    void stored(std::size_t number, std::span<const append_result> results);
    void refused(std::size_t number);
    void left_unknown(std::size_t number) {
        ++counts_.unknown_appends;
        operations_[number].is_unknown = true;
    }

    // Deliveries of subscription `number`, under one lease of it.

    /// Tells one lease from all others, also those of a row that was deleted.
    static std::int64_t lease_of(std::int64_t row, std::int64_t epoch) noexcept { return row * 1'000'000 + epoch; }
    void begun(int number, std::int64_t lease, const delivery::place& from);
    /// \param delivery which hand-out it is, as the consumer is told
    void delivered(int number, std::int64_t lease, std::uint32_t consumer, const recorded_event& event, int delivery);
    void acknowledged(int number, std::int64_t lease, std::int64_t position);
    /// As if it had never been handed out.
    void given_back(int number, std::int64_t lease, std::int64_t position);
    /// It is due again: refused, or its consumer has left.
    void returned(int number, std::int64_t lease, std::int64_t position);
    void consumer_left(int number, std::int64_t lease, std::uint32_t consumer);
    /// It is out of tries, and parked or skipped.
    void exhausted(int number, std::int64_t lease, std::int64_t position);
    /// By an operator: what is parked now.
    void released(int number);
    /// An owner was told that these are to be delivered again. Each may come at any time, until it is done or parked again.
    void replayable(int number, std::int64_t lease, const std::vector<std::int64_t>& positions);

    /// A transaction of the handlers' is about to acknowledge these events; and it has.
    void committing(std::set<std::int64_t> positions) { committing_ = std::move(positions); }
    void committed(int number, std::int64_t lease);
    /// An operator has set the checkpoint, or deleted the subscription.
    void set_anew(int number) {
        subscription& of = subscriptions_[static_cast<std::size_t>(number)];
        of.effects.clear();
        of.was_set_anew = true;
    }

    /// The row has changed.
    void settled(const subscription_row& before, const subscription_row& now, std::int64_t writers_epoch);
    /// So many stores trust their lease.
    void trusted_by(int number, int stores);

    /// Whether everything that is due is done, and the checkpoint is there.
    bool is_settled(int number);
    /// At the end. \param under_way operations that have not been answered
    void finish(const std::set<std::size_t>& under_way);

private:
    enum class status { in_flight, returned, done, replayed };
    struct delivered_event {
        status now = status::in_flight;
        std::uint32_t consumer = 0;
        bool is_out = true; ///< a consumer has it; also of one that is replayed
    };
    struct line { ///< of events whose order is kept
        std::size_t next = 0;
        std::set<std::int64_t> returned;
    };
    struct ownership {
        std::int64_t from = 0;
        std::map<std::int64_t, line> lines; ///< by stream; 0 = all of them
        std::map<std::int64_t, delivered_event> events;
        std::set<std::int64_t> replays; ///< positions of parked events that may come
    };
    struct subscription {
        std::map<std::int64_t, std::vector<std::int64_t>> due; ///< positions, by line
        std::vector<std::int64_t> all;                         ///< positions
        std::map<std::int64_t, ownership> owners;
        std::set<std::int64_t> done;            ///< by whichever owner
        std::set<std::int64_t> released;        ///< by an operator, ever
        std::map<std::int64_t, int> handed_out; ///< how often
        bool was_set_anew = false;              ///< which forgets how often
        std::set<std::int64_t> effects;         ///< of transactions that acknowledge
        std::size_t settled = 0;                ///< so many of `all` are done
    };
    struct operation {
        std::vector<part> parts;
        bool is_unknown = false;
        bool is_stored = false;
        bool is_refused = false;
    };

    void add(rule broken, const std::string& text);
    void refresh();
    std::int64_t count_of(int number, std::int64_t position) const;
    std::int64_t line_of(int number, std::int64_t position) const;
    ownership* owner(int number, std::int64_t lease);
    line& line_at(int number, ownership& of, std::int64_t position);
    int number_of(const subscription_row& row) const;
    const stored_event& at(std::int64_t position) const {
        return database_.log()[static_cast<std::size_t>(position - 1)];
    }
    void check_log();

    const schedule& plan_;
    const database_model& database_;
    const event_loop& loop_;
    std::optional<violation> found_;
    std::vector<operation> operations_;
    std::vector<subscription> subscriptions_;
    std::size_t seen_ = 0; // events of the log
    std::set<std::int64_t> committing_;
    counts counts_;
};

} // namespace eventstore::test::simulation
