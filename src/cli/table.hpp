// Columns for people.
#pragma once

#include "cli/output.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::cli {

/// Prints rows in columns. Rows are kept until flush(), a page at a time, to know how wide the columns must be; they
/// only grow from page to page. The last column is cut at the edge of the terminal.
class table {
public:
    struct column {
        std::string_view title;
        bool is_number = false; // to the right
    };

    table(output& out, std::vector<column> columns);

    void add(std::vector<std::string> cells);
    void flush();

private:
    void print(const std::vector<std::string>& cells);

    output& out_;
    std::vector<column> columns_;
    std::vector<std::size_t> widths_;
    std::vector<std::vector<std::string>> rows_;
    bool has_header_ = false;
};

} // namespace eventstore::cli
