#include "simulation/simulation.hpp"

#include "simulation/simulated_store.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

namespace {

constexpr milliseconds between_looks = 50ms; // at whether all is done
constexpr milliseconds time_to_settle = 120s;

class world {
public:
    world(const schedule& plan, bug planted, const observation& observed)
        : plan_(plan),
          planted_(planted),
          random_(plan.seed),
          loop_(random_.next()),
          database_(planted),
          observer_(plan, database_, loop_),
          refused_(plan.subscriptions.size()),
          set_anew_(plan.subscriptions.size()) {
        database_.on_word = [this](const word& text) {
            for (const auto& life : lives_) life->listener().say(text);
        };
        if (observed.on_call) {
            database_.on_call = [this, on_call = observed.on_call](
                                    const database_call& call, const std::string& answer) {
                on_call(loop_.now() - server_set_back_, call, answer);
            };
        }
        database_.on_settled = [this](const subscription_row& before, const subscription_row& now, std::int64_t epoch) {
            observer_.settled(before, now, epoch);
        };
        for (int number = 0; number < plan.stores; ++number) {
            ways_.push_back(std::make_unique<network>(
                network{loop_, random_source(random_.next()), plan.jitters, plan.latency, {}}));
            stores_.push_back(nullptr);
            start(number);
        }
        for (const step& next : plan.steps) {
            loop_.at(event_loop::begin() + next.at, [this, &next] { carry_out(next); });
            faults_end_ = std::max(faults_end_, event_loop::begin() + next.at + next.length);
        }
        look();
    }

    outcome run(const observation& observed) {
        while (!is_over_ && !observer_.found() && loop_.run_one()) {
        }
        if (!observer_.found()) observer_.finish(not_answered());
        if (observed.at_end) observed.at_end(database_);
        outcome result;
        result.found = observer_.found();
        result.steps = loop_.steps();
        result.events = database_.head();
        result.counted = observer_.counted();
        result.time = std::chrono::duration_cast<milliseconds>(loop_.now() - event_loop::begin());
        return result;
    }

private:
    using request_ptr = append_driver::request_ptr;

    uuid new_id() {
        uuid id{};
        ++ids_;
        for (std::size_t i = 0; i < 8; ++i) id.data[15 - i] = static_cast<std::uint8_t>(ids_ >> (8 * i));
        return id;
    }
    void start(int number) {
        const auto index = static_cast<std::size_t>(number);
        lives_.push_back(std::make_unique<simulated_store>(all_, *ways_[index], random_.next(), new_id()));
        stores_[index] = lives_.back().get();
        stores_[index]->start();
    }
    std::set<std::size_t> not_answered() const {
        std::set<std::size_t> all;
        for (const auto& [store, operations] : under_way_) all.insert(operations.begin(), operations.end());
        return all;
    }
    simulated_store* living(int number) {
        simulated_store* const store = stores_[static_cast<std::size_t>(number) % stores_.size()];
        return store->where().is_dead() ? nullptr : store;
    }

    // Whenever a lease may have come to be trusted.
    void check_owners() {
        for (std::size_t number = 0; number < plan_.subscriptions.size(); ++number) {
            int trusted = 0;
            for (simulated_store* const store : stores_) {
                const subscription_driver* const subscription = store->claim(number).current();
                if (store->where().is_dead() || !subscription || !subscription->is_trusted()) continue;
                // Who had it before an operator took it away finds out with the next renewal.
                const bool was_before = subscription->claimed_at() <= set_anew_[number];
                if (!was_before || loop_.now() > set_anew_[number] + plan_.subscriptions[number].lease) ++trusted;
            }
            observer_.trusted_by(static_cast<int>(number), trusted);
        }
    }

    // Now and then: when the faults are over, everything comes to its end.
    void look() {
        loop_.at(loop_.now() + between_looks, [this] { look(); });
        if (loop_.now() < faults_end_) return;
        bool is_settled = std::ranges::all_of(under_way_, [](const auto& known) { return known.second.empty(); });
        for (std::size_t number = 0; number < plan_.subscriptions.size(); ++number)
            is_settled = is_settled && observer_.is_settled(static_cast<int>(number));
        is_over_ = is_settled || loop_.now() > faults_end_ + time_to_settle;
    }

    // ---- what the schedule says

    void carry_out(const step& next) {
        simulated_store* const store = living(next.store);
        switch (next.what) {
        case act::append:
        case act::append_to_two:
        case act::append_refused:
            if (store) append(next, *store);
            break;
        case act::append_elsewhere: append_elsewhere(next); break;
        case act::cut:
            if (store && store->link(next.a)) store->link(next.a)->cut(static_cast<fate>(next.b), next.length);
            break;
        case act::stall:
            if (store && store->link(next.a)) store->link(next.a)->stall(next.length);
            break;
        case act::fall_mute:
            if (store) store->listener().fall_mute();
            break;
        case act::unreachable:
            ways_[static_cast<std::size_t>(next.store) % ways_.size()]->unreachable_until = loop_.now() + next.length;
            if (store) store->cut_all(fate::carried_out);
            break;
        case act::restart_server:
            for (int number = 0; number < plan_.stores; ++number)
                if (living(number)) living(number)->cut_all(fate::lost);
            break;
        case act::crash:
            if (store) crash(next, *store);
            break;
        case act::pause:
            if (store) store->where().pause(next.length);
            break;
        case act::suspend:
            if (store) store->where().suspend(next.length);
            break;
        case act::set_clock_back: server_set_back_ += next.length; break;
        case act::leave:
            if (store) in_process(*store, [=, this] { claim_of(*store, next).leave(next.length); });
            break;
        case act::exchange_consumer:
            if (store) {
                in_process(*store, [=, this] {
                    if (claim_of(*store, next).current()) claim_of(*store, next).current()->exchange_consumer();
                });
            }
            break;
        case act::handle_slowly:
            if (store && claim_of(*store, next).current()) claim_of(*store, next).current()->handle_slowly(next.length);
            break;
        case act::release_parked: release_parked(next); break;
        case act::reset:
        case act::delete_subscription: set_anew(next); break;
        case act::renew:
            for (const auto& life : lives_) life->listener().say({"gone", next.a + 1, 0});
            break;
        }
    }
    static void in_process(simulated_store& store, task work) { store.where().post(std::move(work)); }
    claim_driver& claim_of(simulated_store& store, const step& next) {
        return store.claim(static_cast<std::size_t>(next.a) % plan_.subscriptions.size());
    }

    void crash(const step& next, simulated_store& store) {
        store.where().kill();
        store.cut_all(static_cast<fate>(random_.number(0, 1)));
        for (const std::size_t operation : std::exchange(under_way_[&store], {})) observer_.left_unknown(operation);
        loop_.at(loop_.now() + next.length, [this, number = next.store % plan_.stores] { start(number); });
    }

    void release_parked(const step& next) {
        const int number = next.a % static_cast<int>(plan_.subscriptions.size());
        const int stream = plan_.subscriptions[static_cast<std::size_t>(number)].stream;
        observer_.released(number);
        database_.release_parked(stream < 0 ? "$all" : stream_name(stream), "n" + std::to_string(number));
    }

    void set_anew(const step& next) {
        const int number = next.a % static_cast<int>(plan_.subscriptions.size());
        const int stream = plan_.subscriptions[static_cast<std::size_t>(number)].stream;
        const std::string of = stream < 0 ? "$all" : stream_name(stream);
        const subscription_row* const row = database_.find_subscription(of, "n" + std::to_string(number));
        if (!row) return;
        set_anew_[static_cast<std::size_t>(number)] = loop_.now();
        observer_.set_anew(number);
        if (next.what == act::delete_subscription)
            database_.delete_subscription(of, row->name);
        else
            database_.reset_subscription(
                of, row->name, std::min<std::int64_t>(next.b, stream < 0 ? row->position : row->version));
    }

    std::int64_t expected_of(const std::string& stream, int kind) {
        const stream_row* const row = database_.find_stream(stream);
        const std::int64_t version = row ? row->version : 0;
        switch (static_cast<expectation>(kind)) {
        case expectation::exact: return version;
        case expectation::no_stream: return 0;
        case expectation::exists: return -2;
        case expectation::stale: return std::max<std::int64_t>(version - 1, 0);
        default: return -1;
        }
    }

    append::part_list parts_of(const step& next) {
        append::part_list parts;
        const int streams = next.what == act::append_to_two && plan_.streams > 1 ? 2 : 1;
        for (int i = 0; i < streams; ++i) {
            append::append_part& part = parts.emplace_back();
            part.stream = stream_name((next.a + i) % plan_.streams);
            part.expected = next.what == act::append_refused ? -1 : expected_of(part.stream, next.b);
            std::vector<event_data> events;
            const std::string type = next.what == act::append_refused ? "refused" + std::to_string(next.b) : "plain";
            for (int count = next.what == act::append_refused ? 1 : next.count; count > 0; --count)
                events.push_back(event_data(type, "{}").id(new_id()));
            part.events = std::move(events);
        }
        return parts;
    }

    void append(const step& next, simulated_store& store) {
        const append::part_list parts = parts_of(next);
        std::vector<checker::part> told;
        for (const append::append_part& part : parts) {
            told.push_back({part.stream, {}});
            for (const event_data& event : part.events) told.back().ids.push_back(event.id());
        }
        const std::size_t operation = observer_.appending(std::move(told));
        under_way_[&store].insert(operation);
        in_process(store, [this, parts, operation, &store] { attempt(store, parts, operation, 5); });
    }

    // A caller that is told that the outcome is unknown tries again with the same events.
    void attempt(simulated_store& store, const append::part_list& parts, std::size_t operation, int left) {
        const auto request = std::make_shared<append::append_request>(std::weak_ptr<append::appender>(), parts);
        store.appender().append(
            request, [this, parts, operation, left, &store](const result<append::append_results>& answer) {
                const bool is_unknown = !answer && answer.error().outcome_unknown();
                if (answer) observer_.stored(operation, *answer);
                if (!answer && !is_unknown) observer_.refused(operation);
                if (is_unknown) observer_.left_unknown(operation);
                if (!is_unknown || left == 0) return void(under_way_[&store].erase(operation));
                store.where().timer(store.where().now() + 20ms,
                    [this, parts, operation, left, &store] { attempt(store, parts, operation, left - 1); });
            });
    }

    void append_elsewhere(const step& next) {
        append_call call;
        call.appends.push_back(
            std::make_shared<append::append_request>(std::weak_ptr<append::appender>(), parts_of(next)));
        call.plan = std::make_shared<append::append_plan>(call.appends);
        call.retries.push_back(false);
        call.care = append::append_care::all;
        const std::int64_t before = database_.head();
        (void)database_.append(call);
        if (database_.head() > before) database_.on_word({"log", before + 1, database_.head()});
    }

    const schedule& plan_;
    const bug planted_;
    random_source random_;
    event_loop loop_;
    database_model database_;
    checker observer_;
    std::vector<refusals> refused_;
    std::vector<moment> set_anew_; // by subscription
    duration server_set_back_{};
    const surroundings all_{
        plan_, loop_, database_, observer_, refused_, server_set_back_, planted_, [this] { check_owners(); }};
    std::vector<std::unique_ptr<network>> ways_;
    std::vector<std::unique_ptr<simulated_store>> lives_;
    std::vector<simulated_store*> stores_;                        // the last life of each
    std::map<simulated_store*, std::set<std::size_t>> under_way_; // operations of its callers
    moment faults_end_ = event_loop::begin();
    std::uint64_t ids_ = 0;
    bool is_over_ = false;
};

} // namespace

outcome run(const schedule& plan, bug planted, const observation& observed) {
    return world(plan, planted, observed).run(observed);
}

} // namespace eventstore::test::simulation
