/// Which statements a connection has prepared, within bounds: each costs the server memory.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eventstore::postgres {

/// Decides how a statement is sent, without I/O.
///
/// While there is room, each is prepared at its first use. After that, the one that was used the longest ago makes room for
/// another one that comes again soon; what comes but once in a while is sent whole.
class prepared_statements {
public:
    explicit prepared_statements(std::size_t most = 200) : most_(most) {}

    struct use {
        std::string name;    ///< empty: send it whole
        bool is_new = false; ///< prepare it first, under this name
    };
    /// How to send the statement now. What had to make room is in gone().
    /// \param name, text of the statement. The prepared one has the name, a hash of the text, and a number, so that no name
    /// is used twice on a connection: through a pooler that was not told of, sessions change hands, and a name that another
    /// client has given, in another schema, must not run the other's statement.
    use next(std::size_t index, std::string_view name, std::string_view text);

    /// It is not prepared after all: the server says so.
    void forget(std::size_t index);

    bool has_gone() const noexcept { return !gone_.empty(); }
    /// The names that should be deallocated.
    std::vector<std::string> take_gone() noexcept { return std::exchange(gone_, {}); }

    std::size_t size() const noexcept { return known_.size(); }

private:
    struct entry {
        std::size_t index = 0;
        std::string name;
    };
    using order = std::list<entry>; // the one used last is in front

    bool comes_again(std::size_t index);

    const std::size_t most_;
    order known_;
    std::unordered_map<std::size_t, order::iterator> places_;
    std::list<std::size_t> seen_; // once, while there was no room
    std::unordered_map<std::size_t, std::list<std::size_t>::iterator> seen_places_;
    std::vector<std::string> gone_;
    std::size_t names_given_ = 0;
};

} // namespace eventstore::postgres
