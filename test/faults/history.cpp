#include "faults/history.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace eventstore::test::faults {

namespace {

/// The words of a line, from left to right.
class line_words {
public:
    explicit line_words(std::string_view line) : rest_(line) {}

    bool at_end() const noexcept { return rest_.empty(); }
    std::string_view word() {
        if (rest_.empty()) throw bad_record("it ends too early");
        const std::size_t end = rest_.find(' ');
        const std::string_view found = rest_.substr(0, end);
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        if (found.empty() || (end != std::string_view::npos && rest_.empty())) throw bad_record("it has an empty word");
        return found;
    }
    std::int64_t number() {
        const std::string_view text = word();
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size())
            throw bad_record("'" + std::string(text) + "' is no number");
        return value;
    }
    std::uint32_t small_number() {
        const std::int64_t value = number();
        if (value < 0 || value > std::numeric_limits<std::uint32_t>::max())
            throw bad_record(std::to_string(value) + " is out of range");
        return static_cast<std::uint32_t>(value);
    }
    std::string name() {
        const std::string_view text = word();
        std::optional<std::string> known = name_of_word(text);
        if (!known) throw bad_record("'" + std::string(text) + "' is no name");
        return *std::move(known);
    }
    uuid id() {
        const std::string_view text = word();
        const std::optional<uuid> known = parse_uuid(text);
        if (!known) throw bad_record("'" + std::string(text) + "' is no id");
        return *known;
    }

private:
    std::string_view rest_;
};

/// Reads the lines of one process into a history.
class process_reader {
public:
    process_reader(history& into, std::set<name_number>& processes) : into_(into), processes_(processes) {}

    void read(std::string_view line) {
        line_words words(line);
        const std::string_view kind = words.word();
        if (kind == "process") {
            if (process_) throw bad_record("another process has written to this file");
            process_ = into_.names.number_of(words.name());
            if (!processes_.insert(*process_).second) throw bad_record("another file is of a process of this name");
        } else {
            if (!process_) throw bad_record("the file does not begin with the name of its process");
            const instant at = words.number();
            read_record(kind, at, words);
        }
        if (!words.at_end()) throw bad_record("it has too many words");
    }

private:
    void read_record(std::string_view kind, instant at, line_words& words) {
        if (kind == "got")
            read_step(owner_step::kind::delivered, at, words);
        else if (kind == "ack")
            read_step(owner_step::kind::acking, at, words);
        else if (kind == "ack_through")
            read_step(owner_step::kind::acking_through, at, words);
        else if (kind == "nack")
            read_step(owner_step::kind::nacking, at, words);
        else if (kind == "leaves")
            read_step(owner_step::kind::leaving, at, words);
        else if (kind == "durable")
            read_step(owner_step::kind::durable, at, words);
        else if (kind == "append")
            read_append(at, words);
        else if (kind == "change")
            read_change(at, words);
        else if (kind == "stored")
            read_stored(at, words);
        else if (kind == "changed")
            read_outcome(at, words, outcome::done);
        else if (kind == "refused")
            read_outcome(at, words, outcome::refused);
        else if (kind == "unknown")
            read_outcome(at, words, outcome::unknown);
        else if (kind == "owns")
            read_owner(at, words);
        else if (kind == "ends")
            owner(words.number()).ended = at;
        else if (kind == "projects")
            read_handler_call(at, words);
        else if (kind == "rejects")
            read_rejection(at, words);
        else if (kind == "statement")
            into_.refused_statements.push_back({.sqlstate = read_name(words), .at = at});
        else if (kind == "paused")
            into_.pauses.push_back({.process = read_name(words), .begun = at});
        else if (kind == "resumed")
            read_resumed(at, words);
        else
            throw bad_record("'" + std::string(kind) + "' is no kind of record");
    }

    name_number read_name(line_words& words) { return into_.names.number_of(words.name()); }

    ownership& owner(std::int64_t number) {
        const auto found = owners_.find(number);
        if (found == owners_.end()) throw bad_record("there is no ownership " + std::to_string(number));
        return into_.ownerships[found->second];
    }

    void read_step(owner_step::kind kind, instant at, line_words& words) {
        ownership& of = owner(words.number());
        owner_step step;
        step.done = kind;
        step.at = at;
        switch (kind) {
        case owner_step::kind::delivered:
            step.consumer = words.small_number();
            step.batch = words.small_number();
            step.position = words.number();
            step.version = words.number();
            step.stream = read_name(words);
            step.id = words.id();
            break;
        case owner_step::kind::acking: step.batch = words.small_number(); break;
        case owner_step::kind::nacking:
            step.batch = words.small_number();
            step.position = words.number();
            break;
        case owner_step::kind::acking_through:
            step.consumer = words.small_number();
            step.position = words.number();
            break;
        case owner_step::kind::leaving: step.consumer = words.small_number(); break;
        case owner_step::kind::durable: step.position = words.number(); break;
        }
        of.steps.push_back(step);
    }

    void begin_attempt(std::int64_t number, std::size_t place, bool is_append) {
        if (!attempts_.try_emplace(number, attempt{place, is_append}).second)
            throw bad_record("there is an attempt " + std::to_string(number) + " already");
    }

    void read_append(instant at, line_words& words) {
        append_attempt made;
        made.process = *process_;
        made.begun = at;
        const std::int64_t number = words.number();
        made.store = read_name(words);
        while (!words.at_end()) {
            append_part& part = made.parts.emplace_back();
            part.stream = read_name(words);
            part.expected = words.number();
            for (std::uint32_t count = words.small_number(); count > 0; --count) part.ids.push_back(words.id());
        }
        begin_attempt(number, into_.appends.size(), true);
        into_.appends.push_back(std::move(made));
    }

    void read_change(instant at, line_words& words) {
        change_attempt made;
        made.process = *process_;
        made.begun = at;
        const std::int64_t number = words.number();
        made.store = read_name(words);
        made.stream = read_name(words);
        const std::string_view text = words.word();
        if (text == "soft")
            made.change = stream_change::soft_delete;
        else if (text == "hard")
            made.change = stream_change::hard_delete;
        else if (text == "restore")
            made.change = stream_change::restore;
        else
            throw bad_record("'" + std::string(text) + "' is no change of a stream");
        begin_attempt(number, into_.changes.size(), false);
        into_.changes.push_back(made);
    }

    struct attempt {
        std::size_t place = 0;
        bool is_append = false;
    };

    attempt end_attempt(std::int64_t number) {
        const auto found = attempts_.find(number);
        if (found == attempts_.end())
            throw bad_record("there is no attempt " + std::to_string(number) + ", or it has ended before");
        const attempt ended = found->second;
        attempts_.erase(found);
        return ended;
    }

    void read_stored(instant at, line_words& words) {
        const attempt ended = end_attempt(words.number());
        if (!ended.is_append) throw bad_record("a change of a stream stores nothing");
        append_attempt& of = into_.appends[ended.place];
        of.end = outcome::done;
        of.ended = at;
        for (append_part& part : of.parts) {
            part.told.first_version = words.number();
            part.told.last_version = words.number();
            part.told.first_position = words.number();
            part.told.last_position = words.number();
        }
    }

    void read_outcome(instant at, line_words& words, outcome end) {
        const attempt ended = end_attempt(words.number());
        if (end == outcome::done) {
            if (ended.is_append) throw bad_record("an append tells where its events are");
        } else {
            words.word(); // the errc, for whoever reads the file
        }
        if (ended.is_append) {
            into_.appends[ended.place].end = end;
            into_.appends[ended.place].ended = at;
        } else {
            into_.changes[ended.place].end = end;
            into_.changes[ended.place].ended = at;
        }
    }

    void read_owner(instant at, line_words& words) {
        const std::int64_t number = words.number();
        ownership made;
        made.process = *process_;
        made.begun = at;
        made.store = read_name(words);
        made.stream = read_name(words);
        made.subscription = read_name(words);
        made.epoch = words.number();
        made.from = words.number();
        const auto is_same = [&](const auto& known) {
            const ownership& other = into_.ownerships[known.second];
            return other.store == made.store && other.stream == made.stream &&
                other.subscription == made.subscription && other.epoch == made.epoch;
        };
        const auto same = std::find_if(owners_.begin(), owners_.end(), is_same);
        const std::size_t place = same != owners_.end() ? same->second : into_.ownerships.size();
        if (!owners_.try_emplace(number, place).second)
            throw bad_record("there is an ownership " + std::to_string(number) + " already");
        if (place == into_.ownerships.size())
            into_.ownerships.push_back(std::move(made));
        else
            into_.ownerships[place].ended = never; // another consumer of it
    }

    void read_handler_call(instant at, line_words& words) {
        handler_call& made = into_.handler_calls.emplace_back();
        made.at = at;
        made.store = read_name(words);
        made.projection = read_name(words);
        made.first = words.number();
        made.last = words.number();
    }

    void read_rejection(instant at, line_words& words) {
        handler_rejection& made = into_.handler_rejections.emplace_back();
        made.at = at;
        made.store = read_name(words);
        made.projection = read_name(words);
        made.position = words.number();
    }

    void read_resumed(instant at, line_words& words) {
        const name_number process = read_name(words);
        const auto is_open = [&](const process_pause& known) {
            return known.process == process && known.ended == never;
        };
        const auto open = std::find_if(into_.pauses.rbegin(), into_.pauses.rend(), is_open);
        if (open == into_.pauses.rend()) throw bad_record("this process was not paused");
        open->ended = at;
    }

    history& into_;
    std::set<name_number>& processes_;
    std::optional<name_number> process_;
    std::unordered_map<std::int64_t, attempt> attempts_;
    std::unordered_map<std::int64_t, std::size_t> owners_;
};

} // namespace

std::size_t uuid_hash::operator()(const uuid& id) const noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, &id, sizeof halves);
    return static_cast<std::size_t>((halves[0] ^ (halves[1] << 1)) * 0x9e3779b97f4a7c15ULL >> 7);
}

name_table::number name_table::number_of(std::string_view text) {
    const auto found = numbers_.find(text);
    if (found != numbers_.end()) return found->second;
    const auto made = numbers_.emplace(std::string(text), static_cast<number>(names_.size())).first;
    names_.push_back(&made->first);
    return made->second;
}

void history::add(std::string_view text, const std::string& source) {
    process_reader reader(*this, processes_);
    for (std::size_t line = 1;; ++line) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return;
        try {
            reader.read(text.substr(0, end));
        } catch (const bad_record& problem) {
            throw bad_record(source + ":" + std::to_string(line) + ": this is no record: " + problem.what());
        }
        text.remove_prefix(end + 1);
    }
}

void history::add_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read the records " + path);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (file.bad()) throw std::runtime_error("cannot read the records " + path);
    add(text, path);
}

} // namespace eventstore::test::faults
