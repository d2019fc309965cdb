// How fast things go, from what is seen of them now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace eventstore::cli {

/// What is watched of a kind of rows: `key` (what tells them apart), `done` (a number that grows), `lag` (what is left to
/// do), and `is_same` (nothing that is shown has changed).
template <class Info>
struct progress_of;

/// No I/O: the caller says how much time has passed.
template <class Info>
class progress_rates {
public:
    using seconds = std::chrono::duration<double>;

    struct watched {
        Info info;
        double rate = 0;             ///< done in a second
        std::optional<seconds> left; ///< until it has caught up, at this pace; nothing if it falls behind, or stands
        bool is_changed = true;      ///< since the last look
        bool is_gone = false;        ///< it was there at the last look
    };

    /// \param passed since the last look
    std::vector<watched> look(const std::vector<Info>& list, seconds passed) {
        for (auto& [key, one] : known_) one.is_seen = false;
        std::vector<watched> all;
        for (const Info& info : list) all.push_back(look_at(info, passed));
        for (auto place = known_.begin(); place != known_.end();) {
            if (place->second.is_seen) {
                ++place;
                continue;
            }
            watched gone;
            gone.info = place->second.info;
            gone.is_gone = true;
            all.push_back(std::move(gone));
            place = known_.erase(place);
        }
        return all;
    }

private:
    using of = progress_of<Info>;
    using key_type = decltype(of::key(std::declval<const Info&>()));

    struct known {
        Info info;
        double rate = 0;
        double gain = 0; // by which its lag shrinks a second
        bool is_new = true;
        bool is_seen = true;
    };

    // Of two looks the newer one counts more, and the older ones do not vanish at once.
    static double smoothed(double before, double now, bool is_first) {
        constexpr double weight = 0.5;
        return is_first ? now : before + weight * (now - before);
    }

    watched look_at(const Info& info, seconds passed) {
        watched now;
        now.info = info;
        const auto [place, is_added] = known_.try_emplace(of::key(info));
        known& before = place->second;
        before.is_seen = true;
        if (!is_added && passed.count() > 0) {
            const auto done = double(of::done(info) - of::done(before.info));
            const auto gained = double(of::lag(before.info) - of::lag(info));
            before.rate = smoothed(before.rate, done < 0 ? 0 : done / passed.count(), before.is_new);
            before.gain = smoothed(before.gain, gained / passed.count(), before.is_new);
            before.is_new = false;
        }
        now.is_changed = is_added || !of::is_same(before.info, info);
        before.info = info;
        now.rate = before.rate;
        if (of::lag(info) == 0)
            now.left = seconds(0);
        else if (before.gain > 0)
            now.left = seconds(double(of::lag(info)) / before.gain);
        return now;
    }

    std::map<key_type, known> known_;
};

} // namespace eventstore::cli
