// What subscribers were given, in what order, and how far their checkpoints went.

#include "faults/delivery_plan.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace eventstore::test::faults {

namespace {

constexpr std::int64_t no_bound = std::numeric_limits<std::int64_t>::max();

class subscription_check {
    using place = delivery_plan::place;

public:
    subscription_check(const known_store& known, const subscription_rules& rules, report& out)
        : known_(known), rules_(rules), out_(out), plan_(known, rules), past_(known.events.size()) {
        note_parked();
    }

    /// \param owners by epoch
    void run(const std::vector<const ownership*>& owners) {
        // The owners before the first have acknowledged nothing, as there are none.
        std::int64_t bound = bound_after(rules_.after, 0);
        std::int64_t least = rules_.after; // that is durable
        const ownership* last = nullptr;
        std::vector<instant> next_begun(owners.size() + 1, never); // the first of the later ones
        for (std::size_t i = owners.size(); i-- > 1;) next_begun[i - 1] = std::min(next_begun[i], owners[i]->begun);
        for (std::size_t i = 0; i < owners.size(); ++i) {
            const ownership& owner = *owners[i];
            if (owner.from > bound)
                tell_lead("the checkpoint from which " + text_of(owner) + " began", owner.from, bound);
            if (const auto lost = first_between(owner.from, least))
                add(rule::checkpoint_went_back, text_of(owner), " began after position ", owner.from,
                    ", but the checkpoint was at ", least, ", behind ", text_of(*lost));
            const auto number = static_cast<std::uint32_t>(i + 1);
            least = std::max({least, owner.from, follow(owner, number, next_begun[i])});
            bound = bound_after(owner.from, number);
            last = &owner;
        }
        check_end(last, bound, least);
        check_refused();
    }

private:
    template <class... Pieces>
    void add(rule broken, const Pieces&... pieces) {
        out_.add(known_.schema(), broken, "subscription '", rules_.name, "' to '", rules_.stream, "': ", pieces...);
    }

    std::string text_of(const ownership& owner) const {
        return "process '" + known_.names.name_of(owner.process) + "' (epoch " + std::to_string(owner.epoch) + ")";
    }
    std::string text_of(place event) const { return known_.text_of(known_.events[event]); }

    void note_parked() {
        for (const parked_event& event : known_.facts.parked) {
            if (event.stream != rules_.stream || event.subscription != rules_.name) continue;
            const std::optional<std::size_t> found = known_.at_position(event.position);
            if (!found || !plan_.has(static_cast<place>(*found))) {
                add(rule::delivered_to_the_wrong_subscription, "position ", event.position,
                    " is parked, which this subscription does not deliver");
                continue;
            }
            past_.parked[*found] = true;
            if (event.deliveries <= rules_.max_retries)
                add(rule::parked_without_refusals, text_of(static_cast<place>(*found)), " was parked after ",
                    event.deliveries, " deliveries; ", std::int64_t{rules_.max_retries}, " retries are due");
        }
    }

    /// It may have been parked or skipped by now: refused, and handed out more than max_retries times. An owner that died
    /// may have had it once without a record.
    bool may_be_exhausted(place event) const {
        return rules_.exhausted != refusals::stop && past_.refused[event] &&
            past_.deliveries[event] + past_.deaths > static_cast<std::uint32_t>(rules_.max_retries);
    }
    bool may_be_passed_over(place event) const {
        return plan_.is_optional(event) || past_.parked[event] || may_be_exhausted(event);
    }

    /// How far a checkpoint may have gone that this owner has written: to the first event that is not done.
    std::int64_t bound_after(std::int64_t from, std::uint32_t owner) const {
        const std::vector<place>& all = plan_.all();
        for (std::size_t i = plan_.first_after(all, from); i < all.size(); ++i) {
            const bool is_acked = owner != 0 && past_.acked_in[all[i]] == owner;
            if (!is_acked && !may_be_passed_over(all[i])) return known_.events[all[i]].position - 1;
        }
        return no_bound;
    }

    /// The first event that was acknowledged after the one position, up to the other. The checkpoint may be anywhere between
    /// two such events: what is not delivered, or was parked, counts as done, and need not be written.
    std::optional<place> first_between(std::int64_t after, std::int64_t last) const {
        const std::vector<place>& all = plan_.all();
        for (std::size_t i = plan_.first_after(all, after); i < all.size(); ++i) {
            if (known_.events[all[i]].position > last) break;
            if (past_.acked_in[all[i]] != 0 && !past_.refused[all[i]] && !plan_.is_optional(all[i])) return all[i];
        }
        return std::nullopt;
    }

    void tell_lead(const std::string& checkpoint, std::int64_t position, std::int64_t bound) {
        const std::optional<std::size_t> found = known_.at_position(bound + 1);
        const std::size_t event = found.value_or(0);
        add(rule::checkpoint_leads, checkpoint, " is position ", position, ", but ", text_of(static_cast<place>(event)),
            past_.deliveries[event] == 0 ? " was not delivered by then" : " was not acknowledged by the owner before");
    }

    // One owner.

    struct open_batch {
        std::uint32_t consumer = 0;
        std::vector<place> events; // but those that were acknowledged one by one
    };

    struct owner_state {
        owner_state(const ownership& of, std::uint32_t number_of_it, instant next, const delivery_plan& plan)
            : owner(of), number(number_of_it), next_begun(next), lines(plan, of.from) {}

        const ownership& owner;
        std::uint32_t number;
        instant next_begun;
        delivery_lines lines;
        std::unordered_map<std::uint32_t, open_batch> batches;
        std::unordered_map<std::uint32_t, std::set<std::uint32_t>> open; // batches, by consumer
        std::int64_t durable = 0;
    };

    /// Returns the last checkpoint that was told to be durable.
    std::int64_t follow(const ownership& owner, std::uint32_t number, instant next_begun) {
        owner_state state(owner, number, next_begun, plan_);
        for (const owner_step& step : owner.steps) {
            switch (step.done) {
            case owner_step::kind::delivered: deliver(state, step); break;
            case owner_step::kind::acking: acknowledge(state, step); break;
            case owner_step::kind::acking_through: acknowledge_through(state, step); break;
            case owner_step::kind::nacking: refuse(state, step); break;
            case owner_step::kind::leaving: leave(state, step.consumer); break;
            case owner_step::kind::durable: state.durable = std::max(state.durable, step.position); break;
            }
        }
        if (owner.ended == never) ++past_.deaths;
        return state.durable;
    }

    /// The event that was delivered; nothing if it should not have been.
    std::optional<place> known_delivery(const ownership& owner, const owner_step& step) {
        const auto told = [&] {
            return "event " + eventstore::to_string(step.id) + " (stream '" + known_.names.name_of(step.stream) +
                "' version " + std::to_string(step.version) + ", position " + std::to_string(step.position) + ")";
        };
        const std::optional<std::size_t> found = known_.at_position(step.position);
        if (!found) {
            add(rule::delivered_event_is_not_stored, text_of(owner), " was given ", told(),
                ", which is not in the log");
            return std::nullopt;
        }
        const known_event& event = known_.events[*found];
        const bool is_renamed = event.stored == nullptr && known_.names.name_of(step.stream).starts_with("$deleted ");
        if (event.id != step.id || event.version != step.version || (event.stream != step.stream && !is_renamed)) {
            add(rule::delivered_event_differs, text_of(owner), " was given ", told(), "; in the log is ",
                known_.text_of(event));
            return std::nullopt;
        }
        const auto number = static_cast<place>(*found);
        if (!plan_.has(number)) {
            add(rule::delivered_to_the_wrong_subscription, text_of(owner), " was given ", told(),
                ", which this subscription does not deliver");
            return std::nullopt;
        }
        if (step.at < event.first_begun)
            add(rule::delivered_too_early, text_of(owner), " was given ", told(), " before its append began");
        return number;
    }

    void check_line(owner_state& state, place event) {
        const bool was_due = state.lines.deliver(event, [&](place skipped) {
            if (may_be_passed_over(skipped)) return;
            add(rule::delivered_out_of_order, text_of(state.owner), " was given ", text_of(event), " before ",
                text_of(skipped));
        });
        if (was_due) return;
        if (known_.events[event].position <= state.owner.from)
            add(rule::delivered_again, text_of(state.owner), ", which began after position ", state.owner.from,
                ", was given ", text_of(event));
        else
            add(rule::delivered_again, text_of(state.owner), " was given ", text_of(event),
                " again, without a nack or the end of a consumer");
    }

    void deliver(owner_state& state, const owner_step& step) {
        open_batch& batch = state.batches[step.batch];
        batch.consumer = step.consumer;
        const std::optional<place> event = known_delivery(state.owner, step);
        if (!event) return;
        // What was parked and is released comes at any time, and is not in the line.
        const bool is_replay = rules_.replays_parked && may_be_exhausted(*event) && !state.lines.is_next(*event);
        if (!is_replay) check_line(state, *event);
        ++past_.deliveries[*event];
        batch.events.push_back(*event);
        state.open[step.consumer].insert(step.batch);
    }

    open_batch* batch_of(owner_state& state, const owner_step& step) {
        const auto found = state.batches.find(step.batch);
        if (found != state.batches.end()) return &found->second;
        add(rule::records_do_not_fit, text_of(state.owner), " settles batch ", std::size_t{step.batch},
            ", which it was not given");
        return nullptr;
    }

    /// What was acknowledged after the next owner had begun had no effect.
    void note_ack(const owner_state& state, const owner_step& step, place event) {
        if (step.at <= state.next_begun) past_.acked_in[event] = state.number;
    }

    void close(owner_state& state, std::uint32_t batch, const open_batch& of) { state.open[of.consumer].erase(batch); }

    void acknowledge(owner_state& state, const owner_step& step) {
        open_batch* batch = batch_of(state, step);
        if (batch == nullptr) return;
        for (const place event : batch->events) note_ack(state, step, event);
        close(state, step.batch, *batch);
    }

    void acknowledge_through(owner_state& state, const owner_step& step) {
        const std::set<std::uint32_t> open = state.open[step.consumer];
        for (const std::uint32_t number : open) {
            open_batch& batch = state.batches[number];
            std::erase_if(batch.events, [&](place event) {
                const bool is_done = known_.events[event].position <= step.position;
                if (is_done) note_ack(state, step, event);
                return is_done;
            });
            if (batch.events.empty()) close(state, number, batch);
        }
    }

    /// Of the whole batch, or of one event of it: then those before it are acknowledged, and those after it given back.
    void refuse(owner_state& state, const owner_step& step) {
        open_batch* batch = batch_of(state, step);
        if (batch == nullptr) return;
        for (const place event : batch->events) {
            const std::int64_t position = known_.events[event].position;
            if (step.position != 0 && position < step.position) {
                note_ack(state, step, event);
                continue;
            }
            if (step.position == 0 || position == step.position) past_.refused[event] = true;
            state.lines.give_back(event);
        }
        close(state, step.batch, *batch);
    }

    void leave(owner_state& state, std::uint32_t consumer) {
        const std::set<std::uint32_t> open = std::move(state.open[consumer]);
        state.open.erase(consumer);
        for (const std::uint32_t number : open)
            for (const place event : state.batches[number].events) state.lines.give_back(event);
    }

    // The end.

    const stored_subscription* stored_row() const {
        for (const stored_subscription& row : known_.facts.subscriptions)
            if (row.stream == rules_.stream && row.name == rules_.name) return &row;
        return nullptr;
    }

    /// Of a subscription to a stream the version counts, if the stream still is the one that it is of.
    std::int64_t checkpoint_of(const stored_subscription& row) const {
        if (row.stream == "$all" || !row.stream_id) return row.position;
        std::int64_t position = 0;
        bool is_found = row.version == 0;
        for (const place event : plan_.all()) {
            const stored_event* stored = known_.events[event].stored;
            if (stored == nullptr || known_.facts.streams[stored->stream].id != *row.stream_id) continue;
            if (stored->version > row.version) break;
            position = stored->position;
            is_found = true;
        }
        return is_found ? position : row.position;
    }

    void check_end(const ownership* last, std::int64_t bound, std::int64_t least) {
        const stored_subscription* row = stored_row();
        if (row == nullptr) {
            if (last != nullptr || rules_.is_finished)
                add(rule::records_do_not_fit, "the database has no such subscription");
            return;
        }
        const std::int64_t checkpoint = checkpoint_of(*row);
        if (checkpoint > bound) tell_lead("the checkpoint at the end", checkpoint, bound);
        if (checkpoint > std::max(known_.head(), rules_.after))
            add(rule::checkpoint_leads, "the checkpoint at the end is position ", checkpoint, ", and the log ends at ",
                known_.head());
        if (last != nullptr && row->epoch < last->epoch)
            add(rule::records_do_not_fit, "the epoch at the end is ", row->epoch, ", and ", text_of(*last), " had it");
        if (const auto lost = first_between(checkpoint, least))
            add(rule::checkpoint_went_back, "the checkpoint at the end is position ", checkpoint, ", and it was at ",
                least, ", behind ", text_of(*lost));
        const auto is_due = [&](place event) { return !plan_.is_optional(event); };
        for (const place event : plan_.all()) {
            if (!is_due(event) || past_.deliveries[event] > 0) continue;
            const bool is_passed = known_.events[event].position <= checkpoint;
            if (!is_passed && !rules_.is_finished) break;
            add(rule::event_was_not_delivered, text_of(event), " was never delivered",
                is_passed ? ", and the checkpoint is at position " + std::to_string(checkpoint) : std::string());
        }
        const auto end = std::find_if(plan_.all().rbegin(), plan_.all().rend(),
            [&](place event) { return is_due(event) && !past_.refused[event] && !past_.parked[event]; });
        if (rules_.is_finished && end != plan_.all().rend() && checkpoint < known_.events[*end].position)
            add(rule::checkpoint_stayed_behind, "the checkpoint at the end is position ", checkpoint,
                ", before the last event, ", text_of(*end));
    }

    /// What was refused too often, and never acknowledged, is parked.
    void check_refused() {
        const stored_subscription* row = stored_row();
        if (row == nullptr) return;
        const std::int64_t checkpoint = checkpoint_of(*row);
        for (const place event : plan_.all()) {
            if (past_.parked[event] && !past_.refused[event])
                add(rule::parked_without_refusals, text_of(event), " is parked, and nobody has refused it");
            if (rules_.exhausted != refusals::park || rules_.replays_parked || plan_.is_optional(event)) continue;
            if (known_.events[event].position > checkpoint || !past_.refused[event]) continue;
            if (past_.acked_in[event] == 0 && !past_.parked[event])
                add(rule::refused_event_was_dropped, text_of(event),
                    " was refused, and is neither acknowledged nor parked, but the checkpoint is at position ",
                    checkpoint);
        }
    }

    const known_store& known_;
    const subscription_rules& rules_;
    report& out_;
    delivery_plan plan_;
    delivery_past past_;
};

} // namespace

void check_subscription(const known_store& known, const subscription_rules& rules,
    const std::vector<const ownership*>& owners, report& out) {
    subscription_check(known, rules, out).run(owners);
}

} // namespace eventstore::test::faults
