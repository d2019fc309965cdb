#include "faults/made_run.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace eventstore::test::faults {

namespace {

constexpr instant made_lease = 200; // ticks of the clock: one for each record
constexpr int made_retries = 1;     // of the handler of a projection

} // namespace

history made_run::read() const {
    history all;
    for (const made_file& file : files) all.add(file.text, file.process);
    return all;
}

std::vector<violation> made_run::check() const { return faults::check(read(), stores, subscriptions); }

made_world::made_world(unsigned seed, made_shape shape) : random_(seed), shape_(shape) {
    driver_ = new_process("driver");
    const std::size_t tenants = 1 + random_.below(2);
    for (std::size_t i = 0; i < tenants; ++i) add_subscriptions(tenants_.emplace_back("tenant " + std::to_string(i)));
    for (int i = 0; i < 3; ++i) writers_.push_back(new_process("writer"));
}

std::shared_ptr<made_process> made_world::new_process(const std::string& kind) {
    auto made = std::make_shared<made_process>(kind + "-" + std::to_string(++processes_), now_);
    files_.push_back(made->file());
    return made;
}

void made_world::add_subscriptions(made_tenant& tenant) {
    const std::size_t count = 1 + random_.below(3);
    for (std::size_t i = 0; i < count; ++i) {
        made_subscriber& made = subscribers_.emplace_back();
        made.state.store = &tenant.store;
        made.state.bug = shape_.bug;
        subscription_rules& rules = made.state.rules;
        rules.store = tenant.store.schema();
        rules.name = "subscription " + std::to_string(i);
        if (random_.one_in(3)) rules.stream = any_stream();
        rules.order = static_cast<ordering>(random_.below(4));
        if (rules.order == ordering::key)
            rules.key = [](std::string_view, const stored_event& event) {
                return std::to_string(event.id.data[0] % 3);
            };
        if (random_.one_in(3))
            rules.selects = [](std::string_view, const stored_event& event) { return event.id.data[1] % 3 != 0; };
        rules.exhausted = static_cast<refusals>(random_.below(3));
        rules.max_retries = static_cast<int>(random_.below(3));
        rules.replays_parked = random_.one_in(3);
        rules.lease = std::chrono::nanoseconds(made_lease);
        rules.is_finished = shape_.is_finished;
    }
}

void made_world::append(made_call& call) {
    if (!to_retry_.empty() && random_.one_in(3)) {
        std::tie(call.tenant, call.parts) = to_retry_[random_.below(to_retry_.size())];
        return;
    }
    const std::size_t parts = random_.one_in(5) ? 2 + random_.below(2) : 1;
    for (std::size_t i = 0; i < parts; ++i) {
        part_to_append& part = call.parts.emplace_back();
        part.stream = any_stream();
        const std::int64_t version = call.tenant->store.version_of(part.stream);
        const std::size_t kind = random_.below(8);
        part.expected = kind < 3 ? -1 : kind == 3 ? -2 : kind == 4 ? version + 1 : version;
        for (std::size_t events = 1 + random_.below(3); events > 0; --events) part.ids.push_back(random_.id());
    }
}

void made_world::call() {
    made_call& call = calls_.emplace_back();
    auto tenant = tenants_.begin();
    std::advance(tenant, static_cast<std::ptrdiff_t>(random_.below(tenants_.size())));
    call.tenant = &*tenant;
    call.writer = writers_[random_.below(writers_.size())];
    recorder& records = call.writer->records;
    if (shape_.has_changes && random_.one_in(10)) {
        call.stream = any_stream();
        call.change = static_cast<stream_change>(random_.below(3));
        call.attempt = records.changing(call.tenant->store.schema(), call.stream, call.change);
    } else {
        append(call);
        call.attempt = records.appending(call.tenant->store.schema(), call.parts);
    }
}

/// The server carries it out, or it never came there.
void made_world::handle(made_call& call) {
    call.is_handled = true;
    if (random_.one_in(10)) {
        if (call.writer && !call.is_told) call.writer->records.left_unknown(call.attempt, errc::connection_lost);
        if (!call.parts.empty()) to_retry_.emplace_back(call.tenant, call.parts);
        call.is_told = true; // nobody is left to tell
        return;
    }
    if (!call.parts.empty()) {
        made_store& store = call.tenant->store;
        if (shape_.bug == made_bug::doubled_event) store.forget(call.parts);
        call.answer = store.append(call.parts);
        if (shape_.bug == made_bug::lost_event && call.answer.is_done && random_.one_in(4))
            store.lose(call.answer.places.back().last_position);
    } else if (call.change == stream_change::hard_delete && random_.one_in(4)) {
        call.tenant->store.half_delete(call.stream, random_);
        if (call.writer && !call.is_told) call.writer->records.left_unknown(call.attempt, errc::timeout);
        call.is_told = true;
    } else {
        call.answer = call.tenant->store.change(call.stream, call.change);
    }
}

/// The writer is told, or does not get the answer, or does not wait for it.
void made_world::tell(made_call& call) {
    call.is_told = true;
    if (!call.writer) return;
    recorder& records = call.writer->records;
    if (!call.is_handled || random_.one_in(6)) {
        records.left_unknown(call.attempt, call.is_handled ? errc::connection_lost : errc::cancelled);
        if (!call.parts.empty()) to_retry_.emplace_back(call.tenant, call.parts);
    } else if (!call.answer.is_done) {
        records.refused(call.attempt, call.answer.refusal);
        if (!call.parts.empty() && random_.one_in(4)) to_retry_.emplace_back(call.tenant, call.parts);
    } else if (call.parts.empty()) {
        records.changed(call.attempt);
    } else {
        records.stored(call.attempt, call.answer.places);
        if (random_.one_in(8)) to_retry_.emplace_back(call.tenant, call.parts);
    }
}

void made_world::kill_writer() {
    std::shared_ptr<made_process>& killed = writers_[random_.below(writers_.size())];
    const part_to_append part{any_stream(), -1, {random_.id()}};
    killed->kill_while(random_, [&](recorder& records) {
        records.appending(tenants_.front().store.schema(), std::vector<part_to_append>{part});
    });
    for (made_call& call : calls_) {
        if (call.writer != killed) continue;
        if (!call.is_told && !call.parts.empty()) to_retry_.emplace_back(call.tenant, call.parts);
        call.writer = nullptr;
    }
    killed = new_process("writer");
}

void made_world::own(made_subscriber& subscriber) {
    const bool is_alone = subscriber.state.rules.order == ordering::log;
    subscriber.owner = std::make_unique<made_owner>(
        subscriber.state, new_process("subscriber"), random_, is_alone ? 1 : 1 + random_.below(3));
}

/// The owner has lost its lease and does not know it yet; or its process was stopped.
void made_world::take_over(made_subscriber& subscriber) {
    subscriber.fenced = std::move(subscriber.owner);
    subscriber.fenced->fence();
    subscriber.is_paused = random_.one_in(2);
    if (subscriber.is_paused) driver_->records.paused(subscriber.fenced->process()->file()->process);
    own(subscriber);
    subscriber.until = now_ + made_lease - 20;
    if (shape_.bug == made_bug::second_owner) subscriber.until += 10 * made_lease;
}

void made_world::end_fenced(made_subscriber& subscriber) {
    if (now_ <= subscriber.until && random_.one_in(2)) // it may be given something yet
        subscriber.fenced->kill();
    else
        subscriber.fenced->release();
    subscriber.fenced.reset();
}

void made_world::serve(made_subscriber& subscriber) {
    if (subscriber.fenced) {
        if (subscriber.is_paused) {
            if (random_.one_in(20)) {
                driver_->records.resumed(subscriber.fenced->process()->file()->process);
                subscriber.is_paused = false;
                subscriber.until = now_ + made_lease / 2;
            }
        } else if (now_ > subscriber.until || random_.one_in(20)) {
            end_fenced(subscriber);
        } else {
            subscriber.fenced->step();
        }
    }
    if (!subscriber.owner) {
        own(subscriber);
    } else if (random_.one_in(40)) {
        subscriber.owner->kill();
        subscriber.owner.reset();
    } else if (random_.one_in(40)) {
        subscriber.owner->release();
        subscriber.owner.reset();
    } else if (!subscriber.fenced && random_.one_in(40)) {
        take_over(subscriber);
    } else {
        subscriber.owner->step();
    }
}

/// The handler has refused this event until it was parked; or the server a statement, without a word to the handler.
void made_world::park(made_tenant& tenant, const made_event& event) {
    for (int attempts = 0; attempts <= made_retries; ++attempts) {
        if (event.id.data[3] % 2 == 0) {
            projector_.statement_refused("XX000");
            continue;
        }
        projector_.projecting(tenant.store.schema(), "totals", event.position, event.position);
        projector_.rejecting(tenant.store.schema(), "totals", event.position);
    }
    tenant.parked.push_back(event.position);
}

/// The read model takes the next event, with its checkpoint.
void made_world::project(made_tenant& tenant) {
    if (tenant.projected == tenant.store.log().size()) return;
    const made_event& event = tenant.store.log()[tenant.projected++];
    if (event.is_removed) return;
    if (event.id.data[2] % 13 == 0) return park(tenant, event);
    projector_.projecting(tenant.store.schema(), "totals", event.position, event.position);
    projected_stream& row = tenant.rows[event.stream];
    row.stream = event.stream;
    ++row.events;
    row.versions += event.version;
    row.misordered += event.version <= row.last_version ? 1 : 0;
    row.last_version = event.version;
}

void made_world::step() {
    ++now_;
    switch (random_.below(8)) {
    case 0: call(); break;
    case 1:
    case 2:
        for (made_call& call : calls_)
            if (!call.is_handled && random_.one_in(2)) handle(call);
        break;
    case 3:
        for (made_call& call : calls_)
            if (!call.is_told && random_.one_in(call.is_handled ? 2 : 20)) tell(call);
        break;
    case 4:
        if (random_.one_in(15)) kill_writer();
        for (made_tenant& tenant : tenants_) project(tenant);
        break;
    default:
        for (made_subscriber& subscriber : subscribers_) serve(subscriber);
        break;
    }
    calls_.remove_if([](const made_call& call) { return call.is_handled && call.is_told; });
}

void made_world::finish() {
    for (made_call& call : calls_) {
        if (!call.is_handled) handle(call);
        if (!call.is_told) tell(call);
    }
    for (made_tenant& tenant : tenants_)
        while (tenant.projected < tenant.store.log().size()) project(tenant);
    for (made_subscriber& subscriber : subscribers_) {
        if (subscriber.fenced && subscriber.is_paused)
            subscriber.fenced.reset(); // it was killed in its sleep
        else if (subscriber.fenced)
            end_fenced(subscriber);
        if (!subscriber.owner) own(subscriber);
        subscriber.owner->drain();
        if (random_.one_in(2)) subscriber.owner->release();
    }
}

made_run made_world::run() {
    for (int i = 0; i < shape_.steps; ++i) step();
    if (shape_.is_finished) finish();
    return result();
}

made_run made_world::result() {
    made_run made;
    for (const auto& file : files_) made.files.push_back(*file);
    made.files.push_back(*projector_file_);
    for (made_tenant& tenant : tenants_) {
        log_facts facts = tenant.store.facts();
        facts.subscriptions.push_back(
            {"$all", "totals@1", static_cast<std::int64_t>(tenant.projected), 0, std::nullopt, 1});
        stored_projection& projection = facts.projections.emplace_back();
        projection.table = "totals";
        projection.subscriptions = {"totals@1"};
        projection.max_retries = made_retries;
        for (const std::int64_t position : tenant.parked)
            facts.parked.push_back({"$all", "totals@1", position, made_retries + 1});
        for (const auto& [stream, row] : tenant.rows) projection.rows.push_back(row);
        for (const made_subscriber& subscriber : subscribers_) {
            const made_subscription& state = subscriber.state;
            if (state.store != &tenant.store) continue;
            made.subscriptions.push_back(state.rules);
            stored_subscription row{
                state.rules.stream, state.rules.name, state.checkpoint, 0, std::nullopt, state.epoch};
            if (state.rules.stream != "$all") {
                row.stream_id = tenant.store.id_of(state.rules.stream);
                for (const made_event& event : tenant.store.log())
                    if (event.stream_id == row.stream_id && event.position <= state.checkpoint)
                        row.version = event.version;
            }
            facts.subscriptions.push_back(row);
            for (const auto& [position, deliveries] : state.parked)
                facts.parked.push_back({state.rules.stream, state.rules.name, position, deliveries});
        }
        made.stores.push_back(std::move(facts));
    }
    return made;
}

} // namespace eventstore::test::faults
