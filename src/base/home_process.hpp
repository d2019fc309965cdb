/// What an object of this process may do in a child that was made by fork().
#pragma once

#include <memory>

namespace eventstore::detail {

/// How many forks lie between the program's start and this process.
unsigned fork_generation() noexcept;

/// The process that made an object. A forked child has the object, too, but not the threads that work for it; and what is
/// behind its descriptors (sessions, a server, a set of epoll) belongs to the parent, which goes on.
class home_process {
public:
    bool is_here() const noexcept { return generation_ == fork_generation(); }

private:
    unsigned generation_ = fork_generation();
};

/// Never destroys it: in a child, which cannot join the threads of its parent, nor end what they wait for.
void keep_for_ever(std::shared_ptr<void> object);

} // namespace eventstore::detail
