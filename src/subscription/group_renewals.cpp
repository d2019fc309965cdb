#include "subscription/group_renewals.hpp"

#include "storage/sql.hpp"

#include <utility>

namespace eventstore::delivery {

using enum postgres::type_oid;

postgres::parameters arguments_of(const std::vector<owned_write>& all) {
    postgres::parameters arguments;
    const auto array = [&](postgres::type_oid type, auto add, bool has_nulls = false) {
        arguments.begin_array(type, all.size(), has_nulls);
        for (const owned_write& each : all) add(*each.what);
    };
    const auto add_optional = [&](const auto& value) {
        if (value)
            arguments.add(*value);
        else
            arguments.add_null();
    };
    using write = const lease_write&;
    array(int8, [&](write each) { arguments.add(each.id); });
    array(int8, [&](write each) { arguments.add(each.epoch); });
    arguments.begin_array(uuid, all.size());
    for (const owned_write& each : all) arguments.add(each.owner);
    array(int8, [&](write each) { arguments.add(each.from); });
    const auto add_position = [&](write each) {
        add_optional(each.is_moved ? std::optional(each.what.checkpoint.where.position) : std::nullopt);
    };
    array(int8, add_position, true);
    array(int8, [&](write each) { arguments.add(each.what.checkpoint.where.version); });
    array(
        uuid, [&](write each) { add_optional(each.what.checkpoint.event); }, true);
    array(int4, [&](write each) { arguments.add(each.what.timeline); });
    array(int8, [&](write each) { arguments.add(each.what.received); });
    array(
        uuid, [&](write each) { add_optional(each.what.received_event); }, true);
    array(int4, [&](write each) { arguments.add(std::int32_t(each.what.handed_out.deliveries)); });
    array(int8, [&](write each) { arguments.add(each.what.handed_out.delivered); });
    array(int8, [&](write each) { arguments.add(each.what.handed_out.through); });
    array(boolean, [&](write each) { arguments.add(each.releases); });
    array(int8, [&](write each) { arguments.add(each.beat); });
    return arguments;
}

postgres::parameters checkpoint_arguments(const lease_write& what, const eventstore::uuid& owner) {
    postgres::parameters arguments;
    const auto add_id = [&](const std::optional<eventstore::uuid>& id) {
        if (id)
            arguments.add(*id);
        else
            arguments.add_null();
    };
    arguments.add(what.id);
    arguments.add(what.epoch);
    arguments.add(owner);
    arguments.add(what.from);
    arguments.add(what.first);
    arguments.add(what.what.checkpoint.where.position);
    arguments.add(what.what.checkpoint.where.version);
    add_id(what.what.checkpoint.event);
    arguments.add(what.what.timeline);
    arguments.add(what.what.received);
    add_id(what.what.received_event);
    return arguments;
}

class group_renewals::part final : public storage::combined::part {
public:
    part(const std::shared_ptr<storage::combined>& owner, std::string schema_, std::vector<lease_write> list,
        eventstore::uuid store)
        : storage::combined::part(owner, std::move(schema_), list.size()), rows(std::move(list)), store_(store) {}

    const std::vector<lease_write> rows;

    static storage::combined::question question() {
        storage::combined::question how;
        how.sql = storage::sql::combined_settlement;
        how.types = {int8_array, int8_array, uuid_array, int8_array, int8_array, int8_array, uuid_array, int4_array,
            int8_array, uuid_array, int4_array, int8_array, int8_array, boolean_array, int8_array};
        how.doing = "renewing the leases of subscriptions";
        how.writes = true;
        how.arguments = [](const storage::combined::parts& all) {
            std::vector<owned_write> list;
            for (const auto& each : all) {
                const auto& one = static_cast<const part&>(*each);
                for (const lease_write& write : one.rows) list.push_back({&write, one.store_});
            }
            return arguments_of(list);
        };
        return how;
    }

private:
    const eventstore::uuid store_;
};

group_renewals::group_renewals(
    const detail::environment& where, std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout)
    : begun_(where.now()),
      all_(std::make_shared<storage::combined>(part::question(), where, std::move(pool), timeout)) {}

asio::awaitable<result<group_renewals::codes>> group_renewals::write(std::shared_ptr<group_renewals> self,
    std::string schema, std::vector<lease_write> writes, eventstore::uuid owner, steady_time deadline) {
    const auto own = std::make_shared<part>(self->all_, std::move(schema), std::move(writes), owner);
    auto asking = storage::combined::ask(self->all_, own, deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    co_return answer->table.int8_array(answer->number, 1);
}

} // namespace eventstore::delivery
