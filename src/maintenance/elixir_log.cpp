// The log of the Elixir library EventStore: its events stand once, and in streams by reference, of which links are others.
#include "base/text.hpp"
#include "maintenance/foreign_log.hpp"
#include "storage/sql.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace eventstore::maintenance {

namespace {

using detail::message;
namespace sql = storage::sql;
using postgres::type_oid;

constexpr std::int64_t links_of_question = 2'000;
constexpr std::int64_t streams_of_question = 2'000;
constexpr std::int64_t snapshots_of_question = 50; // which may be large

/// Positions are given out anew, since a link has one here. What was imported is known by its ids, and how far each stream is
/// by its version: nothing else has to be remembered.
class elixir_log final : public foreign_log {
public:
    explicit elixir_log(foreign_parts parts) : foreign_log(std::move(parts)) {}

    asio::awaitable<result<void>> begin() override;
    asio::awaitable<result<void>> look() override;
    asio::awaitable<result<void>> fill(std::shared_ptr<import_batch> batch, std::int64_t most) override;
    asio::awaitable<result<void>> store_state() override;

private:
    struct stream {
        std::string name;
        std::int64_t version;
        std::int64_t created_at;
        std::optional<std::int64_t> deleted_at;
        std::int64_t imported = 0; // version
        bool is_deleted = false;   // here
    };

    asio::awaitable<result<void>> read_events(std::shared_ptr<import_batch> batch, std::int64_t most);
    asio::awaitable<result<void>> fill_links_before(std::shared_ptr<import_batch> batch);
    asio::awaitable<result<void>> fill_last_links(std::shared_ptr<import_batch> batch, std::int64_t most);
    asio::awaitable<result<void>> add_links(std::shared_ptr<import_batch> batch, stream of, std::int64_t before);
    asio::awaitable<result<void>> read_streams();
    asio::awaitable<result<std::int64_t>> imported_version(std::string name);
    asio::awaitable<result<void>> store_snapshots();
    asio::awaitable<result<void>> store_subscriptions();
    bool is_json_b(std::int64_t type) const noexcept { return type == static_cast<std::int64_t>(type_oid::jsonb); }
    std::int64_t next_position(const import_batch& batch) const {
        return (batch.has_events() ? batch.last_position() : parts_.into->last_position()) + 1;
    }

    std::int64_t last_number_ = 0; // of an event that was read
    bool is_jsonb_ = false, metadata_is_jsonb_ = false;
    bool snapshot_is_jsonb_ = false, snapshot_metadata_is_jsonb_ = false;
    bool at_end_ = false; // of the events: links and states come now

    /// The event before which its stream has links: they come first.
    std::optional<stream> links_before_;
    std::int64_t version_after_links_ = 0;

    std::int64_t last_stream_ = 0; // id, of those that were looked at for their last links
    bool has_all_streams_ = false;
    std::vector<stream> streams_;
    std::size_t next_stream_ = 0;
};

asio::awaitable<result<void>> elixir_log::begin() {
    const auto last = parts_.into->last_original();
    postgres::parameters id;
    id.add(last.value_or(uuid()));
    auto asking = ask(sql::elixir_begin, {type_oid::uuid}, std::move(id));
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    is_jsonb_ = is_json_b(found->int8(0, 0));
    metadata_is_jsonb_ = is_json_b(found->int8(0, 1));
    snapshot_is_jsonb_ = is_json_b(found->int8(0, 2));
    snapshot_metadata_is_jsonb_ = is_json_b(found->int8(0, 3));
    if (!last && parts_.into->last_position() == 0) co_return result<void>();
    if (!last || found->is_null(0, 4))
        co_return failure(errc::import_refused,
            message("the store holds events that were not imported from there",
                last ? message(": the last one is ", to_string(*last)) : std::string(),
                "; import into an empty store"));
    last_number_ = found->int8(0, 4);
    co_return result<void>();
}

asio::awaitable<result<void>> elixir_log::look() {
    at_end_ = false;
    last_stream_ = 0;
    has_all_streams_ = false;
    streams_.clear();
    next_stream_ = 0;
    co_return result<void>();
}

asio::awaitable<result<std::int64_t>> elixir_log::imported_version(std::string name) {
    postgres::parameters names;
    names.begin_array(type_oid::text, 1);
    names.add(name);
    auto asking = parts_.into->ask(sql::import_streams, {type_oid::text_array}, std::move(names));
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    if (found->rows() == 0) co_return 0;
    co_return found->int8(0, 1);
}

/// Events up to the next one that has a link before it in its stream.
asio::awaitable<result<void>> elixir_log::read_events(std::shared_ptr<import_batch> batch, std::int64_t most) {
    std::optional<failure> why;
    std::int64_t rows = 0;
    bool is_full = false;
    const auto take = [&](copied_row& row) {
        if (is_full || batch->bytes() >= bytes_of_foreign_batch) {
            is_full = true;
            return;
        }
        ++rows;
        if (why || links_before_) return;
        event_line event;
        const std::int64_t number = row.number();
        event.stream = row.text();
        event.version = row.number();
        event.created_at = row.number();
        event.id = row.next_id().value_or(uuid());
        event.correlation_id = row.next_id();
        event.causation_id = row.next_id();
        event.stream_created_at = row.next_number();
        event.type = row.text();
        event.metadata = row.payload(metadata_is_jsonb_);
        event.data = row.payload(is_jsonb_);
        const bool is_after_link = row.boolean();
        if (is_after_link && event.version != version_after_links_) {
            links_before_ = stream{std::string(event.stream), event.version, *event.stream_created_at, std::nullopt};
            return;
        }
        version_after_links_ = 0;
        why = check(event);
        if (why) return;
        last_number_ = number;
        event.position = next_position(*batch);
        batch->add(event);
    };
    std::int64_t count = 0;
    do {
        rows = 0;
        count = copy_count_.next(most - static_cast<std::int64_t>(batch->events()));
        auto copying = copy(sql::elixir_events, {last_number_, count}, take);
        const auto copied = co_await std::move(copying);
        if (!copied) co_return copied.error();
        if (why) co_return *why;
        copy_count_.learn(rows, is_full);
    } while (!links_before_ && rows == count && static_cast<std::int64_t>(batch->events()) < most &&
        batch->bytes() < bytes_of_foreign_batch);
    at_end_ = !links_before_ && !is_full && rows < count;
    co_return result<void>();
}

/// Links of a stream that come next, up to a version, or to an event that is not imported yet.
asio::awaitable<result<void>> elixir_log::add_links(
    std::shared_ptr<import_batch> batch, stream of, std::int64_t before) {
    postgres::parameters range;
    range.add(of.name);
    range.add(of.imported);
    range.add(before);
    range.add(links_of_question);
    auto asking = ask(sql::elixir_links,
        std::vector<type_oid>(
            std::initializer_list<type_oid>{type_oid::text, type_oid::int8, type_oid::int8, type_oid::int8}),
        std::move(range));
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    int count = 0;
    while (count < found->rows() && found->boolean(count, 2) && found->int8(count, 3) > 0 &&
        found->int8(count, 3) <= last_number_)
        ++count;
    if (count == 0) co_return result<void>();
    postgres::parameters ids;
    ids.begin_array(type_oid::uuid, static_cast<std::size_t>(count));
    for (int row = 0; row < count; ++row) ids.add(found->id(row, 1));
    auto finding = parts_.into->ask(sql::import_originals, {type_oid::uuid_array}, std::move(ids));
    const auto originals = co_await std::move(finding);
    if (!originals) co_return originals.error();
    std::vector<std::pair<std::int64_t, std::int64_t>> places(static_cast<std::size_t>(count)); // position, time
    for (int row = 0; row < originals->rows(); ++row)
        places[static_cast<std::size_t>(originals->int8(row, 0) - 1)] = {
            originals->int8(row, 1), postgres::to_postgres_time(originals->time(row, 2))};
    for (int row = 0; row < count; ++row) {
        const auto [position, created_at] = places[static_cast<std::size_t>(row)];
        if (position == 0)
            co_return failure(errc::import_refused,
                message("version ", std::to_string(found->int8(row, 0)), " of stream ",
                    detail::quoted_for_message(of.name), " links to the event ", to_string(found->id(row, 1)),
                    ", which was not imported"));
        event_line link;
        link.position = next_position(*batch);
        link.stream = of.name;
        link.version = found->int8(row, 0);
        link.link_to = position;
        link.id = make_uuid();
        link.created_at = created_at;
        link.stream_created_at = of.created_at;
        if (const auto why = check(link)) co_return *why;
        batch->add(link);
    }
    co_return result<void>();
}

asio::awaitable<result<void>> elixir_log::fill_links_before(std::shared_ptr<import_batch> batch) {
    auto asking = imported_version(links_before_->name);
    const auto imported = co_await std::move(asking);
    if (!imported) co_return imported.error();
    links_before_->imported = *imported;
    auto adding = add_links(batch, *links_before_, links_before_->version);
    const auto added = co_await std::move(adding);
    if (!added) co_return added.error();
    if (batch->has_events()) co_return result<void>(); // there may be more
    version_after_links_ = links_before_->version;
    links_before_.reset();
    co_return result<void>();
}

/// Some streams, and how far they are here.
asio::awaitable<result<void>> elixir_log::read_streams() {
    streams_.clear();
    next_stream_ = 0;
    postgres::parameters range;
    range.add(last_stream_);
    range.add(streams_of_question);
    auto asking = ask(sql::elixir_streams, {type_oid::int8, type_oid::int8}, std::move(range));
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    has_all_streams_ = found->rows() < streams_of_question;
    if (found->rows() == 0) co_return result<void>();
    postgres::parameters names;
    names.begin_array(type_oid::text, static_cast<std::size_t>(found->rows()));
    for (int row = 0; row < found->rows(); ++row) {
        last_stream_ = found->int8(row, 0);
        stream& one = streams_.emplace_back();
        one.name = found->bytes(row, 1);
        one.version = found->int8(row, 2);
        one.created_at = found->int8(row, 3);
        if (!found->is_null(row, 4)) one.deleted_at = found->int8(row, 4);
        names.add(one.name);
    }
    auto looking = parts_.into->ask(sql::import_streams, {type_oid::text_array}, std::move(names));
    const auto known = co_await std::move(looking);
    if (!known) co_return known.error();
    for (int row = 0; row < known->rows(); ++row) {
        stream& one = streams_[static_cast<std::size_t>(known->int8(row, 0) - 1)];
        one.imported = known->int8(row, 1);
        one.is_deleted = known->boolean(row, 2);
    }
    co_return result<void>();
}

/// The links behind the last events of their streams; and with them, which streams are deleted.
asio::awaitable<result<void>> elixir_log::fill_last_links(std::shared_ptr<import_batch> batch, std::int64_t most) {
    while (static_cast<std::int64_t>(batch->events()) < most && batch->bytes() < bytes_of_foreign_batch) {
        if (next_stream_ == streams_.size()) {
            if (has_all_streams_) co_return result<void>();
            if (batch->has_events()) co_return result<void>(); // the versions that are asked for must be stored
            auto reading = read_streams();
            const auto read = co_await std::move(reading);
            if (!read) co_return read.error();
            continue;
        }
        stream& one = streams_[next_stream_];
        const std::size_t before = batch->events();
        if (one.version > one.imported) {
            auto adding = add_links(batch, one, std::numeric_limits<std::int64_t>::max());
            const auto added = co_await std::move(adding);
            if (!added) co_return added.error();
        }
        if (batch->events() > before) {
            // There may be more of them; those that were added are not stored yet.
            const std::int64_t count = static_cast<std::int64_t>(batch->events() - before);
            one.imported = batch->links().back().version;
            one.is_deleted = false; // what is imported into a stream brings it back
            if (count == links_of_question) continue;
        }
        if (one.deleted_at && !one.is_deleted && one.imported > 0)
            batch->add(stream_line{one.name, one.imported, one.created_at, one.deleted_at});
        ++next_stream_;
    }
    co_return result<void>();
}

asio::awaitable<result<void>> elixir_log::fill(std::shared_ptr<import_batch> batch, std::int64_t most) {
    while (!at_end_) {
        if (links_before_) {
            auto filling = fill_links_before(batch);
            const auto filled = co_await std::move(filling);
            if (!filled) co_return filled.error();
            if (batch->has_events()) co_return result<void>();
        }
        auto reading = read_events(batch, most);
        const auto read = co_await std::move(reading);
        if (!read) co_return read.error();
        if (batch->has_events()) co_return result<void>();
    }
    for (;;) {
        auto filling = fill_last_links(batch, most);
        const auto filled = co_await std::move(filling);
        if (!filled) co_return filled.error();
        if (batch->has_events() || !batch->has_state()) co_return result<void>();
        auto storing = importer::store(parts_.into, batch); // only states
        const auto stored = co_await std::move(storing);
        if (!stored) co_return stored.error();
        batch->clear();
    }
}

asio::awaitable<result<void>> elixir_log::store_snapshots() {
    const auto batch = std::make_shared<import_batch>(payload_format::bytea);
    const auto payload = [](const postgres::answer& rows, int row, int column, bool is_jsonb) {
        std::string_view bytes = rows.is_null(row, column) ? std::string_view() : rows.bytes(row, column);
        if (is_jsonb && !bytes.empty()) bytes.remove_prefix(1); // the version of its form
        return std::string(bytes);
    };
    std::string after;
    for (;;) {
        postgres::parameters range;
        range.add(after);
        range.add(snapshots_of_question);
        auto asking = ask(sql::elixir_snapshots, {type_oid::text, type_oid::int8}, std::move(range));
        const auto found = co_await std::move(asking);
        if (!found) co_return found.error();
        batch->clear();
        for (int row = 0; row < found->rows(); ++row) {
            snapshot_line line;
            line.source = found->bytes(row, 0);
            line.version = found->int8(row, 1);
            line.type = found->bytes(row, 2);
            line.recorded_at = found->int8(row, 3);
            line.metadata = payload(*found, row, 4, snapshot_metadata_is_jsonb_);
            line.data = payload(*found, row, 5, snapshot_is_jsonb_);
            after = line.source;
            batch->add(line);
        }
        if (!batch->has_state()) co_return result<void>();
        auto storing = importer::store(parts_.into, batch);
        const auto stored = co_await std::move(storing);
        if (!stored) co_return stored.error();
    }
}

asio::awaitable<result<void>> elixir_log::store_subscriptions() {
    postgres::parameters number;
    number.add(last_number_);
    auto asking = ask(sql::elixir_subscriptions, {type_oid::int8}, std::move(number));
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    const auto batch = std::make_shared<import_batch>(payload_format::bytea);
    for (int row = 0; row < found->rows(); ++row) {
        subscription_line line;
        line.stream = found->bytes(row, 0);
        line.name = found->bytes(row, 1);
        line.created_at = found->int8(row, 2);
        postgres::parameters place;
        place.add(line.stream);
        place.add(found->int8(row, 3));
        if (found->is_null(row, 4))
            place.add_null();
        else
            place.add(found->id(row, 4));
        auto looking = parts_.into->ask(sql::import_checkpoint,
            std::vector<type_oid>(std::initializer_list<type_oid>{type_oid::text, type_oid::int8, type_oid::uuid}),
            std::move(place));
        const auto checkpoint = co_await std::move(looking);
        if (!checkpoint) co_return checkpoint.error();
        if (checkpoint->rows() > 0) {
            line.position = checkpoint->int8(0, 0);
            line.version = checkpoint->int8(0, 1);
            line.event_id = checkpoint->id(0, 2);
        }
        line.delivered = line.announced = line.position;
        batch->add(line);
    }
    if (!batch->has_state()) co_return result<void>();
    auto storing = importer::store(parts_.into, batch);
    co_return co_await std::move(storing);
}

asio::awaitable<result<void>> elixir_log::store_state() {
    auto storing = store_snapshots();
    const auto stored = co_await std::move(storing);
    if (!stored) co_return stored.error();
    auto last = store_subscriptions();
    co_return co_await std::move(last);
}

} // namespace

std::unique_ptr<foreign_log> make_elixir_log(foreign_parts parts) {
    return std::make_unique<elixir_log>(std::move(parts));
}

} // namespace eventstore::maintenance
