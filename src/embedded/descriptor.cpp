#include "embedded/descriptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace eventstore::embedded {

namespace {

[[noreturn]] void throw_errno(const char* message) { throw std::system_error(errno, std::generic_category(), message); }

descriptor moved_up(int number) {
    const descriptor low(number);
    const int high = ::fcntl(number, F_DUPFD_CLOEXEC, 10);
    if (high < 0) throw_errno("cannot duplicate a file descriptor");
    return descriptor(high);
}

std::array<descriptor, 2> moved_up(const int (&numbers)[2]) {
    descriptor first(numbers[0]);
    descriptor second(numbers[1]);
    const auto move_up = [](descriptor& moved) {
        const int high = ::fcntl(moved.get(), F_DUPFD_CLOEXEC, 10);
        if (high < 0) throw_errno("cannot duplicate a file descriptor");
        moved = descriptor(high);
    };
    move_up(first);
    move_up(second);
    return {std::move(first), std::move(second)};
}

} // namespace

void descriptor::close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
}

std::array<descriptor, 2> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
    return moved_up(ends);
}

std::array<descriptor, 2> make_socket_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("cannot make a pair of sockets");
    return moved_up(ends);
}

descriptor make_nameless_file() {
    for (const char* folder : {"/tmp", "/var/tmp", "/dev/shm"}) {
        const int number = ::open(folder, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
        if (number >= 0) return moved_up(number);
    }
    char name[] = "/tmp/eventstore-log-XXXXXX"; // a file system without O_TMPFILE
    const int number = ::mkostemp(name, O_APPEND | O_CLOEXEC);
    if (number < 0) throw_errno("cannot make a temporary file in /tmp");
    ::unlink(name);
    return moved_up(number);
}

descriptor open_folder(const char* path) {
    const int number = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return number < 0 ? descriptor() : moved_up(number);
}

} // namespace eventstore::embedded
