/// A file descriptor that closes itself, and that no program started by this process inherits by accident.
#pragma once

#include <array>
#include <utility>

namespace eventstore::embedded {

class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int number) noexcept : number_(number) {}
    ~descriptor() { close(); }
    descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        if (this != &other) {
            close();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }

    int get() const noexcept { return number_; }
    explicit operator bool() const noexcept { return number_ >= 0; }
    void close() noexcept;

private:
    int number_ = -1;
};

/// All of these are close-on-exec and above 9, so that they can be moved to 0, 1, 2... of a child in any order, even if
/// this process has its standard descriptors closed. They throw std::system_error.
std::array<descriptor, 2> make_pipe();        ///< read end, write end
std::array<descriptor, 2> make_socket_pair(); ///< both ends alike
descriptor make_nameless_file();              ///< for reading and appending, gone when nobody has it open
descriptor open_folder(const char* path);     ///< invalid, and errno set, if that fails

} // namespace eventstore::embedded
