#include "maintenance/export_file.hpp"

#include "base/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>

namespace eventstore::maintenance {

namespace {

// While lines are made; else the end of a large export waits for all of the file.
constexpr std::uint64_t bytes_between_syncs = std::uint64_t{8} << 20;

/// What every export begins with.
constexpr std::string_view first_bytes = "{\"eventstore\":\"events\"";

bool may_become_export(std::string_view begin) noexcept {
    return begin.starts_with(first_bytes) || first_bytes.starts_with(begin);
}

/// Has the system hand what was written now to the disk.
void begin_write_back(
    [[maybe_unused]] int file, [[maybe_unused]] std::uint64_t offset, [[maybe_unused]] std::uint64_t size) noexcept {
#ifdef SYNC_FILE_RANGE_WRITE // Linux; a hint, whose failure is no error
    (void)::sync_file_range(file, static_cast<off64_t>(offset), static_cast<off64_t>(size), SYNC_FILE_RANGE_WRITE);
#endif
}

} // namespace

result<std::unique_ptr<export_file>> export_file::open(const std::string& path, detail::stop_question is_stopped) {
    const bool is_standard = path == "-";
    constexpr mode_t readable = 0666; // less what the user's mask takes away
    const int descriptor = is_standard ? STDOUT_FILENO : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, readable);
    if (descriptor < 0) return file_failure(path, "open", errno);
    const auto file = std::make_shared<open_file>(descriptor);
    struct stat known {};
    if (::fstat(descriptor, &known) != 0) return file_failure(path, "open", errno);
    const bool is_regular = !is_standard && S_ISREG(known.st_mode);
    std::unique_ptr<export_file> opened(new export_file(path, file, is_regular, std::move(is_stopped)));
    if (!is_regular) return opened;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return file_failure(path, "lock", errno);
        return failure(errc::file_failed,
            detail::message(detail::quoted_for_message(path), " is being written by another export; wait for its end"));
    }
    if (auto read = opened->read_kept(); !read) return read.error();
    return opened;
}

result<void> export_file::read_kept() {
    line_file lines(path_, file_, is_stopped_);
    decoded_payloads room;
    file_rules rules;
    event_line event;
    for (;;) {
        const auto line = lines.next();
        if (!line && lines.is_cut_off()) { // the usual end of an export that was killed
            if (lines.number() == 0 && !may_become_export(lines.rest()))
                return failure(errc::file_damaged,
                    detail::message(detail::quoted_for_message(path_),
                        " exists, and is no export of an event store; name another file"));
            return {};
        }
        if (!line) return line.error();
        if (!*line) return {};
        line_cursor cursor(**line, room);
        std::optional<std::string> why;
        switch (kind_of_line(**line)) {
        case line_kind::header:
            why = cursor.read(kept_.header) ? rules.take(kept_.header) : cursor.why();
            kept_.has_header = !why;
            break;
        case line_kind::event:
            why = cursor.read(event) ? rules.take(event) : cursor.why();
            kept_.last_position = event.position;
            kept_.last_id = event.id;
            break;
        default: return {}; // what comes after the events is written anew
        }
        if (why) return lines.damaged(*why);
        kept_.events = rules.summary().events;
        kept_.links = rules.summary().links;
        kept_.offset = lines.offset();
        kept_.checksum = lines.checksum();
    }
}

result<void> export_file::begin() {
    size_ = size_on_disk_ = kept_.offset;
    if (!is_regular_) return {};
    if (::ftruncate(file_->get(), static_cast<off_t>(size_)) != 0) return file_failure(path_, "write", errno);
    if (::lseek(file_->get(), static_cast<off_t>(size_), SEEK_SET) < 0) return file_failure(path_, "write", errno);
    return {};
}

/// Nobody interrupts a call that writes: it begins when there is room.
result<void> export_file::wait_for_room() const {
    constexpr int before_next_look = 200; // ms
    pollfd output{file_->get(), POLLOUT, 0};
    for (;;) {
        if (is_stopped_()) return failure(errc::cancelled, "the writing of the file was cancelled");
        if (is_regular_) return {};
        const int ready = ::poll(&output, 1, before_next_look);
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return file_failure(path_, "write", errno);
    }
}

result<void> export_file::write(std::string_view text) {
    const std::uint64_t begin = size_;
    while (!text.empty()) {
        if (const auto waited = wait_for_room(); !waited) return waited.error();
        // A pipe that has room takes this much without waiting.
        const std::size_t size = is_regular_ ? text.size() : std::min<std::size_t>(text.size(), PIPE_BUF);
        const ssize_t written = ::write(file_->get(), text.data(), size);
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (written < 0) return file_failure(path_, "write", errno);
        text.remove_prefix(static_cast<std::size_t>(written));
        size_ += static_cast<std::uint64_t>(written);
    }
    if (!is_regular_) return {};
    begin_write_back(file_->get(), begin, size_ - begin);
    if (size_ - size_on_disk_ < bytes_between_syncs) return {};
    return sync();
}

result<void> export_file::sync() {
    if (::fdatasync(file_->get()) != 0) return file_failure(path_, "write", errno);
    size_on_disk_ = size_;
    return {};
}

result<void> export_file::finish() {
    if (!is_regular_) return {};
    if (::fsync(file_->get()) != 0) return file_failure(path_, "write", errno);
    // Its name, too.
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return {};
    const open_file owner(descriptor);
    if (::fsync(descriptor) != 0 && errno != EINVAL) return file_failure(path_, "write", errno);
    return {};
}

} // namespace eventstore::maintenance
