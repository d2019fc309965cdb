#include "embedded/small_file.hpp"

#include "embedded/descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace eventstore::embedded {

std::string small_file(int folder, const char* name) {
    constexpr std::size_t longest = 4'096;
    const descriptor file(::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat status;
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    std::string text(longest, '\0');
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
}

} // namespace eventstore::embedded
