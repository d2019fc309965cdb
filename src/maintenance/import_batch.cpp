#include "maintenance/import_batch.hpp"

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <cstring>

namespace eventstore::maintenance {

namespace {

constexpr std::size_t before_stream = 2 + 4 + 8 + 4; // of a row: the count of fields, the position

/// Writes the fields of a row, one after the other, into room that is large enough.
class row_builder {
public:
    explicit row_builder(char* at) noexcept : at_(at) {}

    void count(std::int16_t fields) noexcept {
        boost::endian::store_big_s16(bytes(), fields);
        at_ += 2;
    }
    void number(std::int64_t value) noexcept {
        length(8);
        boost::endian::store_big_s64(bytes(), value);
        at_ += 8;
    }
    void id(const uuid& value) noexcept {
        length(sizeof value.data);
        std::memcpy(at_, value.data, sizeof value.data);
        at_ += sizeof value.data;
    }
    void id(const std::optional<uuid>& value) noexcept {
        if (value)
            id(*value);
        else
            length(-1);
    }
    void text(std::string_view value) noexcept {
        length(static_cast<std::int32_t>(value.size()));
        copy(value);
    }
    void payload(std::string_view value, bool is_jsonb) noexcept {
        if (!is_jsonb) return text(value);
        if (value.empty()) return length(-1);
        length(static_cast<std::int32_t>(value.size() + 1));
        *at_++ = 1; // the version of its form
        copy(value);
    }
    const char* end() const noexcept { return at_; }

private:
    unsigned char* bytes() const noexcept { return reinterpret_cast<unsigned char*>(at_); }
    void length(std::int32_t value) noexcept {
        boost::endian::store_big_s32(bytes(), value);
        at_ += 4;
    }
    void copy(std::string_view value) noexcept {
        if (!value.empty()) std::memcpy(at_, value.data(), value.size());
        at_ += value.size();
    }

    char* at_;
};

} // namespace

std::size_t import_batch::stream_of(const event_line& line) {
    const auto known = known_.find(line.stream);
    if (known != known_.end()) {
        owner& there = streams_[known->second];
        there.version = std::max(there.version, line.version);
        return known->second;
    }
    const std::string& name = names_.emplace_back(line.stream);
    streams_.push_back({name, line.version, line.stream_created_at.value_or(line.created_at), 0});
    known_.emplace(name, streams_.size() - 1);
    bytes_ += name.size() + 150;
    return streams_.size() - 1;
}

void import_batch::add(const event_line& line) {
    const std::size_t stream = stream_of(line);
    const std::size_t begin = rows_.size();
    events_.push_back({line.position, line.id, begin, line.link_to != 0});
    if (line.link_to != 0) {
        links_.push_back({line.position, line.version, line.created_at, line.id, line.correlation_id, line.causation_id,
            line.link_to, stream});
        bytes_ += 200;
        return;
    }
    constexpr std::int16_t fields = 10;
    constexpr std::size_t fixed = 2 + 10 * 4 + 4 * 8 + 3 * 16 + 2; // more than all but the texts takes
    rows_.resize(begin + fixed + line.type.size() + line.data.size() + line.metadata.size());
    row_builder row(rows_.data() + begin);
    row.count(fields);
    row.number(line.position);
    row.number(0); // the stream
    row.number(line.version);
    row.number(line.created_at);
    row.id(line.id);
    row.id(line.correlation_id);
    row.id(line.causation_id);
    row.text(line.type);
    row.payload(line.data, is_jsonb_);
    row.payload(line.metadata, is_jsonb_);
    rows_.resize(static_cast<std::size_t>(row.end() - rows_.data()));
    row_streams_.push_back({begin + before_stream, stream});
    largest_ = std::max(largest_, static_cast<std::int64_t>(line.data.size() + line.metadata.size()));
}

void import_batch::leave_out(std::size_t count) {
    std::size_t links = 0;
    for (std::size_t i = 0; i < count; ++i) links += events_[i].is_link ? 1 : 0;
    const std::size_t bytes = count < events_.size() ? events_[count].row : rows_.size();
    rows_.erase(0, bytes);
    links_.erase(links_.begin(), links_.begin() + static_cast<std::ptrdiff_t>(links));
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
    row_streams_.erase(row_streams_.begin(), row_streams_.begin() + static_cast<std::ptrdiff_t>(count - links));
    for (placed& event : events_) event.row -= bytes;
    for (row_stream& row : row_streams_) row.at -= bytes;
    line_before += count;
}

std::string_view import_batch::rows() {
    for (const row_stream& row : row_streams_)
        boost::endian::store_big_s64(reinterpret_cast<unsigned char*>(rows_.data() + row.at), streams_[row.stream].id);
    return rows_;
}

void import_batch::clear() {
    rows_.clear();
    if (rows_.capacity() > 2 * usual_bytes_) {
        rows_.shrink_to_fit();
        rows_.reserve(usual_bytes_);
    }
    row_streams_.clear();
    events_.clear();
    links_.clear();
    known_.clear();
    streams_.clear();
    names_.clear();
    states_.clear();
    retentions_.clear();
    projections_.clear();
    snapshots_.clear();
    subscriptions_.clear();
    parked_.clear();
    largest_ = 0;
    bytes_ = 0;
    line_before = 0;
}

} // namespace eventstore::maintenance
