// The import of a file: while a transaction is carried out, the next lines are read.
#include "async/work_ahead.hpp"
#include "base/text.hpp"
#include "maintenance/batch_file.hpp"
#include "maintenance/importer.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::maintenance {

namespace {

using detail::message;

constexpr std::size_t bytes_of_batch = std::size_t{6} << 20;
constexpr std::size_t bytes_of_transaction = std::size_t{32} << 20;
constexpr std::size_t bytes_of_streams = std::size_t{8} << 20; // memory
// Appends wait for a transaction that is open: all in all it does not wait longer than this for a pipe or a slow disk.
constexpr std::chrono::milliseconds longest_pause(500);
// The server has something to do while the lines of a large batch are read.
constexpr std::size_t first_events = 8'000;
constexpr std::size_t growth = 8; // reading is about that much faster than storing

/// What is read on another thread.
struct reading {
    std::unique_ptr<batch_file> file;
    std::shared_ptr<import_batch> batch;
    result<bool> more{failure()};
    result<std::unique_ptr<batch_file>> opened{failure()};
    event_file_summary so_far;
    std::uint64_t bytes = 0;
};

void read_next(reading& ahead, std::size_t most_events, std::size_t most_bytes) {
    ahead.batch->clear();
    ahead.more = ahead.file->fill(*ahead.batch, most_events, most_bytes);
    ahead.so_far = ahead.file->summary();
    ahead.bytes = ahead.file->bytes();
}

std::string_view name_of(payload_format format) { return format == payload_format::jsonb ? "jsonb" : "bytea"; }

class file_import {
public:
    file_import(std::shared_ptr<importer> into, std::string schema, std::string path, import_options options,
        detail::environment where, asio::any_io_executor strand, std::shared_ptr<const std::atomic<bool>> is_stopped)
        : environment_(std::move(where)),
          into_(std::move(into)),
          schema_(std::move(schema)),
          path_(std::move(path)),
          options_(std::move(options)),
          disk_(std::move(strand), "reading the file of an import", is_stopped),
          is_stopped_(std::move(is_stopped)) {}

    static asio::awaitable<result<event_file_summary>> run(std::shared_ptr<file_import> self);

private:
    asio::awaitable<result<void>> open();
    void begin_reading() {
        const std::size_t most = options_.transaction_events();
        const std::size_t events = std::min(next_events_, most - events_of_transaction_);
        const std::size_t bytes = std::min(bytes_of_batch, bytes_of_transaction - bytes_of_transaction_);
        disk_.begin([ahead = ahead_, events, bytes] { read_next(*ahead, events, bytes); });
        next_events_ = std::min(next_events_, most) * growth;
    }
    /// Those of a transaction.
    void reset_limits() noexcept {
        events_of_transaction_ = bytes_of_transaction_ = 0;
        pause_left_ = longest_pause;
    }
    importer::transaction_end end_after(const import_batch& batch, bool is_last);
    asio::awaitable<result<bool>> is_read_soon();
    void tell_progress(std::uint64_t bytes) const;

    const detail::environment environment_;
    const std::shared_ptr<importer> into_;
    const std::string schema_;
    const std::string path_;
    const import_options options_;
    detail::work_ahead disk_;
    const std::shared_ptr<const std::atomic<bool>> is_stopped_;
    const std::shared_ptr<reading> ahead_ = std::make_shared<reading>();
    std::size_t next_events_ = first_events;
    std::size_t events_of_transaction_ = 0;
    std::size_t bytes_of_transaction_ = 0;
    detail::steady_time::duration pause_left_ = longest_pause; // of the transaction
    std::int64_t after_position_ = 0;
};

void file_import::tell_progress(std::uint64_t bytes) const {
    if (!options_.on_progress()) return;
    transfer_progress now;
    now.events = into_->stored_events();
    now.position = into_->last_position();
    now.begin = after_position_;
    now.bytes = bytes;
    now.total_bytes = ahead_->file->total_bytes();
    options_.on_progress()(now);
}

/// Whether the transaction that the batch is stored in ends with it.
importer::transaction_end file_import::end_after(const import_batch& batch, bool is_last) {
    events_of_transaction_ += batch.events();
    bytes_of_transaction_ += batch.bytes();
    const bool is_full = events_of_transaction_ >= options_.transaction_events() ||
        bytes_of_transaction_ >= bytes_of_transaction || into_->transaction_bytes() > bytes_of_streams;
    if (!is_full && !is_last && !batch.has_state()) return importer::transaction_end::later;
    reset_limits();
    return importer::transaction_end::now;
}

/// Whether the next batch comes before others have waited too long for the transaction that is open.
asio::awaitable<result<bool>> file_import::is_read_soon() {
    const auto begun = environment_.now();
    auto waiting = disk_.wait(environment_.timers.get(), begun + pause_left_);
    const auto waited = co_await std::move(waiting);
    pause_left_ -= std::min(pause_left_, environment_.now() - begun);
    if (waited) co_return result<bool>(true);
    if (waited.error().code() != errc::timeout) co_return waited.error();
    reset_limits();
    co_return result<bool>(false);
}

asio::awaitable<result<void>> file_import::open() {
    disk_.begin([ahead = ahead_, path = path_, keeps_projections = options_.keeps_projections(),
                    is_stopped = disk_.is_stopped()] {
        ahead->opened = batch_file::open(path, keeps_projections, is_stopped);
    });
    auto opening = disk_.wait();
    const auto waited = co_await std::move(opening);
    if (!waited) co_return waited.error();
    if (!ahead_->opened) co_return ahead_->opened.error();
    ahead_->file = std::move(*ahead_->opened);
    after_position_ = ahead_->file->header().after_position;
    auto beginning = importer::begin(into_, after_position_);
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun.error();
    const auto of_file = ahead_->file->header().payload;
    const auto of_log = into_->is_jsonb() ? payload_format::jsonb : payload_format::bytea;
    if (of_file != of_log)
        co_return failure(errc::import_refused,
            message("importing into schema ", detail::quoted_for_message(schema_), ": it keeps payloads as ",
                name_of(of_log), ", and the file has them as ", name_of(of_file),
                "; make the schema with `eventstore init --payload ", name_of(of_file), "`"));
    co_return result<void>();
}

asio::awaitable<result<event_file_summary>> file_import::run(std::shared_ptr<file_import> self) {
    auto opening = self->open();
    const auto opened = co_await std::move(opening);
    if (!opened) co_return opened.error();
    reading& ahead = *self->ahead_;
    ahead.batch = std::make_shared<import_batch>(ahead.file->header().payload, bytes_of_batch);
    auto batch = std::make_shared<import_batch>(ahead.file->header().payload, bytes_of_batch);
    self->begin_reading();
    for (bool goes_on = true; goes_on;) {
        auto waiting = self->disk_.wait();
        const auto waited = co_await std::move(waiting);
        if (!waited) co_return waited.error();
        if (!ahead.more) co_return ahead.more.error();
        if (*self->is_stopped_) co_return failure(errc::cancelled, "the import was cancelled");
        goes_on = *ahead.more;
        const std::uint64_t bytes = ahead.bytes;
        std::swap(batch, ahead.batch);
        const auto end = self->end_after(*batch, !goes_on);
        if (goes_on) self->begin_reading();
        auto storing = importer::store(self->into_, batch, end);
        const auto stored = co_await std::move(storing);
        if (!stored) {
            auto ending = self->disk_.wait();
            co_await std::move(ending);
            co_return stored.error();
        }
        if (end == importer::transaction_end::later) {
            auto looking = self->is_read_soon();
            const auto is_read = co_await std::move(looking);
            if (!is_read) co_return is_read.error();
            if (*is_read) continue;
            batch->clear();
            auto closing = importer::store(self->into_, batch, importer::transaction_end::now);
            const auto closed = co_await std::move(closing);
            if (!closed) co_return closed.error();
        }
        self->tell_progress(bytes);
    }
    auto ending = importer::end(self->into_, ahead.so_far.through_position, ahead.file->floor());
    const auto ended = co_await std::move(ending);
    if (!ended) co_return ended.error();
    event_file_summary made = ahead.so_far;
    made.new_events = self->into_->stored_events();
    made.left_out = self->into_->left_out();
    if (made.left_out > 0) made.streams = made.snapshots = made.subscriptions = made.parked = 0;
    co_return made;
}

} // namespace

asio::awaitable<result<event_file_summary>> import_file(std::shared_ptr<postgres::connection> session,
    std::string schema, std::string path, import_options options, detail::environment where,
    std::chrono::milliseconds lock_limit, asio::any_io_executor strand,
    std::shared_ptr<const std::atomic<bool>> is_stopped) {
    const auto into = std::make_shared<importer>(std::move(session), schema, where, lock_limit);
    const auto work = std::make_shared<file_import>(into, std::move(schema), std::move(path), std::move(options),
        std::move(where), std::move(strand), std::move(is_stopped));
    auto running = file_import::run(work);
    co_return co_await std::move(running);
}

} // namespace eventstore::maintenance
