#include "maintenance/export_output.hpp"

namespace eventstore::maintenance {

namespace {

constexpr std::size_t usual_capacity = std::size_t{4} << 20;

} // namespace

asio::awaitable<result<void>> export_output::wait() {
    auto waiting = disk_.wait();
    const auto waited = co_await std::move(waiting);
    if (!waited) co_return waited.error();
    if (out_->why) co_return *out_->why;
    if (out_->file) size_ = out_->file->size();
    co_return result<void>();
}

asio::awaitable<result<void>> export_output::open() {
    disk_.begin([out = out_, path = path_, is_stopped = disk_.is_stopped()] {
        auto opened = export_file::open(path, is_stopped);
        if (opened)
            out->file = std::move(*opened);
        else
            out->why = opened.error();
    });
    return wait();
}

asio::awaitable<result<void>> export_output::begin() {
    disk_.begin([out = out_] {
        if (const auto done = out->file->begin(); !done) out->why = done.error();
    });
    return wait();
}

asio::awaitable<result<void>> export_output::write(line_writer& lines) {
    auto waiting = wait();
    const auto waited = co_await std::move(waiting);
    if (!waited) co_return waited.error();
    out_->text.clear();
    if (out_->text.capacity() > usual_capacity) out_->text.shrink_to_fit();
    lines.swap_text(out_->text);
    disk_.begin([out = out_] {
        if (const auto done = out->file->write(out->text); !done) out->why = done.error();
    });
    co_return result<void>();
}

asio::awaitable<result<void>> export_output::finish() {
    auto waiting = wait();
    const auto waited = co_await std::move(waiting);
    if (!waited) co_return waited.error();
    disk_.begin([out = out_] {
        if (const auto done = out->file->finish(); !done) out->why = done.error();
    });
    auto finishing = wait();
    co_return co_await std::move(finishing);
}

} // namespace eventstore::maintenance
