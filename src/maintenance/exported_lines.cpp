#include "maintenance/exported_lines.hpp"

#include <utility>

namespace eventstore::maintenance {

void exported_lines::begin(std::int64_t after, std::int64_t through) {
    const exported_part& kept = out_.kept();
    begin_ = last_position_ = after;
    through_ = through;
    end_.events = kept.events;
    end_.links = kept.links;
    lines_ = line_writer(kept.checksum);
}

void exported_lines::add(const event_line& event, std::string_view stream) {
    ++end_.events;
    if (event.link_to != 0) ++end_.links;
    ++new_events_;
    last_position_ = event.position;
    lines_.add(event, stream);
}

asio::awaitable<result<void>> exported_lines::write() {
    if (*is_stopped_) co_return failure(errc::cancelled, "the export was cancelled");
    auto writing = out_.write(lines_);
    const auto done = co_await std::move(writing);
    if (!done) co_return done.error();
    tell_progress();
    co_return result<void>();
}

asio::awaitable<result<void>> exported_lines::write_some() {
    if (*is_stopped_) co_return failure(errc::cancelled, "the export was cancelled");
    if (!is_full()) co_return result<void>();
    auto writing = write();
    co_return co_await std::move(writing);
}

asio::awaitable<result<void>> exported_lines::finish() {
    end_.through_position = through_;
    lines_.add(end_);
    auto writing = write();
    const auto written = co_await std::move(writing);
    if (!written) co_return written.error();
    auto finishing = out_.finish();
    const auto finished = co_await std::move(finishing);
    if (!finished) co_return finished.error();
    tell_progress();
    co_return result<void>();
}

void exported_lines::tell_progress() const {
    if (!options_.on_progress()) return;
    transfer_progress now;
    now.events = new_events_;
    now.position = last_position_;
    now.begin = begin_;
    now.end = through_;
    now.bytes = out_.size();
    options_.on_progress()(now);
}

event_file_summary exported_lines::summary(const header_line& header) const {
    event_file_summary made;
    made.events = end_.events;
    made.links = end_.links;
    made.after_position = header.after_position;
    made.through_position = through_;
    made.last_position = end_.events > 0 ? last_position_ : 0;
    made.streams = end_.streams;
    made.snapshots = end_.snapshots;
    made.subscriptions = end_.subscriptions;
    made.parked = end_.parked;
    made.retentions = end_.retentions;
    made.projections = end_.projections;
    made.bytes = out_.size();
    made.payload = header.payload;
    made.checksum = lines_.checksum_of_line();
    made.new_events = new_events_;
    return made;
}

} // namespace eventstore::maintenance
