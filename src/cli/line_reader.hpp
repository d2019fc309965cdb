// Lines of a file or of standard input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eventstore::cli {

class line_reader {
public:
    /// `-` is standard input. \throws usage_error if the file cannot be opened
    explicit line_reader(const std::string& path);
    ~line_reader();
    line_reader(const line_reader&) = delete;
    line_reader& operator=(const line_reader&) = delete;

    enum class state {
        line,    ///< there is one: take it
        waiting, ///< none yet: wait() blocks until there is more
        end,
    };
    state peek();
    void wait();

    /// The line, without its end and without a byte order mark. Lives until the next call of peek().
    /// \throws usage_error that names the encoding, if it is UTF-16 or UTF-32
    std::string_view take();
    /// The number of the line taken last, from 1.
    std::size_t number() const noexcept { return number_; }

private:
    int file_;
    std::string buffer_;
    std::size_t begin_ = 0;   // of the line
    std::size_t scanned_ = 0; // no line break before this
    std::size_t number_ = 0;
    bool at_end_ = false;
};

} // namespace eventstore::cli
