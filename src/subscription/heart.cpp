#include "subscription/heart.hpp"

#include "storage/sql.hpp"

#include <utility>

namespace eventstore::delivery {

using enum postgres::type_oid;
using settlement = shared_subscription::settlement;

postgres::parameters arguments_of(const std::vector<const settlement*>& all) {
    postgres::parameters arguments;
    const auto each_as = [&](postgres::type_oid type, auto add, bool has_nulls = false) {
        arguments.begin_array(type, all.size(), has_nulls);
        for (const settlement* each : all) add(*each);
    };
    each_as(int8, [&](const settlement& each) { arguments.add(each.id); });
    each_as(int8, [&](const settlement& each) { arguments.add(each.epoch); });
    each_as(uuid, [&](const settlement& each) { arguments.add(each.owner); });
    each_as(int8, [&](const settlement& each) { arguments.add(each.from); });
    each_as(
        int8,
        [&](const settlement& each) {
            if (each.is_moved)
                arguments.add(each.checkpoint.where.position);
            else
                arguments.add_null();
        },
        true);
    each_as(int8, [&](const settlement& each) { arguments.add(each.checkpoint.where.version); });
    const auto add_id = [&](const std::optional<eventstore::uuid>& id) {
        if (id)
            arguments.add(*id);
        else
            arguments.add_null();
    };
    each_as(
        uuid, [&](const settlement& each) { add_id(each.checkpoint.event); }, true);
    each_as(int4, [&](const settlement& each) { arguments.add(each.timeline); });
    each_as(int8, [&](const settlement& each) { arguments.add(each.seen); });
    each_as(
        uuid, [&](const settlement& each) { add_id(each.seen_event); }, true);
    each_as(int4, [&](const settlement& each) { arguments.add(std::int32_t(each.handed_out.deliveries)); });
    each_as(int8, [&](const settlement& each) { arguments.add(each.handed_out.delivered); });
    each_as(int8, [&](const settlement& each) { arguments.add(each.handed_out.through); });
    each_as(boolean, [&](const settlement& each) { arguments.add(each.releases); });
    each_as(int8, [&](const settlement& each) { arguments.add(each.beat); });
    return arguments;
}

class heart::part final : public log::combined::part {
public:
    part(const std::shared_ptr<log::combined>& owner, std::string whose, std::vector<settlement> what_)
        : log::combined::part(owner, std::move(whose), what_.size()), what(std::move(what_)) {}

    const std::vector<settlement> what;

    static log::combined::question question() {
        log::combined::question how;
        how.sql = log::sql::combined_settlement;
        how.types = {int8_array, int8_array, uuid_array, int8_array, int8_array, int8_array, uuid_array, int4_array,
            int8_array, uuid_array, int4_array, int8_array, int8_array, boolean_array, int8_array};
        how.doing = "renewing the leases of subscriptions";
        how.writes = true;
        how.arguments = [](const log::combined::parts& all) {
            std::vector<const settlement*> list;
            for (const auto& each : all) {
                for (const settlement& one : static_cast<const part&>(*each).what) list.push_back(&one);
            }
            return arguments_of(list);
        };
        return how;
    }
};

heart::heart(const detail::environment& where, std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout)
    : begun_(where.now()), all_(std::make_shared<log::combined>(part::question(), where, std::move(pool), timeout)) {}

// Leases of the same length beat together, as often as they are renewed.
steady_time heart::beat_before(steady_time due, std::chrono::milliseconds lease) const {
    const steady_time::duration step = lease_state::renewal(lease);
    if (step.count() <= 0 || due <= begun_) return due;
    return due - (due - begun_) % step;
}

asio::awaitable<result<heart::codes>> heart::settle(
    std::shared_ptr<heart> self, std::string schema, const std::vector<settlement>& what, steady_time deadline) {
    const auto mine = std::make_shared<part>(self->all_, std::move(schema), what);
    auto asking = log::combined::ask(self->all_, mine, deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    co_return answer->table.int8_array(answer->number, 1);
}

} // namespace eventstore::delivery
