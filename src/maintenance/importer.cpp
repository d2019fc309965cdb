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

std::string described(std::int64_t position, const uuid& id) {
    return message(to_string(id), " at position ", std::to_string(position));
}

} // namespace

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
    failure::details details = why.all();
    if (batch.has_events())
        details.message =
            message("importing the events of positions ", std::to_string(batch.all_events().front().position), " to ",
                std::to_string(batch.last_position()), ": ", why.message());
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
    auto asking = self->ask(sql::import_state, {}, {});
    const auto state = co_await std::move(asking);
    if (!state) co_return state.error();
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

/// Begins a transaction that has the log's lock.
asio::awaitable<result<void>> importer::lock() {
    const std::string begin = message("begin isolation level read committed; ",
        storage::for_schema(sql::become_owner, schema_),
        "; set local lock_timeout = ", std::to_string(lock_limit_.count()),
        "; select pg_catalog.pg_advisory_xact_lock(",
        storage::for_schema("'eventstore.log_state'::pg_catalog.regclass::bigint", schema_), " + 7311000000000000000)");
    return run(begin);
}

asio::awaitable<result<void>> importer::look_whether_free(std::shared_ptr<import_batch> batch) {
    postgres::parameters range;
    range.add(last_position_);
    range.add(batch->has_events() ? batch->last_position() : last_position_);
    auto asking = ask(sql::import_ready, {type_oid::int8, type_oid::int8}, std::move(range));
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    if (found->rows() != 1) co_return refused("the table log_state has no row");
    if (has_last_ && (found->is_null(0, 0) || found->id(0, 0) != last_id_))
        co_return refused(message("the event ", described(last_position_, last_id_),
            ", which was imported, is not there any more: the log was cut back, or its stream was deleted"));
    if (!found->is_null(0, 1))
        co_return refused(message("its log holds the event ", described(found->int8(0, 1), found->id(0, 2)),
            ", where others are to be imported: it was appended meanwhile, or belongs to another log; appends can "
            "begin "
            "when the import has ended"));
    was_empty_ = found->boolean(0, 3);
    is_behind_ = found->int8(0, 4) > last_position_;
    co_return result<void>();
}

asio::awaitable<result<void>> importer::make_streams(std::shared_ptr<import_batch> batch) {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < batch->streams().size(); ++i)
        if (batch->streams()[i].id == 0) missing.push_back(i);
    if (missing.empty()) co_return result<void>();
    std::unordered_map<std::string_view, std::size_t> places;
    postgres::parameters arguments;
    arguments.begin_array(type_oid::text, missing.size());
    for (const std::size_t i : missing) {
        arguments.add(batch->streams()[i].name);
        places.emplace(batch->streams()[i].name, i);
    }
    arguments.begin_array(type_oid::int8, missing.size());
    for (const std::size_t i : missing) arguments.add(batch->streams()[i].version);
    arguments.begin_array(type_oid::timestamptz, missing.size());
    for (const std::size_t i : missing) arguments.add(batch->streams()[i].created_at);
    auto making = ask(sql::import_new_streams,
        std::vector<type_oid>(
            std::initializer_list<type_oid>{type_oid::text_array, type_oid::int8_array, type_oid::timestamptz_array}),
        std::move(arguments));
    const auto made = co_await std::move(making);
    if (!made) co_return in_batch(made.error(), *batch);
    for (int row = 0; row < made->rows(); ++row) {
        const auto place = places.find(made->bytes(row, 0));
        if (place != places.end()) batch->streams()[place->second].id = made->int8(row, 1);
    }
    co_return result<void>();
}

asio::awaitable<result<void>> importer::find_streams(std::shared_ptr<import_batch> batch) {
    postgres::parameters arguments;
    arguments.begin_array(type_oid::text, batch->streams().size());
    for (const auto& stream : batch->streams()) arguments.add(stream.name);
    arguments.begin_array(type_oid::int8, batch->streams().size());
    for (const auto& stream : batch->streams()) arguments.add(stream.version);
    auto asking = ask(sql::import_streams, {type_oid::text_array, type_oid::int8_array}, std::move(arguments));
    const auto found = co_await std::move(asking);
    if (!found) co_return in_batch(found.error(), *batch);
    for (int row = 0; row < found->rows(); ++row)
        batch->streams()[static_cast<std::size_t>(found->int8(row, 0) - 1)].id = found->int8(row, 1);
    auto making = make_streams(batch);
    co_return co_await std::move(making);
}

asio::awaitable<result<void>> importer::copy_rows(std::shared_ptr<import_batch> batch) {
    using namespace std::string_view_literals;
    constexpr std::string_view head = "PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"sv;
    constexpr std::string_view tail = "\xff\xff"sv;
    if (batch->row_count() == 0) co_return result<void>();
    std::string copy = storage::for_schema(sql::import_events, schema_);
    auto beginning = connection::begin_copy(session_, std::move(copy), deadline());
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return in_batch(begun.error(), *batch);
    for (const std::string_view piece : {head, batch->rows(), tail}) {
        auto sending = connection::send_copied(session_, piece, deadline());
        const auto sent = co_await std::move(sending);
        if (!sent) co_return in_batch(sent.error(), *batch);
    }
    auto ending = connection::end_sending(session_, deadline());
    const auto stored = co_await std::move(ending);
    if (!stored) co_return in_batch(stored.error(), *batch);
    co_return result<void>();
}

/// That nobody removes them while they are linked to.
asio::awaitable<result<void>> importer::hold_originals(std::shared_ptr<import_batch> batch) {
    auto holding_log = ask(sql::import_hold_log, {}, {});
    const auto log = co_await std::move(holding_log);
    if (!log) co_return in_batch(log.error(), *batch);
    postgres::parameters originals;
    originals.begin_array(type_oid::int8, batch->links().size());
    for (const auto& link : batch->links()) originals.add(link.original);
    auto holding = ask(sql::import_hold_originals, {type_oid::int8_array}, std::move(originals));
    const auto held = co_await std::move(holding);
    if (!held) co_return in_batch(held.error(), *batch);
    co_return result<void>();
}

asio::awaitable<result<void>> importer::store_links(std::shared_ptr<import_batch> batch) {
    const auto& links = batch->links();
    if (links.empty()) co_return result<void>();
    auto holding = hold_originals(batch);
    const auto held = co_await std::move(holding);
    if (!held) co_return held.error();
    postgres::parameters arguments;
    const auto add_all = [&](type_oid element, const auto& value) {
        arguments.begin_array(element, links.size());
        for (const auto& link : links) arguments.add(value(link));
    };
    const auto add_ids = [&](auto member) {
        arguments.begin_array(type_oid::uuid, links.size(), true);
        for (const auto& link : links) {
            if (link.*member)
                arguments.add(*(link.*member));
            else
                arguments.add_null();
        }
    };
    add_all(type_oid::int8, [](const import_batch::link& link) { return link.position; });
    add_all(type_oid::int8, [&](const import_batch::link& link) { return batch->streams()[link.stream].id; });
    add_all(type_oid::int8, [](const import_batch::link& link) { return link.version; });
    add_all(type_oid::timestamptz, [](const import_batch::link& link) { return link.created_at; });
    add_all(type_oid::uuid, [](const import_batch::link& link) { return link.id; });
    add_ids(&import_batch::link::correlation_id);
    add_ids(&import_batch::link::causation_id);
    add_all(type_oid::int8, [](const import_batch::link& link) { return link.original; });
    std::vector<type_oid> types(8, type_oid::int8_array);
    types[3] = type_oid::timestamptz_array;
    types[4] = types[5] = types[6] = type_oid::uuid_array;
    auto storing = ask(sql::import_links, std::move(types), std::move(arguments));
    const auto stored = co_await std::move(storing);
    if (!stored) co_return in_batch(stored.error(), *batch);
    if (static_cast<std::size_t>(stored->rows()) == links.size()) co_return result<void>();
    std::vector<std::int64_t> there;
    for (int row = 0; row < stored->rows(); ++row) there.push_back(stored->int8(row, 0));
    std::ranges::sort(there);
    for (const auto& link : links)
        if (!std::ranges::binary_search(there, link.original))
            co_return refused(message("the link at position ", std::to_string(link.position), " is to the event at ",
                std::to_string(link.original), ", which is neither there nor in what is imported"));
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

/// What is missing between the events has been removed from the log that they come from: a verification knows that by the
/// floor.
asio::awaitable<result<void>> importer::raise_floor(std::shared_ptr<import_batch> batch) {
    std::int64_t before = head_at_first_ == 0 && !has_last_ ? 0 : last_position_;
    std::int64_t last_missing = 0;
    for (const auto& event : batch->all_events()) {
        if (event.position > before + 1) last_missing = event.position - 1;
        before = event.position;
    }
    if (last_missing == 0) co_return result<void>();
    postgres::parameters position;
    position.add(last_missing);
    auto raising = ask(sql::import_floor, {type_oid::int8}, std::move(position));
    const auto raised = co_await std::move(raising);
    if (!raised) co_return in_batch(raised.error(), *batch);
    co_return result<void>();
}

asio::awaitable<result<void>> importer::store_events(std::shared_ptr<import_batch> batch) {
    const std::int64_t first = batch->all_events().front().position;
    auto finding = find_streams(batch);
    const auto found = co_await std::move(finding);
    if (!found) co_return found.error();
    auto copying = copy_rows(batch);
    const auto copied = co_await std::move(copying);
    if (!copied) co_return copied.error();
    auto linking = store_links(batch);
    const auto linked = co_await std::move(linking);
    if (!linked) co_return linked.error();
    postgres::parameters sizes;
    sizes.add(batch->largest());
    sizes.add(was_empty_);
    sizes.add(first - 1);
    sizes.add(batch->last_position());
    auto measuring = ask(sql::import_largest,
        std::vector<type_oid>(
            std::initializer_list<type_oid>{type_oid::int8, type_oid::boolean, type_oid::int8, type_oid::int8}),
        std::move(sizes));
    const auto measured = co_await std::move(measuring);
    if (!measured) co_return in_batch(measured.error(), *batch);
    auto raising = raise_floor(batch);
    co_return co_await std::move(raising);
}

asio::awaitable<result<void>> importer::store_state(std::shared_ptr<import_batch> batch) {
    if (is_behind_) {
        if (stored_ > 0 && head_at_first_ <= last_position_)
            co_return refused("events were appended before the import had ended, in front of its snapshots and "
                              "subscriptions; import into an empty store");
        left_out_ += batch->state_lines(); // the log has its own
        co_return result<void>();
    }
    for (state_statement& one : statements_of_state(*batch)) {
        auto storing = ask(one.text, std::move(one.types), std::move(one.arguments));
        const auto stored = co_await std::move(storing);
        if (!stored) co_return in_batch(stored.error(), *batch);
    }
    co_return result<void>();
}

asio::awaitable<result<void>> importer::store(std::shared_ptr<importer> self, std::shared_ptr<import_batch> batch) {
    if (self->may_hold_more_ && batch->has_events()) {
        auto comparing = self->compare(batch);
        const auto compared = co_await std::move(comparing);
        if (!compared) co_return compared.error();
    }
    if (!batch->has_events() && !batch->has_state()) co_return result<void>();
    auto locking = self->lock();
    const auto locked = co_await std::move(locking);
    if (!locked) co_return locked.error();
    auto looking = self->look_whether_free(batch);
    const auto looked = co_await std::move(looking);
    if (!looked) co_return looked.error();
    if (batch->has_events()) {
        auto storing = self->store_events(batch);
        const auto stored = co_await std::move(storing);
        if (!stored) co_return stored.error();
    }
    if (batch->has_state()) {
        auto storing = self->store_state(batch);
        const auto stored = co_await std::move(storing);
        if (!stored) co_return stored.error();
    }
    auto committing = self->commit();
    const auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    if (!batch->has_events()) co_return result<void>();
    const std::int64_t first = batch->all_events().front().position;
    self->last_position_ = batch->last_position();
    self->last_id_ = batch->last_id();
    self->has_last_ = true;
    self->stored_ += static_cast<std::int64_t>(batch->events());
    postgres::parameters range;
    range.add(first);
    range.add(self->last_position_);
    auto telling = self->ask(sql::announce, {type_oid::int8, type_oid::int8}, std::move(range));
    const auto told = co_await std::move(telling);
    if (!told) co_return told.error();
    co_return result<void>();
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
