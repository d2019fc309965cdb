#include "maintenance/exported_events.hpp"

#include "maintenance/exported_rows.hpp"
#include "maintenance/line_text.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <boost/endian/conversion.hpp>

#include <utility>

namespace eventstore::maintenance {

namespace {

using postgres::connection;
namespace sql = storage::sql;
using postgres::type_oid;

constexpr std::int64_t events_of_copy = 100'000;              // so that no snapshot is held for long
constexpr std::size_t bytes_of_window = std::size_t{1} << 20; // of rows, before their streams are looked for
constexpr std::size_t bytes_of_names = std::size_t{8} << 20;

} // namespace

detail::steady_time exported_events::deadline() const { return environment_.in(export_sessions::longest_wait); }

void exported_events::forget_names() {
    names_.clear();
    bytes_of_known_names_ = 0;
}

/// Asks for streams that were met and are not known.
asio::awaitable<result<void>> exported_events::learn_names() {
    postgres::parameters arguments;
    arguments.begin_array(type_oid::int8, unknown_.size());
    for (const std::int64_t id : unknown_) arguments.add(id);
    auto asking = export_sessions::ask(sessions_.questions, storage::for_schema(sql::export_stream_names, schema_),
        {type_oid::int8_array}, std::move(arguments), deadline());
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    for (int row = 0; row < found->rows(); ++row) {
        const std::string_view name = found->bytes(row, 1);
        known_stream& known = names_[found->int8(row, 0)];
        if (!name.starts_with('$')) add_string(known.name, name); // else it is being deleted for good
        known.created_at = found->int8(row, 2);
        bytes_of_known_names_ += known.name.size() + 100;
    }
    unknown_.clear();
    co_return result<void>();
}

exported_events::event_row exported_events::read(std::string_view bytes) const {
    event_row read;
    event_line& event = read.event;
    copied_row row(bytes);
    row.begin();
    event.position = row.number();
    read.stream = row.number();
    event.version = row.number();
    event.created_at = row.number();
    event.id = row.next_id().value_or(uuid());
    event.correlation_id = row.next_id();
    event.causation_id = row.next_id();
    event.link_to = row.number();
    if (log_.has_links) read.original = row.next_number();
    event.type = row.text();
    event.metadata = row.payload(log_.is_jsonb);
    event.data = row.payload(log_.is_jsonb);
    return read;
}

/// The streams of the row are known.
void exported_events::add(event_row& row) {
    const known_stream& known = names_.find(row.stream)->second;
    if (known.name.empty()) return;
    event_line& event = row.event;
    if (event.version == 1 && known.created_at != event.created_at) event.stream_created_at = known.created_at;
    if (event.link_to != 0 && (!row.original || names_.find(*row.original)->second.name.empty())) return;
    lines_->add(event, known.name);
}

/// Writes the rows that have come.
asio::awaitable<result<void>> exported_events::write_window() {
    if (!unknown_.empty()) {
        auto learning = learn_names();
        const auto learnt = co_await std::move(learning);
        if (!learnt) co_return learnt.error();
    }
    for (std::string_view rest = window_; !rest.empty();) {
        const std::uint32_t size = boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(rest.data()));
        event_row row = read(rest.substr(4, size));
        add(row);
        rest.remove_prefix(4 + size);
    }
    window_.clear();
    if (window_.capacity() > 4 * bytes_of_window) window_.shrink_to_fit();
    auto writing = lines_->write_some();
    co_return co_await std::move(writing);
}

/// Makes a line of a row at once, so that the server goes on meanwhile; or keeps it until the names of its streams are
/// known. Returns false if enough have come.
bool exported_events::take_row(std::string_view bytes) {
    event_row row = read(bytes);
    position_of_copy_ = row.event.position;
    ++rows_of_copy_;
    know(row.stream);
    if (row.original) know(*row.original);
    if (unknown_.empty()) {
        add(row);
        return !lines_->is_full();
    }
    char length[4];
    boost::endian::store_big_u32(reinterpret_cast<unsigned char*>(length), static_cast<std::uint32_t>(bytes.size()));
    window_.append(length, sizeof length);
    window_ += bytes;
    return window_.size() < bytes_of_window;
}

/// One COPY.
asio::awaitable<result<void>> exported_events::copy_some() {
    // The numbers first: the name of a schema may look like a parameter.
    const std::string numbered = with_numbers(
        storage::for_links(sql::export_events, log_.has_links), {position_of_copy_, lines_->through(), events_of_copy});
    const std::string text = storage::for_schema(numbered, schema_);
    auto beginning = connection::begin_copy(sessions_.rows, text, deadline());
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    rows_of_copy_ = 0;
    forget_names(); // what is known may be of streams that are gone by now
    copied_pieces pieces;
    const connection::copy_sink sink = [this, &pieces](std::string_view piece) {
        const std::string_view bytes = pieces.row_of(piece);
        return bytes.empty() || take_row(bytes);
    };
    for (auto state = connection::copy_state::going_on; state != connection::copy_state::ended;) {
        auto receiving = connection::receive_copied(sessions_.rows, sink, deadline());
        const auto received = co_await std::move(receiving);
        if (!received) co_return received.error();
        state = *received;
        auto writing = write_window();
        const auto written = co_await std::move(writing);
        if (!written) co_return written.error();
        if (bytes_of_known_names_ > bytes_of_names) forget_names();
    }
    co_return result<void>();
}

asio::awaitable<result<void>> exported_events::copy(std::shared_ptr<exported_events> self) {
    self->position_of_copy_ = self->lines_->last_position();
    do {
        auto copying = self->copy_some();
        const auto copied = co_await std::move(copying);
        if (!copied) co_return copied.error();
    } while (self->rows_of_copy_ == events_of_copy);
    co_return result<void>();
}

} // namespace eventstore::maintenance
