// An archive, step by step: look, export, check, compare, have it on disk, remove. Each step can be repeated, and what was
// done before is found in the file and in the log.
#include "maintenance/archiver.hpp"

#include "async/pause.hpp"
#include "async/work_ahead.hpp"
#include "base/text.hpp"
#include "maintenance/archive_file.hpp"
#include "maintenance/number_text.hpp"
#include "maintenance/scavenge_pace.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace eventstore::maintenance {

namespace {

using detail::message;
using detail::quoted_for_message;
using detail::steady_time;
using postgres::connection;
using postgres::type_oid;
namespace sql = storage::sql;

constexpr std::chrono::milliseconds longest_look = std::chrono::hours(24); // what limits it is the connection

/// What is done on another thread.
struct file_work {
    result<archive_outline> outline{failure()};
    result<std::unique_ptr<archive_file>> opened{failure()};
    std::unique_ptr<archive_file> file;
    held_range log; // in the range of the file, before its check
    result<bool> more{failure()};
    result<void> settled;
    result<std::vector<placed_event>> portion{failure()};
};

scavenge_options pace_of(const archive_options& options) {
    return scavenge_options().events_per_second(options.events_per_second()).portion(options.portion());
}

class archiver {
public:
    archiver(export_sessions sessions, std::string schema, std::string path, archive_options options,
        detail::environment where, std::chrono::milliseconds limit, asio::any_io_executor strand,
        std::shared_ptr<const std::atomic<bool>> is_stopped)
        : sessions_(std::move(sessions)),
          schema_(std::move(schema)),
          path_(std::move(path)),
          options_(std::move(options)),
          environment_(std::move(where)),
          limit_(limit),
          strand_(std::move(strand)),
          disk_(strand_, "working on the file of an archive"),
          is_stopped_(std::move(is_stopped)),
          pace_(pace_of(options_)),
          pause_(environment_.timers) {}

    static asio::awaitable<result<archive_summary>> run(std::shared_ptr<archiver> self);

private:
    asio::awaitable<result<postgres::answer>> ask(std::string_view text, std::vector<type_oid> types,
        postgres::parameters arguments, std::chrono::milliseconds limit) const;
    asio::awaitable<result<held_range>> look_at_range(std::int64_t after, std::int64_t through);
    asio::awaitable<result<void>> look_for_links() const;
    asio::awaitable<result<void>> look();
    asio::awaitable<result<event_file_summary>> export_range(std::int64_t from);
    asio::awaitable<result<void>> check();
    asio::awaitable<result<void>> remove(std::vector<placed_event> portion);
    asio::awaitable<result<void>> remove_all();
    failure stopped() const { return failure(errc::cancelled, "archiving was cancelled"); }
    std::string doing() const { return message("archiving the events before position ", text(options_.before())); }
    void tell(archive_step step, const transfer_progress& now) const {
        if (options_.on_progress()) options_.on_progress()(step, now);
    }
    void tell_file(archive_step step, std::int64_t events, std::int64_t position) const;

    const export_sessions sessions_;
    const std::string schema_;
    const std::string path_;
    const archive_options options_;
    const detail::environment environment_;
    const std::chrono::milliseconds limit_;
    const asio::any_io_executor strand_;
    detail::work_ahead disk_;
    const std::shared_ptr<const std::atomic<bool>> is_stopped_;
    const scavenge_pace pace_;
    detail::pause pause_;
    const std::shared_ptr<file_work> work_ = std::make_shared<file_work>();

    std::string database_;
    bool is_standby_ = false;
    held_range before_; // all that the log holds before the position
    archive_summary made_;
};

asio::awaitable<result<postgres::answer>> archiver::ask(std::string_view text, std::vector<type_oid> types,
    postgres::parameters arguments, std::chrono::milliseconds limit) const {
    postgres::statement asked;
    asked.text = storage::for_schema(text, schema_);
    asked.types = std::move(types);
    asked.doing = doing();
    auto asking = connection::run_statement(sessions_.questions, asked, std::move(arguments), environment_.in(limit));
    co_return co_await std::move(asking);
}

asio::awaitable<result<held_range>> archiver::look_at_range(std::int64_t after, std::int64_t through) {
    postgres::parameters range;
    range.add(after);
    range.add(through);
    auto asking = ask(sql::archive_range, {type_oid::int8, type_oid::int8}, std::move(range), longest_look);
    const auto held = co_await std::move(asking);
    if (!held) co_return held.error();
    held_range found;
    found.events = held->int8(0, 0);
    if (!held->is_null(0, 1)) found.first = placed_event{held->int8(0, 1), held->id(0, 2)};
    if (!held->is_null(0, 3)) found.last = placed_event{held->int8(0, 3), held->id(0, 4)};
    is_standby_ = held->boolean(0, 5);
    database_ = held->bytes(0, 6);
    co_return found;
}

asio::awaitable<result<void>> archiver::look_for_links() const {
    postgres::parameters position;
    position.add(options_.before());
    auto asking = ask(sql::archive_link, {type_oid::int8}, std::move(position), longest_look);
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    if (found->rows() == 0) co_return result<void>();
    co_return failure(errc::archive_refused,
        {.message = message(doing(), ": the link at position ", text(found->int8(0, 0)), ", in stream ",
             quoted_for_message(found->bytes(0, 1)), ", is to the event at position ", text(found->int8(0, 2)),
             ", would go with it, and would not be in the file; archive up to a position behind the link, or drop such "
             "links"),
            .stream = std::string(found->bytes(0, 1))});
}

/// Whether it could succeed, before anything is written.
asio::awaitable<result<void>> archiver::look() {
    auto ranging = look_at_range(0, options_.before() - 1);
    auto held = co_await std::move(ranging);
    if (!held) co_return held.error();
    before_ = std::move(*held);
    if (is_standby_)
        co_return failure(errc::connection_lost,
            {.message =
                    message(doing(), ": the server is a standby, where nothing can be removed; archive at the primary"),
                .retry_helps = true});
    auto trying = remove(std::vector<placed_event>());
    const auto tried = co_await std::move(trying);
    if (!tried || options_.drops_links()) co_return tried;
    auto looking = look_for_links();
    co_return co_await std::move(looking);
}

asio::awaitable<result<event_file_summary>> archiver::export_range(std::int64_t from) {
    const auto hear = [this](const transfer_progress& now) { tell(archive_step::exporting, now); };
    export_options range;
    range.from_position(from).through_position(options_.before() - 1).events_only();
    if (options_.on_progress()) range.on_progress(hear);
    auto exporting = export_log(sessions_, schema_, path_, std::move(range), environment_, strand_, is_stopped_);
    co_return co_await std::move(exporting);
}

void archiver::tell_file(archive_step step, std::int64_t events, std::int64_t position) const {
    if (!options_.on_progress()) return;
    const archive_file& file = *work_->file;
    transfer_progress now;
    now.events = events;
    now.position = position;
    now.begin = step == archive_step::removing ? work_->log.first->position - 1 : made_.file.after_position;
    now.end = options_.before() - 1;
    if (step == archive_step::checking) {
        now.bytes = file.bytes();
        now.total_bytes = file.total_bytes();
    }
    tell(step, now);
}

/// Reads the file to its end, compares it with the log, and has it on disk.
asio::awaitable<result<void>> archiver::check() {
    auto ranging = look_at_range(work_->outline->header.after_position, options_.before() - 1);
    auto held = co_await std::move(ranging);
    if (!held) co_return held.error();
    work_->log = std::move(*held);
    disk_.begin([work = work_, path = path_] { work->opened = archive_file::open(path); });
    auto opening = disk_.wait();
    const auto waited = co_await std::move(opening);
    if (!waited) co_return waited.error();
    if (!work_->opened) co_return work_->opened.error();
    work_->file = std::move(*work_->opened);
    for (bool has_more = true; has_more;) {
        if (*is_stopped_) co_return stopped();
        disk_.begin([work = work_] { work->more = work->file->check_some(work->log); });
        auto checking = disk_.wait();
        const auto read = co_await std::move(checking);
        if (!read) co_return read.error();
        if (!work_->more) co_return work_->more.error();
        has_more = *work_->more;
        tell_file(archive_step::checking, work_->file->events(), work_->file->position());
    }
    const checked_archive& checked = work_->file->checked();
    if (const auto why = refuse_range(
            path_, options_.before(), checked.summary.after_position, checked.summary.through_position, before_))
        co_return *why;
    if (const auto why = refuse_removal(path_, checked, work_->log, database_, schema_)) co_return *why;
    const std::int64_t written = made_.file.new_events;
    made_.file = checked.summary;
    made_.file.new_events = written;
    disk_.begin([work = work_] { work->settled = work->file->settle(); });
    auto settling = disk_.wait();
    const auto settled = co_await std::move(settling);
    if (!settled) co_return settled.error();
    co_return work_->settled;
}

/// Removes some events, in one transaction.
asio::awaitable<result<void>> archiver::remove(std::vector<placed_event> portion) {
    postgres::parameters arguments;
    arguments.begin_array(type_oid::int8, portion.size());
    for (const placed_event& event : portion) arguments.add(event.position);
    arguments.begin_array(type_oid::uuid, portion.size());
    for (const placed_event& event : portion) arguments.add(event.id);
    arguments.add(options_.before());
    arguments.add(options_.ignores_subscriptions());
    arguments.add(options_.drops_links());
    std::vector<type_oid> types = {
        type_oid::int8_array, type_oid::uuid_array, type_oid::int8, type_oid::boolean, type_oid::boolean};
    auto asking = ask(sql::remove_archived, std::move(types), std::move(arguments), limit_);
    const auto done = co_await std::move(asking);
    if (!done) co_return done.error();
    const std::string stream(done->bytes(0, 1));
    switch (done->int4(0, 0)) {
    case 0: break;
    case 1:
        co_return failure(errc::subscription_behind,
            {.message = message(doing(), ": the subscription ", quoted_for_message(done->bytes(0, 2)), " to ",
                 quoted_for_message(stream),
                 " has not acknowledged all of them, or has parked one; wait for it, delete it, or ignore "
                 "subscriptions"),
                .stream = stream,
                .retry_helps = true});
    case 2:
        co_return failure(
            errc::invalid_argument, message(doing(), ": the log ends at position ", text(done->int8(0, 3))));
    default:
        co_return failure(errc::archive_refused,
            {.message = message(doing(), ": the link at position ", text(done->int8(0, 4)), ", in stream ",
                 quoted_for_message(stream),
                 ", is to one of them, was made meanwhile, and is not in the file; archive up to a position behind the "
                 "link to another file, or drop such links"),
                .stream = stream});
    }
    made_.removed += done->int8(0, 5) + done->int8(0, 6);
    made_.dropped_links += done->int8(0, 7);
    co_return result<void>();
}

asio::awaitable<result<void>> archiver::remove_all() {
    if (!work_->log.first) co_return result<void>();
    const std::int64_t first = work_->log.first->position;
    const auto most = static_cast<std::size_t>(pace_.portion());
    tell_file(archive_step::removing, 0, first - 1);
    for (bool has_more = true; has_more;) {
        if (*is_stopped_) co_return stopped();
        const steady_time begun = environment_.now();
        disk_.begin([work = work_, first, most] { work->portion = work->file->next(first, most); });
        auto reading = disk_.wait();
        const auto read = co_await std::move(reading);
        if (!read) co_return read.error();
        if (!work_->portion) co_return work_->portion.error();
        std::vector<placed_event> portion = std::move(*work_->portion);
        has_more = portion.size() == most;
        if (portion.empty()) break;
        const std::int64_t last = portion.back().position;
        const std::int64_t before = made_.removed;
        auto removing = remove(std::move(portion));
        const auto removed = co_await std::move(removing);
        if (!removed) co_return removed.error();
        tell_file(archive_step::removing, made_.removed, last);
        const steady_time next = pace_.next_after(begun, made_.removed - before);
        if (has_more && environment_.now() < next) {
            auto waiting = pause_.until(next);
            co_await std::move(waiting);
        }
    }
    auto ranging = look_at_range(made_.file.after_position, options_.before() - 1);
    const auto left = co_await std::move(ranging);
    if (!left) co_return left.error();
    if (const auto why = refuse_rest(path_, *left)) co_return *why;
    co_return result<void>();
}

asio::awaitable<result<archive_summary>> archiver::run(std::shared_ptr<archiver> self) {
    auto looking = self->look();
    const auto looked = co_await std::move(looking);
    if (!looked) co_return looked.error();
    self->disk_.begin([work = self->work_, path = self->path_] { work->outline = outline_of(path); });
    auto outlining = self->disk_.wait();
    const auto waited = co_await std::move(outlining);
    if (!waited) co_return waited.error();
    if (!self->work_->outline) co_return self->work_->outline.error();
    archive_outline& outline = *self->work_->outline;
    if (!outline.is_complete && !self->before_.first) {
        if (!outline.exists) co_return self->made_; // there is nothing to archive
        co_return failure(errc::archive_refused,
            message(self->doing(), ": the log holds none, and ", quoted_for_message(self->path_),
                " exists, and is no whole archive; name another file"));
    }
    if (!outline.has_header) outline.header.after_position = self->before_.first->position - 1;
    if (const auto why = refuse_range(
            self->path_, self->options_.before(), outline.header.after_position, std::nullopt, self->before_))
        co_return *why;
    if (!outline.is_complete) {
        auto exporting = self->export_range(outline.header.after_position + 1);
        const auto exported = co_await std::move(exporting);
        if (!exported && exported.error().code() == errc::log_truncated && outline.exists)
            co_return exported.error().with_message(message("archiving to ", quoted_for_message(self->path_),
                ": it is begun, and the log does not hold all events that are in it: some were deleted for good, or "
                "scavenged, or it was whole once, and cut off after events were removed; keep it in that case, else "
                "remove it; then archive to another file"));
        if (!exported) co_return exported.error();
        self->made_.file.new_events = exported->new_events;
    }
    self->made_.file.after_position = outline.header.after_position;
    auto checking = self->check();
    const auto checked = co_await std::move(checking);
    if (!checked) co_return checked.error();
    auto removing = self->remove_all();
    const auto removed = co_await std::move(removing);
    if (!removed) co_return removed.error();
    co_return self->made_;
}

} // namespace

asio::awaitable<result<archive_summary>> archive_log(export_sessions sessions, std::string schema, std::string path,
    archive_options options, detail::environment where, std::chrono::milliseconds limit, asio::any_io_executor strand,
    std::shared_ptr<const std::atomic<bool>> is_stopped) {
    const auto work = std::make_shared<archiver>(std::move(sessions), std::move(schema), std::move(path),
        std::move(options), std::move(where), limit, std::move(strand), std::move(is_stopped));
    auto running = archiver::run(work);
    co_return co_await std::move(running);
}

} // namespace eventstore::maintenance
