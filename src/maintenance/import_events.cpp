// What a transaction of an import does for its events.
#include "base/text.hpp"
#include "maintenance/importer.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace eventstore::maintenance {

using detail::message;
using postgres::connection;
namespace sql = storage::sql;
using postgres::type_oid;

/// Nobody else appends as long as the transaction is open.
result<void> importer::look_whether_free(const import_batch& batch) const {
    if (!open_->next || open_->next->position > batch.last_position()) return {};
    return refused(message("its log holds the event ", described(open_->next->position, open_->next->id),
        ", where others are to be imported: it was appended meanwhile, or belongs to another log; appends can "
        "begin when the import has ended"));
}

asio::awaitable<result<void>> importer::make_streams(
    std::shared_ptr<import_batch> batch, std::vector<std::size_t> missing) {
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
        if (place == places.end()) continue;
        import_batch::owner& stream = batch->streams()[place->second];
        open_->streams.add(stream, made->int8(row, 1), stream.version);
    }
    co_return result<void>();
}

asio::awaitable<result<void>> importer::find_streams(std::shared_ptr<import_batch> batch) {
    auto& streams = batch->streams();
    std::vector<std::size_t> unknown = open_->streams.resolve(streams);
    if (unknown.empty()) co_return result<void>();
    postgres::parameters names;
    names.begin_array(type_oid::text, unknown.size());
    for (const std::size_t i : unknown) names.add(streams[i].name);
    auto asking = ask(sql::import_streams, {type_oid::text_array}, std::move(names));
    const auto found = co_await std::move(asking);
    if (!found) co_return in_batch(found.error(), *batch);
    for (int row = 0; row < found->rows(); ++row) {
        const std::size_t place = unknown[static_cast<std::size_t>(found->int8(row, 0) - 1)];
        open_->streams.add(streams[place], found->int8(row, 3), found->int8(row, 1));
    }
    std::erase_if(unknown, [&](std::size_t i) { return streams[i].id != 0; });
    if (unknown.empty()) co_return result<void>();
    auto making = make_streams(batch, std::move(unknown));
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

asio::awaitable<result<void>> importer::store_links(std::shared_ptr<import_batch> batch) {
    const auto& links = batch->links();
    if (links.empty()) co_return result<void>();
    auto holding_log = ask(sql::import_hold_log, {}, {});
    const auto log = co_await std::move(holding_log);
    if (!log) co_return in_batch(log.error(), *batch);
    // That nobody removes them while they are linked to.
    auto holding = ask(statement_of_originals(*batch));
    const auto held = co_await std::move(holding);
    if (!held) co_return in_batch(held.error(), *batch);
    auto storing = ask(statement_of_links(*batch));
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

/// What is missing between the events has been removed from the log that they come from: a verification knows that by the
/// floor.
void importer::note_missing(const import_batch& batch) {
    std::int64_t before = head_at_first_ == 0 && !has_last_ ? 0 : last_position_;
    for (const auto& event : batch.all_events()) {
        if (event.position > before + 1) open_->last_missing = event.position - 1;
        before = event.position;
    }
}

asio::awaitable<result<void>> importer::store_events(std::shared_ptr<import_batch> batch) {
    const auto free = look_whether_free(*batch);
    if (!free) co_return free.error();
    auto finding = find_streams(batch);
    const auto found = co_await std::move(finding);
    if (!found) co_return found.error();
    auto copying = copy_rows(batch);
    const auto copied = co_await std::move(copying);
    if (!copied) co_return copied.error();
    auto linking = store_links(batch);
    const auto linked = co_await std::move(linking);
    if (!linked) co_return linked.error();
    note_missing(*batch);
    if (open_->first == 0) open_->first = batch->all_events().front().position;
    open_->largest = std::max(open_->largest, batch->largest());
    last_position_ = batch->last_position();
    last_id_ = batch->last_id();
    has_last_ = true;
    stored_ += static_cast<std::int64_t>(batch->events());
    co_return result<void>();
}

/// What is the same for all events of a transaction, at its end.
asio::awaitable<result<void>> importer::end_events() {
    if (open_->first == 0) co_return result<void>();
    const import_streams::versions moved = open_->streams.new_versions();
    if (!moved.ids.empty()) {
        postgres::parameters versions;
        versions.begin_array(type_oid::int8, moved.ids.size());
        for (const std::int64_t id : moved.ids) versions.add(id);
        versions.begin_array(type_oid::int8, moved.values.size());
        for (const std::int64_t version : moved.values) versions.add(version);
        auto moving = ask(sql::import_versions, {type_oid::int8_array, type_oid::int8_array}, std::move(versions));
        const auto done = co_await std::move(moving);
        if (!done) co_return in_transaction(done.error());
    }
    postgres::parameters sizes;
    sizes.add(open_->largest);
    sizes.add(open_->was_empty);
    sizes.add(open_->first - 1);
    sizes.add(last_position_);
    auto measuring = ask(sql::import_largest,
        std::vector<type_oid>(
            std::initializer_list<type_oid>{type_oid::int8, type_oid::boolean, type_oid::int8, type_oid::int8}),
        std::move(sizes));
    const auto measured = co_await std::move(measuring);
    if (!measured) co_return in_transaction(measured.error());
    if (open_->last_missing == 0) co_return result<void>();
    postgres::parameters position;
    position.add(open_->last_missing);
    auto raising = ask(sql::import_floor, {type_oid::int8}, std::move(position));
    const auto raised = co_await std::move(raising);
    if (!raised) co_return in_transaction(raised.error());
    co_return result<void>();
}

} // namespace eventstore::maintenance
