#include "cli/table.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::cli {

namespace {

constexpr std::string_view gap = "  ";

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::size_t characters(std::string_view text) {
    return std::size_t(std::count_if(text.begin(), text.end(), begins_character));
}

/// What stands in an event must not move the cursor, ring the bell or change the colours.
void remove_controls(std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == 0x7F) text[i] = ' ';
        if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0)
            text.replace(i, 2, " "); // U+0080 to U+009F
    }
}

void cut(std::string& text, std::size_t limit) {
    if (characters(text) <= limit) return;
    std::size_t end = 0;
    for (std::size_t seen = 0; end < text.size(); ++end)
        if (begins_character(text[end]) && seen++ == limit - 1) break;
    text.replace(end, text.npos, "…");
}

} // namespace

table::table(output& out, std::vector<column> columns) : out_(out), columns_(std::move(columns)) {
    for (const column& heading : columns_) widths_.push_back(heading.title.size());
}

void table::add(std::vector<std::string> cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        remove_controls(cells[i]);
        widths_[i] = std::max(widths_[i], characters(cells[i]));
    }
    rows_.push_back(std::move(cells));
}

void table::flush() {
    if (!std::exchange(has_header_, true)) {
        std::vector<std::string> titles;
        for (const column& heading : columns_) titles.emplace_back(heading.title);
        print(titles);
    }
    for (const std::vector<std::string>& row : rows_) print(row);
    rows_.clear();
}

void table::print(const std::vector<std::string>& cells) {
    const std::size_t limit = out_.width();
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) line += gap;
        const std::size_t padding = widths_[i] - characters(cells[i]);
        if (columns_[i].is_number) line.append(padding, ' ');
        line += cells[i];
        if (!columns_[i].is_number && i + 1 < cells.size()) line.append(padding, ' ');
    }
    if (limit > 0) cut(line, limit);
    out_.put(line += '\n');
}

} // namespace eventstore::cli
