#include "embedded/folder_path.hpp"

#include "embedded/start_failure.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <vector>

namespace eventstore::embedded {

namespace fs = std::filesystem;

namespace {

/// What is left of the way, the next step last.
using steps = std::vector<std::string>;

void put_before(steps& left, const fs::path& way) {
    steps parts;
    for (const fs::path& part : way)
        if (!part.empty() && part != "/" && part != ".") parts.push_back(part);
    left.insert(left.end(), parts.rbegin(), parts.rend());
}

descriptor enter(const descriptor& from, const std::string& name) {
    return descriptor(::openat(from.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// A new folder, that of root's for certain: another one may have taken its name at once.
descriptor make(const descriptor& in, const std::string& name, mode_t mode) {
    if (::mkdirat(in.get(), name.c_str(), mode) != 0 && errno != EEXIST) return {};
    descriptor made = enter(in, name);
    struct stat status;
    if (made && (::fstat(made.get(), &status) != 0 || status.st_uid != 0)) {
        errno = EPERM;
        return {};
    }
    if (made) ::fchmod(made.get(), mode); // whatever the umask is
    return made;
}

/// Where a link leads that root has made; empty if there is no link.
fs::path target_of(const descriptor& in, const std::string& name, const fs::path& folder) {
    struct stat status;
    if (::fstatat(in.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(status.st_mode)) return {};
    if (status.st_uid != 0)
        fail("the data folder ", detail::quoted_for_message(folder.native()), " lies behind the link ",
            detail::quoted_for_message(name), " of another user, which root does not follow: give the folder itself");
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(in.get(), name.c_str(), target.data(), target.size());
    target.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return target;
}

} // namespace

descriptor open_as_root(const fs::path& folder) {
    constexpr int most_links = 40;
    const descriptor root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    descriptor at(::openat(root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    steps left;
    put_before(left, folder);
    for (int links = 0; at && !left.empty();) {
        const std::string name = std::move(left.back());
        left.pop_back();
        descriptor next = enter(at, name);
        if (!next && errno == ENOENT) {
            next = make(at, name, left.empty() ? 0700 : 0711);
        } else if (!next && (errno == ELOOP || errno == ENOTDIR)) {
            const int why = errno;
            const fs::path target = target_of(at, name, folder);
            if (target.empty() || ++links > most_links) {
                errno = why;
                return {};
            }
            if (target.is_absolute()) at = descriptor(::openat(root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
            put_before(left, target);
            continue;
        }
        at = std::move(next);
    }
    if (!at) return {};
    const int high = ::fcntl(at.get(), F_DUPFD_CLOEXEC, 10); // as all that children may get
    return descriptor(high);
}

} // namespace eventstore::embedded
