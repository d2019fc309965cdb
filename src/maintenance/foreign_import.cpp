#include "async/pause.hpp"
#include "base/text.hpp"
#include "maintenance/foreign_log.hpp"
#include "storage/statements.hpp"

#include <utility>

namespace eventstore::maintenance {

namespace {

using detail::message;
using postgres::connection;

constexpr std::chrono::milliseconds before_next_look(300);
constexpr std::chrono::milliseconds longest_silence = std::chrono::hours(24); // what limits it is the connection

transfer_progress progress_of(const importer& into, std::int64_t begin, bool is_caught_up) {
    transfer_progress now;
    now.events = into.stored_events();
    now.position = into.last_position();
    now.begin = begin;
    now.is_caught_up = is_caught_up;
    return now;
}

/// Everything that there is at the moment.
asio::awaitable<result<void>> catch_up(std::shared_ptr<foreign_log> log, foreign_parts parts, import_options options,
    std::shared_ptr<import_batch> batch, std::int64_t begin) {
    auto looking = log->look();
    const auto looked = co_await std::move(looking);
    if (!looked) co_return looked.error();
    while (!*parts.is_stopped) {
        batch->clear();
        auto filling = log->fill(batch, static_cast<std::int64_t>(options.transaction_events()));
        const auto filled = co_await std::move(filling);
        if (!filled) co_return filled.error();
        if (!batch->has_events()) break;
        auto storing = importer::store(parts.into, batch);
        const auto stored = co_await std::move(storing);
        if (!stored) co_return stored.error();
        if (options.on_progress()) options.on_progress()(progress_of(*parts.into, begin, false));
    }
    if (*parts.is_stopped) co_return result<void>();
    auto ending = log->store_state();
    const auto ended = co_await std::move(ending);
    if (!ended) co_return ended.error();
    if (options.on_progress()) options.on_progress()(progress_of(*parts.into, begin, true));
    co_return result<void>();
}

} // namespace

asio::awaitable<result<postgres::answer>> foreign_log::ask(
    std::string_view text, std::vector<postgres::type_oid> types, postgres::parameters arguments) {
    postgres::statement question;
    question.text = storage::for_schema(text, parts_.schema);
    question.types = std::move(types);
    question.doing = "reading the log that is imported";
    auto asking =
        connection::run_statement(parts_.source, question, std::move(arguments), parts_.where.in(longest_silence));
    co_return co_await std::move(asking);
}

asio::awaitable<result<void>> foreign_log::copy(
    std::string_view text, std::vector<std::int64_t> numbers, std::function<void(copied_row&)> take) {
    // The numbers first: the name of a schema may look like a parameter.
    std::string statement = storage::for_schema(with_numbers(std::string(text), numbers), parts_.schema);
    auto beginning = connection::begin_copy(parts_.source, std::move(statement), parts_.where.in(longest_silence));
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    copied_pieces pieces;
    const connection::copy_sink sink = [&pieces, &take](std::string_view piece) {
        copied_row row(pieces.row_of(piece));
        if (row.begin() >= 0) take(row);
        return true;
    };
    auto receiving = connection::receive_copied(parts_.source, sink, parts_.where.in(longest_silence));
    const auto received = co_await std::move(receiving);
    if (!received) co_return received.error();
    co_return result<void>();
}

std::optional<failure> foreign_log::check(const event_line& event) {
    constexpr std::size_t longest = 512;
    const auto refuse = [&](std::string_view why) {
        return failure(errc::import_refused,
            message("the event ", to_string(event.id), " of stream ", detail::quoted_for_message(event.stream),
                " cannot be stored: ", why));
    };
    if (event.stream.empty() || event.stream.size() > longest) return refuse("the name of a stream has 1 to 512 bytes");
    if (event.stream.starts_with('$')) return refuse("names of streams that begin with $ are reserved");
    if (event.link_to == 0 && (event.type.empty() || event.type.size() > longest))
        return refuse("the type of an event has 1 to 512 bytes");
    if (event.id.is_nil()) return refuse("its id is nil");
    return std::nullopt;
}

asio::awaitable<result<event_file_summary>> import_foreign(
    foreign_parts parts, foreign_store kind, import_options options) {
    std::shared_ptr<foreign_log> log;
    if (kind == foreign_store::message_db)
        log = make_message_db_log(parts);
    else
        log = make_elixir_log(parts);
    auto beginning = importer::begin_at_head(parts.into);
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    const std::int64_t begin = parts.into->last_position();
    auto finding = log->begin();
    const auto found = co_await std::move(finding);
    if (!found) co_return found.error();
    const auto format = parts.into->is_jsonb() ? payload_format::jsonb : payload_format::bytea;
    const auto batch = std::make_shared<import_batch>(format, bytes_of_foreign_batch);
    const auto rest = std::make_shared<detail::pause>(parts.where.timers);
    for (;;) {
        auto catching_up = catch_up(log, parts, options, batch, begin);
        const auto caught_up = co_await std::move(catching_up);
        if (!caught_up) co_return caught_up.error();
        if (!options.follows() || *parts.is_stopped) break;
        auto waiting = rest->until(parts.where.in(before_next_look));
        co_await std::move(waiting);
    }
    event_file_summary made;
    made.after_position = begin;
    made.last_position = made.through_position = parts.into->last_position();
    made.events = made.new_events = parts.into->stored_events();
    made.left_out = parts.into->left_out();
    made.payload = format;
    co_return made;
}

} // namespace eventstore::maintenance
