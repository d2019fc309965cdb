#include "maintenance/archive_file.hpp"

#include "base/text.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <utility>

namespace eventstore::maintenance {

using detail::message;
using detail::quoted_for_message;

namespace {

constexpr std::size_t bytes_of_piece = std::size_t{16} << 20; // that are checked between two reports
constexpr std::size_t longest_end = 4096;                     // more than a last line has

/// Nothing if there is no such file.
result<std::shared_ptr<open_file>> open_regular(const std::string& path, int access) {
    // Not blocked by a pipe that nobody writes to.
    const int descriptor = ::open(path.c_str(), access | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT) return std::shared_ptr<open_file>();
    if (descriptor < 0) return file_failure(path, "open", errno);
    const auto file = std::make_shared<open_file>(descriptor);
    struct stat known {};
    if (::fstat(descriptor, &known) != 0) return file_failure(path, "open", errno);
    if (!S_ISREG(known.st_mode))
        return failure(errc::file_failed,
            message(quoted_for_message(path), " is no regular file, and an archive must be one; name another file"));
    return file;
}

bool ends_with_last_line(int descriptor, std::uint64_t size) {
    std::string tail(std::min<std::uint64_t>(size, longest_end), '\0');
    const ssize_t read = ::pread(descriptor, tail.data(), tail.size(), static_cast<off_t>(size - tail.size()));
    if (read != static_cast<ssize_t>(tail.size()) || !tail.ends_with('\n')) return false;
    tail.pop_back();
    const std::size_t begin = tail.rfind('\n');
    if (begin == tail.npos) return false;
    return kind_of_line(std::string_view(tail).substr(begin + 1)) == line_kind::end;
}

} // namespace

result<archive_outline> outline_of(const std::string& path) {
    archive_outline found;
    const auto opened = open_regular(path, O_RDONLY);
    if (!opened) return opened.error();
    if (!*opened) return found;
    line_file lines(path, *opened);
    found.exists = true;
    if (lines.size() == 0) return found;
    const auto first = lines.next();
    if (!first && lines.is_cut_off()) return found; // that of an export that was killed, or none: the export will see
    if (!first) return first.error();
    decoded_payloads room;
    line_cursor cursor(**first, room);
    if (!cursor.read(found.header)) return lines.damaged(cursor.why());
    found.has_header = true;
    found.is_complete = ends_with_last_line((*opened)->get(), lines.size());
    return found;
}

result<std::unique_ptr<archive_file>> archive_file::open(const std::string& path) {
    const auto opened = open_regular(path, O_RDWR); // NFS locks nothing else
    if (!opened) return opened.error();
    if (!*opened) return file_failure(path, "open", ENOENT);
    if (::flock((*opened)->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return file_failure(path, "lock", errno);
        return failure(errc::file_failed,
            message(quoted_for_message(path), " is in use by another export or archive; wait for its end"));
    }
    return std::unique_ptr<archive_file>(new archive_file(path, *opened));
}

std::optional<std::string> archive_file::take(std::string_view body, const held_range& log) {
    line_cursor cursor(body, room_);
    switch (kind_of_line(body)) {
    case line_kind::event:
        if (!cursor.read(event_)) return cursor.why();
        if (auto why = rules_.take(event_)) return why;
        if (checked_.first_position == 0) checked_.first_position = event_.position;
        if (!log.first || event_.position < log.first->position) return std::nullopt;
        ++checked_.events_of_log;
        if (event_.position == log.first->position) checked_.has_first = event_.id == log.first->id;
        if (event_.position == log.last->position) checked_.has_last = event_.id == log.last->id;
        return std::nullopt;
    case line_kind::header: {
        header_line header;
        if (!cursor.read(header)) return cursor.why();
        checked_.database = header.database;
        checked_.schema = header.schema;
        return rules_.take(header);
    }
    default: return read_any(body, room_, rules_);
    }
}

result<bool> archive_file::check_some(const held_range& log) {
    for (const std::uint64_t goal = lines_->offset() + bytes_of_piece; lines_->offset() < goal;) {
        const auto line = lines_->next();
        if (!line) return line.error();
        if (!*line) {
            if (const auto why = rules_.at_end()) return lines_->damaged_at(lines_->number() + 1, *why);
            checked_.summary = rules_.summary();
            checked_.summary.bytes = lines_->offset();
            checked_.summary.checksum = lines_->checksum_of_line();
            return false;
        }
        if (const auto why = take(**line, log)) return lines_->damaged(*why);
    }
    return true;
}

result<void> archive_file::settle() {
    // Whoever has written it may have been killed before this.
    if (::fsync(file_->get()) != 0) return file_failure(path_, "write", errno);
    std::error_code unknown;
    const std::filesystem::path folder = std::filesystem::canonical(path_, unknown).parent_path();
    if (unknown) return file_failure(path_, "find", unknown.value());
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return file_failure(folder.string(), "open the folder", errno);
    const open_file owner(descriptor);
    if (::fsync(descriptor) != 0 && errno != EINVAL) return file_failure(folder.string(), "write the folder", errno);
    // The name is still that of the file that was checked.
    struct stat ours {
    }, named{};
    if (::fstat(file_->get(), &ours) != 0 || ::stat(path_.c_str(), &named) != 0)
        return file_failure(path_, "find", errno);
    if (ours.st_dev != named.st_dev || ours.st_ino != named.st_ino)
        return failure(errc::file_failed, message(quoted_for_message(path_), " was replaced while it was checked"));
    if (::lseek(file_->get(), 0, SEEK_SET) < 0) return file_failure(path_, "read", errno);
    lines_ = std::make_unique<line_file>(path_, file_);
    return {};
}

result<std::vector<placed_event>> archive_file::next(std::int64_t from_position, std::size_t most) {
    std::vector<placed_event> found;
    while (found.size() < most) {
        const auto line = lines_->next();
        if (!line) return line.error();
        if (!*line) break;
        if (kind_of_line(**line) != line_kind::event) continue;
        line_cursor cursor(**line, room_);
        if (!cursor.read(event_)) return lines_->damaged(cursor.why());
        if (event_.position >= from_position) found.push_back({event_.position, event_.id});
    }
    return found;
}

} // namespace eventstore::maintenance
