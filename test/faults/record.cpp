#include "faults/record.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace eventstore::test::faults {

namespace {

class record_descriptor {
public:
    explicit record_descriptor(const std::string& path)
        : value_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600)), path_(path) {
        if (value_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make the records " + path);
    }
    ~record_descriptor() { ::close(value_); }
    record_descriptor(const record_descriptor&) = delete;
    record_descriptor& operator=(const record_descriptor&) = delete;

    void write(std::string_view lines) const {
        const ssize_t written = ::write(value_, lines.data(), lines.size());
        if (written < 0) throw std::system_error(errno, std::generic_category(), "cannot write the records " + path_);
        if (static_cast<std::size_t>(written) != lines.size())
            throw std::runtime_error("only a part of a record fits into " + path_);
    }

private:
    int value_;
    std::string path_;
};

void add_word(std::string& line, std::string_view name) {
    line += ' ';
    line += as_word(name);
}

void add_number(std::string& line, std::int64_t number) {
    line += ' ';
    line += std::to_string(number);
}

void add_number(std::string& line, std::uint64_t number) { add_number(line, static_cast<std::int64_t>(number)); }

std::string_view word_of(stream_change change) {
    switch (change) {
    case stream_change::soft_delete: return "soft";
    case stream_change::hard_delete: return "hard";
    case stream_change::restore: return "restore";
    }
    return "";
}

} // namespace

instant monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<instant>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

line_sink append_to_file(const std::string& path) {
    return [file = std::make_shared<record_descriptor>(path)](std::string_view lines) { file->write(lines); };
}

std::string payload_of(const uuid& id, std::size_t size) {
    if (size < 64) throw std::invalid_argument("a payload that proves itself has 64 bytes or more");
    const std::string piece = eventstore::to_string(id) + ' ' + std::to_string(size) + ' ';
    std::string text = "\"";
    while (text.size() < size - 1) text += piece;
    text.resize(size - 1);
    return text += '"';
}

std::string as_word(std::string_view name) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string word;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte != '%' && byte != 0x7f) {
            word += c;
        } else {
            word += '%';
            word += digits[byte >> 4];
            word += digits[byte & 15];
        }
    }
    return word.empty() ? "%" : word;
}

std::optional<std::string> name_of_word(std::string_view word) {
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    std::string name;
    if (word == "%") return name;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] != '%') {
            name += word[i];
            continue;
        }
        if (word.size() - i < 3) return std::nullopt;
        const int high = digit(word[i + 1]);
        const int low = digit(word[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        name += static_cast<char>(high * 16 + low);
        i += 2;
    }
    if (name.empty()) return std::nullopt;
    return name;
}

recorder::recorder(std::string_view process, line_sink sink, std::function<instant()> clock)
    : sink_(std::move(sink)), clock_(std::move(clock)) {
    std::string line = "process";
    add_word(line, process);
    finish(std::move(line));
}

std::string recorder::begin(std::string_view kind) const {
    std::string line(kind);
    add_number(line, clock_());
    return line;
}

void recorder::finish(std::string line) {
    line += '\n';
    sink_(line);
}

std::uint64_t recorder::appending(std::string_view store, std::span<const part_to_append> parts) {
    const std::uint64_t attempt = ++attempts_;
    std::string line = begin("append");
    add_number(line, attempt);
    add_word(line, store);
    for (const part_to_append& part : parts) {
        add_word(line, part.stream);
        add_number(line, part.expected);
        add_number(line, part.ids.size());
        for (const uuid& id : part.ids) add_word(line, eventstore::to_string(id));
    }
    finish(std::move(line));
    return attempt;
}

void recorder::stored(std::uint64_t attempt, std::span<const told_place> places) {
    std::string line = begin("stored");
    add_number(line, attempt);
    for (const told_place& place : places) {
        add_number(line, place.first_version);
        add_number(line, place.last_version);
        add_number(line, place.first_position);
        add_number(line, place.last_position);
    }
    finish(std::move(line));
}

std::uint64_t recorder::changing(std::string_view store, std::string_view stream, stream_change change) {
    const std::uint64_t attempt = ++attempts_;
    std::string line = begin("change");
    add_number(line, attempt);
    add_word(line, store);
    add_word(line, stream);
    add_word(line, word_of(change));
    finish(std::move(line));
    return attempt;
}

void recorder::changed(std::uint64_t attempt) {
    std::string line = begin("changed");
    add_number(line, attempt);
    finish(std::move(line));
}

void recorder::refused(std::uint64_t attempt, errc code) {
    std::string line = begin("refused");
    add_number(line, attempt);
    add_word(line, name_of(code));
    finish(std::move(line));
}

void recorder::left_unknown(std::uint64_t attempt, errc code) {
    std::string line = begin("unknown");
    add_number(line, attempt);
    add_word(line, name_of(code));
    finish(std::move(line));
}

std::uint64_t recorder::owns(
    std::string_view store, std::string_view stream, std::string_view name, std::int64_t epoch, std::int64_t from) {
    const std::uint64_t ownership = ++ownerships_;
    std::string line = begin("owns");
    add_number(line, ownership);
    add_word(line, store);
    add_word(line, stream);
    add_word(line, name);
    add_number(line, epoch);
    add_number(line, from);
    finish(std::move(line));
    return ownership;
}

std::uint64_t recorder::delivered(std::uint64_t ownership, unsigned consumer, std::span<const delivered_event> events) {
    const std::uint64_t batch = ++batches_;
    std::string head = begin("got");
    add_number(head, ownership);
    add_number(head, std::uint64_t{consumer});
    add_number(head, batch);
    std::string lines;
    for (const delivered_event& event : events) {
        lines += head;
        add_number(lines, event.position);
        add_number(lines, event.version);
        add_word(lines, event.stream);
        add_word(lines, eventstore::to_string(event.id));
        lines += '\n';
    }
    if (!lines.empty()) sink_(lines);
    return batch;
}

void recorder::acking(std::uint64_t ownership, std::uint64_t batch) {
    std::string line = begin("ack");
    add_number(line, ownership);
    add_number(line, batch);
    finish(std::move(line));
}

void recorder::acking_through(std::uint64_t ownership, unsigned consumer, std::int64_t position) {
    std::string line = begin("ack_through");
    add_number(line, ownership);
    add_number(line, std::uint64_t{consumer});
    add_number(line, position);
    finish(std::move(line));
}

void recorder::nacking(std::uint64_t ownership, std::uint64_t batch, std::optional<std::int64_t> position) {
    std::string line = begin("nack");
    add_number(line, ownership);
    add_number(line, batch);
    add_number(line, position.value_or(0));
    finish(std::move(line));
}

void recorder::leaving(std::uint64_t ownership, unsigned consumer) {
    std::string line = begin("leaves");
    add_number(line, ownership);
    add_number(line, std::uint64_t{consumer});
    finish(std::move(line));
}

void recorder::durable(std::uint64_t ownership, std::int64_t position) {
    std::string line = begin("durable");
    add_number(line, ownership);
    add_number(line, position);
    finish(std::move(line));
}

void recorder::ended(std::uint64_t ownership) {
    std::string line = begin("ends");
    add_number(line, ownership);
    finish(std::move(line));
}

void recorder::projecting(std::string_view store, std::string_view projection, std::int64_t first, std::int64_t last) {
    std::string line = begin("projects");
    add_word(line, store);
    add_word(line, projection);
    add_number(line, first);
    add_number(line, last);
    finish(std::move(line));
}

void recorder::rejecting(std::string_view store, std::string_view projection, std::int64_t position) {
    std::string line = begin("rejects");
    add_word(line, store);
    add_word(line, projection);
    add_number(line, position);
    finish(std::move(line));
}

void recorder::statement_refused(std::string_view sqlstate) {
    std::string line = begin("statement");
    add_word(line, sqlstate);
    finish(std::move(line));
}

void recorder::paused(std::string_view process) {
    std::string line = begin("paused");
    add_word(line, process);
    finish(std::move(line));
}

void recorder::resumed(std::string_view process) {
    std::string line = begin("resumed");
    add_word(line, process);
    finish(std::move(line));
}

} // namespace eventstore::test::faults
