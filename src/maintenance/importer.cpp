#include "maintenance/importer.hpp"

#include "base/text.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::maintenance {

namespace {

using detail::message;
using postgres::connection;
namespace sql = storage::sql;
using postgres::type_oid;

constexpr std::chrono::milliseconds shortest_idle_limit(10'000);

} // namespace

std::string importer::described(std::int64_t position, const uuid& id) {
    return message(to_string(id), " at position ", std::to_string(position));
}

importer::importer(std::shared_ptr<connection> session, std::string schema, detail::environment where,
    std::chrono::milliseconds lock_limit)
    : session_(std::move(session)),
      schema_(std::move(schema)),
      environment_(std::move(where)),
      lock_limit_(lock_limit) {}

detail::steady_time importer::deadline() const {
    return environment_.in(std::chrono::hours(24)); // what limits it is the connection
}

postgres::statement importer::statement(std::string_view text, std::vector<type_oid> types) const {
    const auto format = is_jsonb_ ? payload_format::jsonb : payload_format::bytea;
    postgres::statement made;
    made.text = storage::for_schema(storage::for_payload(text, format), schema_);
    made.types = std::move(types);
    made.doing = "importing";
    return made;
}

asio::awaitable<result<postgres::answer>> importer::ask(
    std::string_view text, std::vector<type_oid> types, postgres::parameters arguments) {
    const auto sent = statement(text, std::move(types));
    auto asking = connection::run_statement(session_, sent, std::move(arguments), deadline());
    co_return co_await std::move(asking);
}

asio::awaitable<result<postgres::answer>> importer::ask(import_statement asked) {
    auto asking = ask(asked.text, std::move(asked.types), std::move(asked.arguments));
    co_return co_await std::move(asking);
}

asio::awaitable<result<void>> importer::run(std::string text) {
    auto running = connection::run_script(session_, std::move(text), deadline());
    const auto done = co_await std::move(running);
    if (!done) co_return done.error();
    co_return result<void>();
}

failure importer::refused(std::string_view why) const {
    return failure(
        errc::import_refused, message("importing into schema ", detail::quoted_for_message(schema_), ": ", why));
}

/// What the server says of rows is told with the lines that they come from.
failure importer::in_batch(const failure& why, const import_batch& batch) const {
    if (!batch.has_events()) return in_events(why, 0, 0);
    return in_events(why, batch.all_events().front().position, batch.last_position());
}

failure importer::in_transaction(const failure& why) const { return in_events(why, open_->first, last_position_); }

failure importer::in_events(const failure& why, std::int64_t first, std::int64_t last) const {
    failure::details details = why.all();
    if (first != 0)
        details.message = message("importing the events of positions ", std::to_string(first), " to ",
            std::to_string(last), ": ", why.message());
    if (why.sqlstate() == "42501") // insufficient_privilege
        details.message += "; connect as the role that owns the schema, or as a member of it";
    const bool is_duplicate = why.sqlstate() == "23505";
    if (is_duplicate)
        details.message +=
            "; one of them is there, or a stream was deleted for good and begun anew: import into a store of "
            "its own";
    return failure(is_duplicate ? errc::duplicate_event : why.code(), std::move(details));
}

asio::awaitable<result<void>> importer::begin(std::shared_ptr<importer> self, std::int64_t after_position) {
    // The last transaction of an import that was cancelled may still be under way.
    auto locking = self->lock();
    const auto locked = co_await std::move(locking);
    if (!locked) co_return locked.error();
    auto asking = self->ask(sql::import_state, {}, {});
    const auto state = co_await std::move(asking);
    if (!state) co_return state.error();
    auto unlocking = self->run("commit");
    const auto unlocked = co_await std::move(unlocking);
    if (!unlocked) co_return unlocked.error();
    if (state->rows() != 1) co_return self->refused("the table log_state has no row: the schema holds no event store");
    self->head_at_first_ = state->int8(0, 0);
    self->is_jsonb_ = state->boolean(0, 1);
    self->last_position_ = after_position;
    self->may_hold_more_ = self->head_at_first_ > after_position;
    if (self->head_at_first_ > 0 && self->head_at_first_ < after_position)
        co_return self->refused(message("its log ends at position ", std::to_string(self->head_at_first_),
            ", and what is imported begins after ", std::to_string(after_position),
            ": import what lies between first, or import into an empty store"));
    co_return result<void>();
}

asio::awaitable<result<void>> importer::begin_at_head(std::shared_ptr<importer> self) {
    auto beginning = begin(self, 0);
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    auto asking = self->ask(sql::import_head, {}, {});
    const auto head = co_await std::move(asking);
    if (!head) co_return head.error();
    self->last_position_ = std::max(head->int8(0, 0), self->head_at_first_);
    self->has_last_ = !head->is_null(0, 1) && head->int8(0, 0) == self->last_position_;
    if (self->has_last_) self->last_id_ = head->id(0, 1);
    if (!head->is_null(0, 2)) self->last_original_ = head->id(0, 2);
    self->may_hold_more_ = false;
    co_return result<void>();
}

/// Leaves out what the log holds already.
asio::awaitable<result<void>> importer::compare(std::shared_ptr<import_batch> batch) {
    postgres::parameters range;
    range.add(last_position_);
    range.add(batch->last_position());
    range.add(static_cast<std::int64_t>(batch->events() + 1)); // one more is another log already
    auto asking = ask(sql::import_known,
        std::vector<type_oid>(std::initializer_list<type_oid>{type_oid::int8, type_oid::int8, type_oid::int8}),
        std::move(range));
    const auto known = co_await std::move(asking);
    if (!known) co_return known.error();
    const auto& events = batch->all_events();
    const auto there = static_cast<std::size_t>(known->rows());
    for (std::size_t i = 0; i < there; ++i) {
        const std::int64_t position = known->int8(static_cast<int>(i), 0);
        const uuid id = known->id(static_cast<int>(i), 1);
        if (i < events.size() && events[i].position == position && events[i].id == id) continue;
        const std::string expected = i < events.size() ? message("line ", std::to_string(batch->line_before + i + 1),
                                                             " is ", described(events[i].position, events[i].id))
                                                       : std::string("it is not in what is imported");
        co_return refused(message("its log is another one: it holds the event ", described(position, id), ", and ",
            expected, "; import into an empty store, or into one that holds the beginning of the same log"));
    }
    if (there > 0) {
        last_position_ = events[there - 1].position;
        last_id_ = events[there - 1].id;
        has_last_ = true;
    }
    if (there < events.size()) may_hold_more_ = false;
    batch->leave_out(there);
    co_return result<void>();
}

/// Begins a transaction that has the log's lock, and loses it should this process stand still.
asio::awaitable<result<void>> importer::lock() {
    const std::chrono::milliseconds idle_limit = std::max(lock_limit_, shortest_idle_limit);
    const std::string begin = message("begin isolation level read committed; ",
        storage::for_schema(sql::become_owner, schema_),
        "; set local lock_timeout = ", std::to_string(lock_limit_.count()),
        "; set local idle_in_transaction_session_timeout = ", std::to_string(idle_limit.count()),
        "; select pg_catalog.pg_advisory_xact_lock(",
        storage::for_schema("'eventstore.log_state'::pg_catalog.regclass::bigint", schema_), " + 7311000000000000000)");
    return run(begin);
}

/// Begins a transaction.
asio::awaitable<result<void>> importer::open_transaction() {
    auto locking = lock();
    const auto locked = co_await std::move(locking);
    if (!locked) co_return locked.error();
    postgres::parameters position;
    position.add(last_position_);
    auto asking = ask(sql::import_ready, {type_oid::int8}, std::move(position));
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    if (found->rows() != 1) co_return refused("the table log_state has no row");
    if (has_last_ && (found->is_null(0, 0) || found->id(0, 0) != last_id_))
        co_return refused(message("the event ", described(last_position_, last_id_),
            ", which was imported, is not there any more: the log was cut back, or its stream was deleted"));
    import_transaction& opened = open_.emplace();
    opened.was_empty = found->boolean(0, 3);
    if (!found->is_null(0, 1)) opened.next = import_transaction::placed_event{found->int8(0, 1), found->id(0, 2)};
    co_return result<void>();
}

asio::awaitable<result<void>> importer::commit() {
    (void)session_->take_unreplicated();
    auto committing = run("commit");
    const auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    if (session_->take_unreplicated())
        co_return failure(errc::database_error,
            {.message =
                    "importing: the server has stopped waiting for its synchronous standby; what was stored last may "
                    "not be replicated: import again, which goes on there",
                .retry_helps = true,
                .outcome_unknown = true});
    co_return result<void>();
}

asio::awaitable<result<void>> importer::store_state(std::shared_ptr<import_batch> batch) {
    const bool is_behind = open_->next.has_value();
    if (is_behind) {
        if (stored_ > 0 && head_at_first_ <= last_position_)
            co_return refused("events were appended before the import had ended, in front of its snapshots and "
                              "subscriptions; import into an empty store");
        left_out_ += batch->state_lines(); // the log has its own
        co_return result<void>();
    }
    for (import_statement& one : statements_of_state(*batch)) {
        auto storing = ask(std::move(one));
        const auto stored = co_await std::move(storing);
        if (!stored) co_return in_batch(stored.error(), *batch);
    }
    co_return result<void>();
}

/// Carries the transaction out, and tells those who follow the log.
asio::awaitable<result<void>> importer::close_transaction() {
    const std::int64_t first = open_->first;
    open_.reset();
    auto committing = commit();
    const auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    if (first == 0) co_return result<void>();
    postgres::parameters range;
    range.add(first);
    range.add(last_position_);
    auto telling = ask(sql::announce, {type_oid::int8, type_oid::int8}, std::move(range));
    const auto told = co_await std::move(telling);
    if (!told) co_return told.error();
    co_return result<void>();
}

asio::awaitable<result<void>> importer::store(
    std::shared_ptr<importer> self, std::shared_ptr<import_batch> batch, transaction_end end) {
    if (self->may_hold_more_ && batch->has_events()) {
        auto comparing = self->compare(batch);
        const auto compared = co_await std::move(comparing);
        if (!compared) co_return compared.error();
    }
    if (!self->open_ && (batch->has_events() || batch->has_state())) {
        auto opening = self->open_transaction();
        const auto opened = co_await std::move(opening);
        if (!opened) co_return opened.error();
    }
    if (batch->has_events()) {
        auto storing = self->store_events(batch);
        const auto stored = co_await std::move(storing);
        if (!stored) co_return stored.error();
    }
    if (!self->open_ || (end == transaction_end::later && !batch->has_state())) co_return result<void>();
    auto ending = self->end_events();
    const auto ended = co_await std::move(ending);
    if (!ended) co_return ended.error();
    if (batch->has_state()) {
        auto storing = self->store_state(batch);
        const auto stored = co_await std::move(storing);
        if (!stored) co_return stored.error();
    }
    auto closing = self->close_transaction();
    co_return co_await std::move(closing);
}

asio::awaitable<result<void>> importer::end(
    std::shared_ptr<importer> self, std::int64_t through_position, std::int64_t floor) {
    const bool goes_on = self->head_at_first_ > through_position || self->last_position_ >= through_position;
    if (goes_on && floor == 0) co_return result<void>();
    auto locking = self->lock();
    const auto locked = co_await std::move(locking);
    if (!locked) co_return locked.error();
    postgres::parameters positions;
    positions.add(through_position);
    positions.add(floor);
    auto ending = self->ask(sql::import_end, {type_oid::int8, type_oid::int8}, std::move(positions));
    const auto ended = co_await std::move(ending);
    if (!ended) co_return ended.error();
    auto committing = self->commit();
    co_return co_await std::move(committing);
}

} // namespace eventstore::maintenance
