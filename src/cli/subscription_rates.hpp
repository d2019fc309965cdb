// How fast subscriptions go, from what is seen of them now and then.
#pragma once

#include <eventstore/subscription_info.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::cli {

/// No I/O: the caller says how much time has passed.
class subscription_rates {
public:
    using seconds = std::chrono::duration<double>;

    struct watched {
        subscription_info info;
        double rate = 0;             ///< checkpoints a second
        std::optional<seconds> left; ///< until it has caught up, at this pace; nothing if it falls behind, or stands
        bool is_changed = true;      ///< since the last look
        bool is_gone = false;        ///< it was there at the last look
    };

    /// \param passed since the last look
    std::vector<watched> look(const std::vector<subscription_info>& list, seconds passed);

private:
    struct known {
        subscription_info info;
        double rate = 0;
        double gain = 0; // by which its lag shrinks a second
        bool is_new = true;
        bool is_seen = true;
    };
    std::map<std::pair<std::string, std::string>, known> known_; // by stream and name
};

} // namespace eventstore::cli
