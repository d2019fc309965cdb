// refused: this type is no event: it has no codec\. Write, before its first use: template <> struct eventstore::codec
#include <eventstore/store.hpp>

#include <string>

struct opened {
    std::string owner;
};

void use(const eventstore::store& store, const opened& event) {
    (void)store.append("account-1", eventstore::no_stream, event);
}
