// Files of events: what is read of a line can be written, and read again; and a file, whose checksums are made right here,
// becomes batches, or is refused.
#include "fuzz/fuzz_input.hpp"

#include "base/crc32c.hpp"
#include "maintenance/batch_file.hpp"
#include "maintenance/event_line.hpp"
#include "maintenance/line_cursor.hpp"
#include "maintenance/line_text.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

using namespace eventstore;
using namespace eventstore::maintenance;
using eventstore::test::fuzz_input;
using eventstore::test::must;

namespace {

/// The text of a line as the library writes it, without its checksum.
template <class Line>
std::string body_of(const Line& line) {
    line_writer writer;
    writer.add(line);
    const std::string_view text(writer.text());
    const auto split = split_checksum(text.substr(0, text.size() - 1)); // without the line break
    must(split.has_value(), "a line that was written has a checksum");
    return std::string(split->body);
}

template <class Line>
void check_line(std::string_view body) {
    decoded_payloads room;
    line_cursor cursor(body, room);
    Line line;
    if (!cursor.read(line)) {
        must(!cursor.why().empty(), "a refusal says why");
        return;
    }
    const std::string written = body_of(line);
    decoded_payloads second_room;
    line_cursor second_cursor(written, second_room);
    Line second;
    must(second_cursor.read(second), "a line that was read can be written, and read again");
    must(body_of(second) == written, "and is the same then");
}

void check_any_line(std::string_view body) {
    switch (kind_of_line(body)) {
    case line_kind::header: return check_line<header_line>(body);
    case line_kind::event: return check_line<event_line>(body);
    case line_kind::stream: return check_line<stream_line>(body);
    case line_kind::retention: return check_line<retention_line>(body);
    case line_kind::snapshot: return check_line<snapshot_line>(body);
    case line_kind::projection: return check_line<projection_line>(body);
    case line_kind::subscription: return check_line<subscription_line>(body);
    case line_kind::parked: return check_line<parked_line>(body);
    case line_kind::end: return check_line<end_line>(body);
    case line_kind::unknown: return;
    }
}

/// A file in memory.
class memory_file {
public:
    explicit memory_file(std::string_view bytes) : descriptor_(::memfd_create("events", MFD_CLOEXEC)) {
        must(descriptor_ >= 0, "there is memory for a file");
        must(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "it is written");
    }
    ~memory_file() { ::close(descriptor_); }
    memory_file(const memory_file&) = delete;
    memory_file& operator=(const memory_file&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
    int descriptor_;
};

class checksums {
public:
    /// The line with its checksum.
    std::string with_checksum(std::string_view body) {
        sum_ = detail::crc32c(sum_, body);
        std::string end = ",\"crc\":\"";
        add_hex(end, sum_);
        end += "\"}\n";
        sum_ = detail::crc32c(sum_, end);
        return std::string(body) + end;
    }

private:
    std::uint32_t sum_ = 0;
};

void check_file(std::string_view bytes, bool keeps_projections, std::size_t most_events) {
    const memory_file file(bytes);
    auto opened = batch_file::open(file.path(), keeps_projections, {});
    if (!opened) {
        must(!opened.error().message().empty(), "a refusal says why");
        return;
    }
    const std::unique_ptr<batch_file> lines = std::move(*opened);
    import_batch batch(lines->header().payload);
    for (;;) {
        batch.clear();
        const auto more = lines->fill(batch, most_events, 1000);
        if (!more) {
            must(more.error().code() == errc::file_damaged, "a file that can be read is damaged, or it is whole");
            return;
        }
        std::int64_t id = 0;
        for (import_batch::owner& stream : batch.streams()) stream.id = ++id;
        if (batch.has_events()) must(batch.last_position() > 0, "an event has a position");
        must(batch.row_count() + batch.links().size() == batch.events(), "an event is a row, or a link");
        must(batch.rows().empty() == (batch.row_count() == 0), "rows have bytes");
        if (!*more) break;
    }
    must(lines->summary().bytes == bytes.size(), "all of a file that is whole was read");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz_input input(data, size);
    const bool is_raw = input.byte() == 'r';
    const bool keeps_projections = input.flag();
    const std::size_t most_events = 1 + input.below(4);
    if (is_raw) {
        check_file(input.bytes(size), keeps_projections, most_events);
        return 0;
    }
    std::string file;
    checksums sums;
    while (!input.is_empty()) {
        const std::string_view body = input.until('\n');
        check_any_line(body);
        file += sums.with_checksum(body);
    }
    check_file(file, keeps_projections, most_events);
    return 0;
}
