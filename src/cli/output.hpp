// What the program prints.
#pragma once

#include <string>
#include <string_view>

namespace eventstore::cli {

/// Standard output, buffered. Writing blocks; the store works on a thread of its own meanwhile.
class output {
public:
    output();

    /// \throws std::system_error when the text cannot be written, for instance to a full disk
    void put(std::string_view text);
    void flush();

    /// Nobody reads any more (`eventstore read | head`): what is put is dropped.
    bool gone() const noexcept { return gone_; }

    /// From now on flush() waits for a slow reader only until this descriptor can be read: then what is left is dropped.
    /// -1: for as long as it takes, as in the beginning.
    void wait_until(int descriptor) noexcept { stop_ = descriptor; }

    bool is_terminal() const noexcept { return is_terminal_; }
    /// Characters in a line of the terminal; 0 = it is no terminal, and a line may be of any length.
    std::size_t width() const;

private:
    bool has_room() const;

    std::string buffer_;
    int stop_ = -1;
    bool gone_ = false;
    bool is_terminal_;
};

} // namespace eventstore::cli
